/** What takes the lock from a command, or its supervisors. */
import type { DoProgram } from '../kit/starter.js'
import { guardianOf } from '../kit/starter.js'
import type { SeverableWay } from './severable.js'

export interface Target {
  readonly program: DoProgram
  readonly way: SeverableWay
  readonly lock: string
  /** Asks an operator's question of the cluster. */
  readonly forceRelease: () => Promise<void>
}

export interface Strike {
  readonly name: string
  readonly strike: (target: Target) => void | Promise<void>
  /** Further words for tnl-do. */
  readonly options?: readonly string[]
  /** So long the command runs before; unless given, as long as with the others. */
  readonly settleMs?: number
  /** Means nothing to the command of this name. */
  readonly spares?: string
  /** Whether it means anything where there is no server. */
  readonly isLocalToo?: boolean
}

const send = (signal: NodeJS.Signals, ...whom: readonly ((program: DoProgram) => number)[]) => {
  return ({ program }: Target): void => {
    // All are found before the first is struck.
    for (const id of whom.map((find) => find(program))) process.kill(id, signal)
  }
}
const doItself = (program: DoProgram): number => program.pid
const guardian = (program: DoProgram): number => guardianOf(program.pid)

export const STRIKES: readonly Strike[] = [
  // The command gets it; one that ignores it runs on, with the lock.
  { name: 'SIGTERM of tnl-do', strike: send('SIGTERM', doItself), isLocalToo: true, spares: 'ignores SIGTERM' },
  { name: 'kill -9 of tnl-do', strike: send('SIGKILL', doItself), isLocalToo: true },
  { name: 'kill -9 of the guardian', strike: send('SIGKILL', guardian), isLocalToo: true },
  { name: 'kill -9 of both', strike: send('SIGKILL', doItself, guardian), isLocalToo: true },
  { name: 'SIGSTOP of tnl-do', strike: send('SIGSTOP', doItself) },
  {
    name: 'SIGSTOP of the guardian, node cut off',
    strike: (target) => {
      send('SIGSTOP', guardian)(target)
      target.way.cut()
    },
  },
  { name: 'SIGSTOP of both', strike: send('SIGSTOP', doItself, guardian) },
  { name: 'node cut off', strike: ({ way }) => way.cut() },
  { name: 'forced', strike: ({ forceRelease }) => forceRelease() },
  {
    name: 'forced, SIGSTOP of both',
    strike: async (target) => {
      send('SIGSTOP', doItself, guardian)(target)
      await target.forceRelease()
    },
  },
  { name: 'ttl', strike: () => {}, options: ['--ttl', '3'], settleMs: 0 },
]
