/** Exit status of tnl-do (docs/errors.md), besides that of the command. */
import { constants } from 'node:os'

export const DoExit = {
  badUsage: 2,
  lost: 122,
  notGranted: 123,
  cannotRun: 124,
  noEndpoint: 125,
  notExecutable: 126,
  notFound: 127,
} as const

/** As shells report a process that a signal ended. */
export function exitStatusOfSignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}
