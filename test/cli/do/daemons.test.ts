/** What a command has started dies with it also when it has left its group, its session and its parent. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FakeCluster, type FakeNode } from '../../client/fake-server.js'
import { endLeftovers, WITHOUT_ENVIRONMENT } from '../../kit/leftovers.js'
import { compiledPrograms } from '../compiled.js'
import { guardianOf, runs, statOf } from '../stat.js'
import { RunningDo } from './running-do.js'

const compiled = compiledPrograms()
const LEASE_SECONDS = 3
const IN_TIME = { timeout: 20_000, interval: 10 }

let cluster: FakeCluster
let node: FakeNode
beforeEach(async () => {
  cluster = new FakeCluster(LEASE_SECONDS)
  node = await cluster.addNode()
})
afterEach(async () => {
  await endLeftovers()
  await cluster.close()
})

/** A command that prints the id of a daemon: in a session of its own, its parent dead. `before` starts it. */
async function start(before: string): Promise<{ run: RunningDo; daemon: number; guardian: number }> {
  const run = startDaemon(before)
  const id = await run.printed()
  await vi.waitFor(() => expect(statOf(guardianOf(id))?.parent).toBe(run.pid), IN_TIME)
  return { run, daemon: id, guardian: guardianOf(id) }
}

/** `act` is what the daemon does first, in a shell whose $0 is the guardian's id. */
function startDaemon(before: string, act = ':'): RunningDo {
  const daemon = `(${before} setsid sh -c 'trap "" TERM HUP; echo $$; ${act}; while :; do sleep 0.05; done' $PPID &)`
  const words = ['--lock-name', 'x', '--', 'sh', '-c', `${daemon}; sleep 1000`]
  return new RunningDo([compiled('tnl-do'), ...words], { TNL_ENDPOINTS: cluster.endpoints })
}

describe('where there is no child subreaper', () => {
  const OFF = { TNL_NATIVE: 'off' }
  const startPlain = (script: string, env: Record<string, string> = {}): RunningDo => {
    const words = [compiled('tnl-do'), '--lock-name', 'x', '--', 'sh', '-c', script]
    const run = new RunningDo(words, { TNL_ENDPOINTS: cluster.endpoints, ...OFF, ...env })
    return run
  }

  it('the group of the command dies before the lock is free', async () => {
    const run = startPlain('sleep 1000 & echo $!; wait')
    const job = await run.printed()
    run.child.kill('SIGKILL')
    await untilFree()
    expect(runs(statOf(job))).toBe(false)
  })

  it('what it leaves behind in the group is ended and its status is given back', async () => {
    const run = startPlain('sleep 1000 & echo $!; exit 5')
    const job = await run.printed()
    expect((await run.ended).status).toBe(5)
    expect(runs(statOf(job))).toBe(false)
  })

  it('what is not UTF-8 is refused, for it could not be given on unchanged', async () => {
    const run = new RunningDo(
      ['-c', `ODD="$(printf '\\377')"; export ODD; exec "$@"`, 'sh', process.execPath, compiled('tnl-do'), 'true'],
      OFF,
      'sh',
    )
    expect((await run.ended).status).toBe(2)
    expect(run.stderr).toContain('not UTF-8')
  })
})

const untilFree = (): Promise<void> => vi.waitFor(() => expect(cluster.holderOf('x')).toBeNull(), IN_TIME)

describe('a daemon of the command', () => {
  it('comes to the guardian, and dies before the lock is free when tnl-do is killed', async () => {
    const { run, daemon } = await start('')
    run.child.kill('SIGKILL')
    await untilFree()
    expect(runs(statOf(daemon))).toBe(false)
  })

  it('dies when the lock is lost', async () => {
    const { run, daemon } = await start('')
    node.mood = { kind: 'silent' }
    expect((await run.ended).status).toBe(122)
    expect(runs(statOf(daemon))).toBe(false)
  })

  it('dies when the guardian is killed, also without its environment', async () => {
    const { run, daemon, guardian } = await start(WITHOUT_ENVIRONMENT)
    process.kill(guardian, 'SIGKILL')
    await untilFree()
    expect(runs(statOf(daemon))).toBe(false)
    expect((await run.ended).status).toBe(124)
  })

  it('dies when it kills the guardian itself, as the first that it does', async () => {
    const run = startDaemon(WITHOUT_ENVIRONMENT, 'kill -9 $0')
    const daemon = await run.printed()
    await untilFree()
    expect(runs(statOf(daemon))).toBe(false)
    expect((await run.ended).status).toBe(124)
  })

  it('dies when tnl-do and its guardian are killed together', async () => {
    const { run, daemon, guardian } = await start('')
    run.child.kill('SIGKILL')
    process.kill(guardian, 'SIGKILL')
    await vi.waitFor(() => expect(runs(statOf(daemon))).toBe(false), IN_TIME)
  })
})
