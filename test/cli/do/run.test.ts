import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FakeCluster, type FakeNode } from '../../client/fake-server.js'
import { endLeftovers } from '../../kit/leftovers.js'
import { compiledPrograms } from '../compiled.js'
import { groupIsDead, guardianOf, runs, statOf } from '../stat.js'
import { RunningDo } from './running-do.js'

const compiled = compiledPrograms()

/** Keepalives every half second, locks held for 2.65 s without one, the command asked to end 0.75 s before. */
const LEASE_SECONDS = 3

let cluster: FakeCluster
let first: FakeNode
let second: FakeNode

beforeEach(async () => {
  cluster = new FakeCluster(LEASE_SECONDS)
  first = await cluster.addNode()
  second = await cluster.addNode()
})

afterEach(async () => {
  await endLeftovers()
  await cluster.close()
})

function start(words: readonly string[], env: Record<string, string> = {}, program = 'tnl-do'): RunningDo {
  return new RunningDo([compiled(program), ...words], { TNL_ENDPOINTS: cluster.endpoints, ...env })
}

async function statusOf(words: readonly string[], env: Record<string, string> = {}): Promise<number | null> {
  return (await start(words, env).ended).status
}

const FOREVER = ['--lock-name', 'x', '--', 'sh', '-c', 'trap "echo asked" TERM; echo $$; sleep 1000 & wait']

describe('the exit status', () => {
  it.each([
    [['true'], 0],
    [['sh', '-c', 'exit 3'], 3],
    [['sh', '-c', 'kill -9 $$'], 137],
    [['sh', '-c', 'kill -TERM $$'], 143],
    [['no-such-command'], 127],
    [['/etc/passwd'], 126],
    [['--lock-name', 'x', '/'], 126],
    [['/'], 2],
    [['--shell', 'exit 4'], 4],
    [['--shell', 'a', 'b'], 2],
  ])('of %j is %d', async (words, status) => {
    expect(await statusOf(words)).toBe(status)
    expect([...cluster.locks.values()].every((lock) => lock.holder === null)).toBe(true)
  })

  it('is 123 when another holds the lock, who is named', async () => {
    const holder = start(['--client-id', 'other@host', ...FOREVER])
    await holder.printed()
    const rival = start(['--lock-name', 'x', 'true'])
    expect((await rival.ended).status).toBe(123)
    expect(rival.stderr).toContain('other@host')
  })

  it('is 125 when no endpoint answers', async () => {
    expect(await statusOf(['--endpoints', '127.0.0.1:1', 'true'])).toBe(125)
  })

  it('is 2 under a name that is held around it, also by who is further out', async () => {
    const words = (name: string, ...command: string[]) => [compiled('tnl-do'), '--lock-name', name, ...command]
    const inner = ['env', 'TNL_LOCK_NAME=y', process.execPath, ...words('x', 'true')]
    const run = start(['--lock-name', 'x', '--client-id', 'me', process.execPath, ...words('y', ...inner)])
    expect((await run.ended).status).toBe(2)
    expect(run.stderr).toContain("runs under the lock 'x' already, held by me")
  })

  it('is not 2 when the mark has outlived its lock, or speaks of another cluster', async () => {
    const ran = (held: string) => statusOf(['--lock-name', 'x', 'true'], { TNL_HELD: held })
    expect(await ran('x@5,,me')).toBe(0)
    const holder = start(['--client-id', 'me', ...FOREVER])
    await holder.printed()
    expect(await ran('x@5,another,me')).toBe(123)
    expect(await ran('x@5,,somebody')).toBe(123)
    expect(await ran('x@5,,me')).toBe(2)
  })
})

describe('the command', () => {
  it('inherits stdin, stdout and stderr and sees the lock', async () => {
    const run = start([
      '--lock-name',
      'x',
      '--',
      'sh',
      '-c',
      'cat; echo $TNL_LOCK_NAME $TNL_TOKEN $TNL_SESSION; echo e >&2',
    ])
    run.child.stdin?.end('in\n')
    await run.ended
    expect(run.stdout).toBe('in\nx 102 101\n')
    expect(run.stderr).toBe('e\n')
  })

  it('gets the signals that reach tnl-do, and the lock stays until it has ended', async () => {
    const script =
      'trap "echo got; while [ ! -e /dev/null ]; do :; done; exit 7" TERM; echo $$; while :; do sleep 0.05; done'
    const run = start(['--lock-name', 'x', '--', 'sh', '-c', script])
    await run.printed()
    run.child.kill('SIGTERM')
    expect((await run.ended).status).toBe(7)
    expect(run.stdout).toContain('got')
    expect(first.received.findIndex((line) => line.startsWith('release'))).toBeGreaterThan(0)
  })

  it('takes with it what it leaves behind in its group', async () => {
    const run = start(['--lock-name', 'x', '--', 'sh', '-c', 'sleep 1000 & echo $!; exit 5'])
    const sleeper = await run.printed()
    expect((await run.ended).status).toBe(5)
    expect(runs(statOf(sleeper))).toBe(false)
  })

  it('runs on while its session moves to another node', async () => {
    const run = start(['--lock-name', 'x', '--', 'sh', '-c', 'echo $$; read line; echo $line'])
    await run.printed()
    await first.stop()
    await second.until(() => second.heard('resume'))
    run.child.stdin?.end('done\n')
    expect((await run.ended).status).toBe(0)
    expect(run.stdout).toContain('done')
    expect(second.received.some((line) => line.startsWith('release') && line.includes('token:102'))).toBe(true)
    expect(second.heard('bye')).toBe(true)
  })
})

describe('waiting', () => {
  it('ends at once with a signal, and leaves the queue', async () => {
    const holder = start(FOREVER)
    await holder.printed()
    const rival = start(['--lock-name', 'x', '--wait', 'forever', 'true'])
    await first.until(() => cluster.lock('x').queue.length === 1)
    rival.child.kill('SIGINT')
    expect((await rival.ended).status).toBe(130)
    expect(cluster.lock('x').queue).toHaveLength(0)
  })

  it('ends with the word of the guardian when tnl-do is killed', async () => {
    const holder = start(FOREVER)
    await holder.printed()
    const rival = start(['--lock-name', 'x', '--wait', 'forever', 'true'])
    await first.until(() => cluster.lock('x').queue.length === 1)
    rival.child.kill('SIGKILL')
    await first.until(() => cluster.lock('x').queue.length === 0)
    // On the connection that tnl-do had: nobody had to find the session again.
    expect([first.heard('bye'), first.heard('resume')]).toEqual([true, false])
  })

  it('gets the lock when it becomes free', async () => {
    const holder = start(['--client-id', 'first@host', '--lock-name', 'x', '--', 'sh', '-c', 'echo $$; read line'])
    await holder.printed()
    const rival = start(['-v', '--lock-name', 'x', '--wait', '60', 'true'])
    await first.until(() => cluster.lock('x').queue.length === 1)
    holder.child.stdin?.end('go\n')
    expect((await rival.ended).status).toBe(0)
    expect(rival.stderr).toContain("waiting for the lock 'x', held by first@host")
  })

  it('by --retry stops at the first grant', async () => {
    const holder = start(['--lock-name', 'x', '--', 'sh', '-c', 'echo $$; read line'])
    await holder.printed()
    const rival = start(['--lock-name', 'x', '--retry', '50', '--retry-wait', '0.2', 'echo', 'ran'])
    const asked = (): number => first.received.filter((line) => line.startsWith('lock,')).length
    await first.until(() => asked() >= 3)
    holder.child.stdin?.end('go\n')
    expect((await rival.ended).status).toBe(0)
    expect(rival.stdout).toBe('ran\n')
    expect(cluster.lock('x').token).toBe(cluster.lastNumber)
  })
})

describe('the command never runs on without the lock', () => {
  it('when tnl-do and its group are killed: the command dies at once, unasked, then a word frees the lock', async () => {
    const run = start(FOREVER)
    const groupId = await run.printed()
    process.kill(-run.pid, 'SIGKILL')
    await first.until(() => cluster.holderOf('x') === null)
    expect(groupIsDead(groupId)).toBe(true)
    await run.ended
    expect([first.heard('bye'), run.stdout]).toEqual([true, `${groupId}\n`])
  })

  it('when tnl-do is killed after its session has moved: the guardian has the new connection too', async () => {
    const run = start(FOREVER)
    const groupId = await run.printed()
    await first.stop()
    await second.until(() => second.heard('resume'))
    process.kill(run.pid, 'SIGKILL')
    await second.until(() => cluster.holderOf('x') === null)
    expect(groupIsDead(groupId)).toBe(true)
    expect(second.received.slice(-2)).toEqual(['', 'bye'])
  })

  it('when tnl-do is stopped: the group is dead by the deadline, and tnl-do says so when it wakes', async () => {
    const script = 'trap "" TERM; echo $$; while :; do sleep 0.05; done'
    const run = start(['--lock-name', 'x', '--', 'sh', '-c', script])
    const groupId = await run.printed()
    process.kill(run.pid, 'SIGSTOP')
    await first.until(() => first.fins.length === 1)
    expect(groupIsDead(groupId)).toBe(true)
    process.kill(run.pid, 'SIGCONT')
    expect((await run.ended).status).toBe(122)
  })

  it('when tnl-do is stopped and the command ends by itself: the lock is free by the deadline all the same', async () => {
    const run = start(['--lock-name', 'x', '--', 'sh', '-c', 'echo $$; read line; exit 6'])
    await run.printed()
    process.kill(run.pid, 'SIGSTOP')
    run.child.stdin?.end('go\n')
    await first.until(() => cluster.holderOf('x') === null)
    expect(first.heard('bye')).toBe(true)
    process.kill(run.pid, 'SIGCONT')
    expect((await run.ended).status).toBe(6)
  })

  it('when no node answers: first asked to end, then killed, status 122', async () => {
    const script = 'trap "echo asked" TERM; echo $$; while :; do sleep 0.05; done'
    const run = start(['--lock-name', 'x', '--', 'sh', '-c', script])
    const groupId = await run.printed()
    first.mood = { kind: 'silent' }
    second.mood = { kind: 'silent' }
    expect((await run.ended).status).toBe(122)
    expect(groupIsDead(groupId)).toBe(true)
    expect(run.stdout).toContain('asked')
    expect(run.stderr).toContain('lost')
  })

  it('when it was ended in time: status 122 all the same', async () => {
    const run = start([
      '--lock-name',
      'x',
      '--',
      'sh',
      '-c',
      'trap "exit 0" TERM; echo $$; while :; do sleep 0.05; done',
    ])
    await run.printed()
    first.mood = { kind: 'silent' }
    second.mood = { kind: 'silent' }
    expect((await run.ended).status).toBe(122)
  })

  it('asks by another signal if so told', async () => {
    const script = 'trap "echo usr" USR1; trap "echo term" TERM; echo $$; while :; do sleep 0.05; done'
    const run = start(['--on-lost', 'signal:USR1', '--lock-name', 'x', '--', 'sh', '-c', script])
    await run.printed()
    first.mood = { kind: 'silent' }
    second.mood = { kind: 'silent' }
    expect((await run.ended).status).toBe(122)
    expect(run.stdout).toMatch(/^\d+\nusr\n$/)
  })

  it('when the cluster says that the lock is gone', async () => {
    const run = start(FOREVER)
    const groupId = await run.printed()
    cluster.sessions.clear()
    for (const connection of first.connections) connection.reset()
    expect((await run.ended).status).toBe(122)
    expect(groupIsDead(groupId)).toBe(true)
  })

  it('when the guardian is killed', async () => {
    const run = start(FOREVER)
    const groupId = await run.printed()
    process.kill(guardianOf(groupId), 'SIGKILL')
    expect((await run.ended).status).toBe(124)
    expect(groupIsDead(groupId)).toBe(true)
    expect(cluster.holderOf('x')).toBeNull()
  })

  it('when the guardian is stopped', async () => {
    const run = start(FOREVER)
    const groupId = await run.printed()
    process.kill(guardianOf(groupId), 'SIGSTOP')
    first.mood = { kind: 'silent' }
    second.mood = { kind: 'silent' }
    expect((await run.ended).status).toBe(122)
    expect(groupIsDead(groupId)).toBe(true)
  })

  it('unless told to ignore the loss', async () => {
    const run = start(['--on-lost', 'ignore', '--lock-name', 'x', '--', 'sh', '-c', 'echo $$; read line; exit 6'])
    await run.printed()
    cluster.sessions.clear()
    for (const connection of first.connections) connection.reset()
    await vi.waitFor(() => expect(run.stderr).toContain('lost'), { timeout: 20_000 })
    run.child.stdin?.end('go\n')
    expect((await run.ended).status).toBe(6)
  })
})

describe('against an original server', () => {
  beforeEach(() => {
    first.mood = { kind: 'classic' }
    second.mood = { kind: 'classic' }
  })

  it('says so and runs the command under the lock', async () => {
    const run = start(['--lock-name', 'x', '--', 'sh', '-c', 'echo $TNL_LOCK_NAME,$TNL_TOKEN; exit 3'])
    expect((await run.ended).status).toBe(3)
    expect(run.stdout).toBe('x,\n')
    expect(run.stderr).toContain('original')
    expect(first.received).toContain('release')
  })

  it('ends the command when the server is gone', async () => {
    const run = start(FOREVER)
    const groupId = await run.printed()
    await first.stop()
    expect((await run.ended).status).toBe(122)
    expect(groupIsDead(groupId)).toBe(true)
  })
})

describe('tnl-client', () => {
  it('holds the lock until it is told to end', async () => {
    const run = start(['x', '--client-id', 'me'], {}, 'tnl-client')
    await first.until(() => cluster.holderOf('x') === 'me')
    const rival = start(['x'], {}, 'tnl-client')
    expect((await rival.ended).status).toBe(123)
    run.child.kill('SIGTERM')
    expect((await run.ended).status).toBe(143)
    expect(cluster.holderOf('x')).toBeNull()
  })

  it('frees the lock when it is killed', async () => {
    const run = start(['x', '--client-id', 'me', '--info'], {}, 'tnl-client')
    // Killed with an answer unread it would leave by reset, and the session would last for its lease.
    await vi.waitFor(() => expect(run.stderr).toContain('granted'), { timeout: 20_000 })
    run.child.kill('SIGKILL')
    await first.until(() => cluster.holderOf('x') === null)
    expect((await run.ended).signal).toBe('SIGKILL')
  })

  it('ends with 122 when the lock is lost, with 2 when nobody listens', async () => {
    const run = start(['x', '--client-id', 'me'], {}, 'tnl-client')
    await first.until(() => cluster.holderOf('x') === 'me')
    first.mood = { kind: 'silent' }
    second.mood = { kind: 'silent' }
    expect((await run.ended).status).toBe(122)
    const refused = start(['x', '--port', '1'], {}, 'tnl-client')
    expect((await refused.ended).status).toBe(2)
    expect(refused.stderr).toContain('[Errno 111]')
  })
})
