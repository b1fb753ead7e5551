/** Nothing that a command started runs on without the lock (engine.md §4 rule 6), whatever it does to get away. */
import { readFileSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OneServer } from './one-server.js'
import { DoProgram, guardianOf, isAlive, STARTER } from './starter.js'
import { freshName, Wire } from './wire.js'

/** Prints its process id and stays. */
const JOB = 'sh -c \'echo "job $$"; exec sleep 1000\''
const STUBBORN = 'sh -c \'trap "" TERM HUP; echo "job $$"; while :; do sleep 0.1; done\''

const ESCAPES: readonly (readonly [string, readonly string[]])[] = [
  ['a job in a group of its own (timeout)', ['sh', '-c', `timeout 600 ${JOB}`]],
  ['a background job of a shell with job control', ['bash', '-c', `set -m; ${JOB} & wait`]],
  ['a job in a session of its own that is waited for', ['sh', '-c', `setsid -w ${JOB}`]],
  ['a daemon: forked twice, in a session of its own', ['sh', '-c', `(setsid ${JOB} &); sleep 1000`]],
  ['a daemon that ignores SIGTERM', ['sh', '-c', `(setsid ${STUBBORN} &); sleep 1000`]],
  ['a daemon without its environment', ['sh', '-c', `(env -i PATH="$PATH" setsid ${JOB} &); sleep 1000`]],
]

let server: OneServer
beforeAll(async () => {
  server = await OneServer.start()
})
afterAll(() => server.stop())

interface Run {
  readonly lock: string
  readonly program: DoProgram
  readonly job: number
}

async function startAll(): Promise<readonly Run[]> {
  const started = ESCAPES.map(([, command]) => {
    const lock = freshName()
    return {
      lock,
      program: new DoProgram([STARTER, '--lease', '3', '--lock-name', lock, '--', ...command], server.env),
    }
  })
  return Promise.all(started.map(async (run) => ({ ...run, job: Number(await run.program.printed(/^job (\d+)\n/m)) })))
}

/** Waits for the lock of each and says whose job was alive when it was granted. */
async function outliving(runs: readonly Run[]): Promise<readonly (string | undefined)[]> {
  const each = runs.map(async ({ lock, job }, index) => {
    const wire = await Wire.open(server.port)
    expect(await wire.ask(`lock,name:${lock},wait:forever`)).toBe('ok')
    const survived = isAlive(job)
    wire.destroy()
    return survived ? ESCAPES[index]?.[0] : undefined
  })
  return (await Promise.all(each)).filter((name) => name !== undefined)
}

describe('everything that a command has started is dead before another gets the lock', () => {
  it('when tnl-do is asked to end', async () => {
    const runs = await startAll()
    for (const { program } of runs) program.child.kill('SIGTERM')
    expect(await outliving(runs)).toEqual([])
    for (const { program } of runs) expect((await program.ended()).code).toBe(143)
    expect(runs[3]?.program.stderr).toContain('has ended and left this behind')
  })

  it('when tnl-do is killed', async () => {
    const runs = await startAll()
    for (const { program } of runs) program.child.kill('SIGKILL')
    expect(await outliving(runs)).toEqual([])
  })

  it('when the guardian is killed', async () => {
    const runs = await startAll()
    for (const { program } of runs) process.kill(guardianOf(program.pid), 'SIGKILL')
    expect(await outliving(runs)).toEqual([])
    for (const { program } of runs) expect((await program.ended()).code).toBe(124)
  })

  it('when tnl-do and its guardian are killed together', async () => {
    // A daemon without its environment is only known to the watcher once the guardian has looked: README, tnl-do.
    const runs = (await startAll()).slice(0, -1)
    const guardians = runs.map(({ program }) => guardianOf(program.pid))
    for (const [index, { program }] of runs.entries()) {
      program.child.kill('SIGKILL')
      process.kill(guardians[index] ?? 0, 'SIGKILL')
    }
    expect(await outliving(runs)).toEqual([])
  })

  it('when the lock is lost', async () => {
    const runs = await startAll()
    server.program.signal('SIGSTOP')
    for (const { program } of runs) expect((await program.ended()).code).toBe(122)
    expect(runs.filter(({ job }) => isAlive(job))).toEqual([])
    server.program.signal('SIGCONT')
    expect(await outliving(runs)).toEqual([])
  })
})

describe('after a normal end', () => {
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
