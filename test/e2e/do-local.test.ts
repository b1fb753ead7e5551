/** `--local`: locks of one host, without a server. */
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { NotGrantedError } from '../../src/client/errors.js'
import { LocalSession } from '../../src/client/session/local-session.js'
import { RunningDo } from '../cli/do/running-do.js'
import { groupIsDead, guardianOf } from '../cli/stat.js'
import { endLeftovers } from '../kit/leftovers.js'
import { builtProgram } from '../kit/process-cluster.js'

afterEach(endLeftovers)

let lastName = 0
function freshName(): string {
  lastName += 1
  return `local-test-${process.pid}-${lastName}`
}

function start(words: readonly string[], env: Record<string, string> = {}): RunningDo {
  // Nobody is to be reached: no server has a part in this.
  return new RunningDo([builtProgram('tnl-do'), '--local', ...words], { TNL_ENDPOINTS: '127.0.0.1:1', ...env })
}

const JOB = ['sh', '-c', 'trap "" TERM; echo $$; while :; do sleep 0.05; done']

/** The abstract sockets of this product; the kernel shows their names. */
const sockets = (): string[] => readFileSync('/proc/net/unix', 'utf8').match(/@tcpnetlock\/\S+/g) ?? []

describe.runIf(process.platform === 'linux')('a lock of this host', () => {
  it('runs the command and leaves nothing behind', async () => {
    const before = sockets()
    const run = start(['--lock-name', freshName(), '--', 'sh', '-c', 'echo "$TNL_HELD"; exit 3'])
    expect((await run.ended).status).toBe(3)
    expect(run.stdout).toMatch(/^local-test-\S+@,local,\S+\n$/)
    expect(sockets()).toEqual(before)
  })

  it("is another's for nobody else, who is told by whom it is held", async () => {
    const name = freshName()
    const holder = start(['--client-id', 'me@here', '--lock-name', name, '--', ...JOB])
    await holder.printed()
    const rival = start(['--lock-name', name, 'true'])
    expect((await rival.ended).status).toBe(123)
    expect(rival.stderr).toContain('held by me@here')
    const other = start(['--lock-name', freshName(), 'true'])
    expect((await other.ended).status).toBe(0)
  })

  it('is free for the next when tnl-do has ended', async () => {
    const name = freshName()
    for (let turn = 0; turn < 3; turn += 1) {
      expect((await start(['--lock-name', name, 'true']).ended).status).toBe(0)
    }
  })

  it('is waited for', async () => {
    const name = freshName()
    const holder = start(['--lock-name', name, '--', 'sh', '-c', 'echo $$; read line'])
    await holder.printed()
    const late = start(['--wait', '0.3', '--lock-name', name, 'true'])
    expect((await late.ended).status).toBe(123)
    const next = ['1', '2', '3'].map(() => start(['-v', '--wait', 'forever', '--lock-name', name, 'true']))
    holder.child.stdin?.end('go\n')
    expect((await Promise.all(next.map((run) => run.ended))).map(({ status }) => status)).toEqual([0, 0, 0])
  })

  it('of several names is all or nothing', async () => {
    const [a, b] = [freshName(), freshName()]
    const holder = start(['--lock-name', a, '--', ...JOB])
    await holder.printed()
    const both = start(['--lock-name', b, '--lock-name', a, 'true'])
    expect((await both.ended).status).toBe(123)
    expect(both.stderr).toContain(a)
    expect((await start(['--lock-name', b, 'true']).ended).status).toBe(0)
  })

  it('is refused with 2 under itself', async () => {
    const name = freshName()
    const inner = [
      process.execPath,
      builtProgram('tnl-do'),
      '--local',
      '--wait',
      'forever',
      '--lock-name',
      name,
      'true',
    ]
    const run = start(['--lock-name', name, '--', ...inner])
    expect((await run.ended).status).toBe(2)
    expect(run.stderr).toContain(`runs under the lock '${name}' already`)
  })
})

describe.runIf(process.platform === 'linux')(
  'whoever is killed, the lock is free only when nothing is left of the command',
  () => {
    /** Ends the holder in some way and says whether anything of its command was there when the next one got the lock. */
    async function nextAfter(strike: (run: RunningDo, group: number) => void): Promise<boolean> {
      const name = freshName()
      const run = start(['--lock-name', name, '--', ...JOB])
      const group = await run.printed()
      const session = new LocalSession('next')
      const waiting = session.ask([{ name, amount: 'exclusive' }], { waitMs: 20_000 })
      waiting.catch(() => {})
      strike(run, group)
      await waiting
      const isDead = groupIsDead(group)
      await session.close()
      return isDead
    }

    it('tnl-do', async () => {
      expect(await nextAfter((run) => process.kill(run.pid, 'SIGKILL'))).toBe(true)
    })

    it('both', async () => {
      const isDead = await nextAfter((run, group) => {
        const guardian = guardianOf(group)
        process.kill(run.pid, 'SIGKILL')
        process.kill(guardian, 'SIGKILL')
      })
      expect(isDead).toBe(true)
    })
  },
)

describe.runIf(process.platform === 'linux')('in one process', () => {
  it('a lock is one at a time, and many wait for it', async () => {
    const name = freshName()
    let inside = 0
    const task = async (): Promise<void> => {
      const session = new LocalSession('me')
      await session.ask([{ name, amount: 'exclusive' }], { waitMs: Number.POSITIVE_INFINITY })
      expect(inside).toBe(0)
      inside += 1
      await new Promise(setImmediate)
      inside -= 1
      await session.close()
    }
    await Promise.all(Array.from({ length: 40 }, task))
  })

  it('several are waited for without holding any', async () => {
    const [a, b] = [freshName(), freshName()]
    const ask = (...names: string[]) => names.map((name) => ({ name, amount: 'exclusive' as const }))
    const [holder, both, third] = [new LocalSession('me'), new LocalSession('both'), new LocalSession('third')]
    const [held] = await holder.ask(ask(b), { waitMs: 0 })
    let waiting: Promise<unknown> = Promise.resolve()
    const queued = new Promise<string>((resolve) => {
      waiting = both.ask(ask(a, b), { waitMs: Number.POSITIVE_INFINITY, onQueued: resolve })
    })
    expect(await queued).toBe(b)
    await third.ask(ask(a), { waitMs: 0 })
    await third.close()
    if (held !== undefined) await holder.release(held)
    await waiting
    await both.close()
  })

  it('a wait ends with its session', async () => {
    const name = freshName()
    const [holder, waiter] = [new LocalSession('me'), new LocalSession('other')]
    const [grant] = await holder.ask([{ name, amount: 'exclusive' }], { waitMs: 0 })
    await expect(waiter.ask([{ name, amount: 'exclusive' }], { waitMs: 0 })).rejects.toBeInstanceOf(NotGrantedError)
    const waiting = waiter.ask([{ name, amount: 'exclusive' }], { waitMs: Number.POSITIVE_INFINITY })
    const refused = expect(waiting).rejects.toThrow()
    await waiter.close()
    await refused
    expect(grant !== undefined && holder.holds(grant)).toBe(true)
    await holder.close()
  })

  it('names of every length are different locks', async () => {
    const session = new LocalSession('me')
    const names = [`${'x'.repeat(254)}a`, `${'x'.repeat(254)}b`, freshName()]
    const grants = await session.ask(
      names.map((name) => ({ name, amount: 'exclusive' as const })),
      { waitMs: 0 },
    )
    expect(grants.map(({ name }) => name)).toEqual(names)
    await session.close()
  })
})
