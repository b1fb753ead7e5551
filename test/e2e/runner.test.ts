/** Nothing that a command started runs on without the lock (rules.md rule 6), whatever it does to get away. */
import { readFileSync, rmSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { endLeftovers, leftovers } from '../kit/leftovers.js'
import { OneServer } from '../kit/one-server.js'
import { until } from '../kit/process-cluster.js'
import { DoProgram, isAlive, STARTER } from '../kit/starter.js'
import { freshName } from '../kit/wire.js'
import { JOB, killGuardian, killTogether, outliving, startAll, stopTogether } from './escapes.js'

let server: OneServer
beforeAll(async () => {
  server = await OneServer.start()
})
afterEach(endLeftovers)
afterAll(() => server.stop())

describe('everything that a command has started is dead before another gets the lock', () => {
  it('when tnl-do is asked to end', async () => {
    const runs = await startAll(server)
    for (const { program } of runs) program.child.kill('SIGTERM')
    expect(await outliving(server, runs)).toEqual([])
    for (const { program } of runs) expect((await program.ended()).code).toBe(143)
    expect(runs[3]?.program.stderr).toContain('has ended and left this behind')
  })

  it('when tnl-do is killed', async () => {
    const runs = await startAll(server)
    for (const { program } of runs) program.child.kill('SIGKILL')
    expect(await outliving(server, runs)).toEqual([])
  })

  it('when the guardian is killed', async () => {
    const runs = await startAll(server)
    for (const run of runs) killGuardian(run)
    expect(await outliving(server, runs)).toEqual([])
    for (const { program } of runs) expect((await program.ended()).code).toBe(124)
  })

  it('when tnl-do and its guardian are killed together', async () => {
    // A daemon without its environment is only known to the watcher once the guardian has looked: README, tnl-do.
    const runs = (await startAll(server)).slice(0, -1)
    killTogether(runs)
    expect(await outliving(server, runs)).toEqual([])
  })

  it('when tnl-do and its guardian are stopped together', async () => {
    const runs = await startAll(server)
    stopTogether(runs)
    expect(await outliving(server, runs)).toEqual([])
    for (const { program } of runs) program.child.kill('SIGKILL')
  })

  it('when the lock is lost', async () => {
    const runs = await startAll(server)
    server.program.signal('SIGSTOP')
    for (const { program } of runs) expect((await program.ended()).code).toBe(122)
    expect(runs.filter(({ job }) => isAlive(job))).toEqual([])
    server.program.signal('SIGCONT')
    expect(await outliving(server, runs)).toEqual([])
  })
})

describe('after a normal end', () => {
  it('no process of tnl-do is left', async () => {
    const words = [STARTER, '--lease', '86400', '--lock-name', freshName(), '--', 'true']
    expect((await new DoProgram(words, server.env).ended()).code).toBe(0)
    await until('all have ended', async () => leftovers().length === 0)
  })

  const daemon = ['sh', '-c', `(setsid ${JOB} &); sleep 0.2; exit 5`]

  it('what the command leaves behind is ended and named', async () => {
    const program = new DoProgram([STARTER, '--lock-name', freshName(), '--', ...daemon], server.env)
    const job = Number(await program.printed(/^job (\d+)\n/m))
    expect((await program.ended()).code).toBe(5)
    expect(isAlive(job)).toBe(false)
    expect(program.stderr).toContain(`sleep (${job})`)
  })

  it('--leave-daemons spares what is in a session of its own, and names it', async () => {
    const words = [STARTER, '--leave-daemons', '--lock-name', freshName(), '--', ...daemon]
    // The daemon would keep the pipes of the test open.
    const said = `${server.dataDir}.said`
    const program = new DoProgram(['sh', '-c', 'exec "$@" >$0 2>&1', said, ...words], server.env)
    expect((await program.ended()).code).toBe(5)
    const text = readFileSync(said, 'utf8')
    const [, job] = /^job (\d+)$/m.exec(text) ?? []
    rmSync(said)
    expect(text).toContain(`left running without the lock: sleep (${job})`)
    expect(isAlive(Number(job))).toBe(true)
    process.kill(Number(job), 'SIGKILL')
  })
})

describe('a tnl-do under its own lock', () => {
  const nested = (server: OneServer, ...names: string[]): string[] =>
    names.flatMap((name) => ['env', `TNL_ENDPOINTS=${server.env.TNL_ENDPOINTS}`, STARTER, '--lock-name', name, '--'])

  it('is refused with 2 however deep, and not in another cluster', async () => {
    const other = await OneServer.start()
    try {
      const [a, b] = [freshName(), freshName()]
      const refused = new DoProgram([...nested(server, a, b, a), 'true'], {})
      expect((await refused.ended()).code).toBe(2)
      expect(refused.stderr).toContain(`runs under the lock '${a}' already`)
      const elsewhere = new DoProgram([...nested(server, a), ...nested(other, a), 'sh', '-c', 'echo $TNL_HELD'], {})
      expect((await elsewhere.ended()).code).toBe(0)
      expect(elsewhere.stdout).toMatch(new RegExp(`^${a}@\\d+,[^ ,]+,\\S+ ${a}@\\d+,[^ ,]+,\\S+\n$`))
    } finally {
      await other.stop()
    }
  })
})
