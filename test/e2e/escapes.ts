/** Commands that try to get away from the lock under which they run, and ways to take it from them. */
import { WITHOUT_ENVIRONMENT } from '../kit/leftovers.js'
import type { OneServer } from '../kit/one-server.js'
import { DoProgram, guardianOf, isAlive, STARTER } from '../kit/starter.js'
import { freshName, Wire } from '../kit/wire.js'

/** Prints its process id and stays. */
export const JOB = 'sh -c \'echo "job $$"; exec sleep 1000\''
const STUBBORN = 'sh -c \'trap "" TERM HUP; echo "job $$"; while :; do sleep 0.1; done\''

export const ESCAPES: readonly (readonly [string, readonly string[]])[] = [
  ['a job in a group of its own (timeout)', ['sh', '-c', `timeout 600 ${JOB}`]],
  ['a background job of a shell with job control', ['bash', '-c', `set -m; ${JOB} & wait`]],
  ['a job in a session of its own that is waited for', ['sh', '-c', `setsid -w ${JOB}`]],
  ['a daemon: forked twice, in a session of its own', ['sh', '-c', `(setsid ${JOB} &); sleep 1000`]],
  ['a daemon that ignores SIGTERM', ['sh', '-c', `(setsid ${STUBBORN} &); sleep 1000`]],
  ['a daemon without its environment', ['sh', '-c', `(${WITHOUT_ENVIRONMENT} setsid ${JOB} &); sleep 1000`]],
]

export interface Run {
  readonly lock: string
  readonly program: DoProgram
  readonly job: number
}

export async function startAll(server: OneServer, escapes: typeof ESCAPES = ESCAPES): Promise<readonly Run[]> {
  const started = escapes.map(([, command]) => {
    const lock = freshName()
    return {
      lock,
      program: new DoProgram([STARTER, '--lease', '3', '--lock-name', lock, '--', ...command], server.env),
    }
  })
  return Promise.all(started.map(async (run) => ({ ...run, job: Number(await run.program.printed(/^job (\d+)\n/m)) })))
}

/** Waits for the lock of each and says whose job was alive when it was granted. */
export async function outliving(server: OneServer, runs: readonly Run[]): Promise<readonly (string | undefined)[]> {
  const each = runs.map(async ({ lock, job }, index) => {
    const wire = await Wire.open(server.port)
    const answer = await wire.ask(`lock,name:${lock},wait:forever`)
    if (answer !== 'ok') throw new Error(`the lock is not to be had: ${answer}`)
    const survived = isAlive(job)
    wire.destroy()
    return survived ? ESCAPES[index]?.[0] : undefined
  })
  return (await Promise.all(each)).filter((name) => name !== undefined)
}

export function killGuardian({ program }: Run): void {
  process.kill(guardianOf(program.pid), 'SIGKILL')
}

/** As `killall -STOP node` does it. */
export function stopTogether(runs: readonly Run[]): void {
  const guardians = runs.map(({ program }) => guardianOf(program.pid))
  for (const { program } of runs) program.child.kill('SIGSTOP')
  for (const guardian of guardians) process.kill(guardian, 'SIGSTOP')
}

/** As `killall -9 node` does it. */
export function killTogether(runs: readonly Run[]): void {
  const guardians = runs.map(({ program }) => guardianOf(program.pid))
  for (const { program } of runs) program.child.kill('SIGKILL')
  for (const guardian of guardians) process.kill(guardian, 'SIGKILL')
}
