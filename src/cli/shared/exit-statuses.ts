/**
 * What the programs of this folder end with: one table for each. docs/errors.md lists the same, with what to do about it, and
 * a test compares the two. `tnl-server` has its table in src/server/exit-codes.ts.
 */
import { constants } from 'node:os'

/** `tnl-do`, besides the status of its command. Below 122 every status may be the command's own. */
export const DoExit = {
  /** An option or a variable is wrong, or the command would wait for a lock that is held around it. Nothing was run. */
  badUsage: 2,
  /** The lock was lost while the command ran. */
  lost: 122,
  /** Somebody else holds the lock. */
  notGranted: 123,
  /** The command could not be run to its end. */
  cannotRun: 124,
  /** No endpoint was reached, or none that has a quorum. */
  noEndpoint: 125,
  /** As shells say it: the command was found and is not a program. */
  notExecutable: 126,
  notFound: 127,
} as const

/** `tnl-client`: the original's statuses, and those of `tnl-do` where the original had none. */
export const ClientExit = {
  /** Nobody listens there, or an option is wrong: the original gives both the same status. */
  refused: 2,
  connectFailed: 3,
  unknown: 4,
  lost: 122,
  notGranted: 123,
} as const

/** `tnl`: its administration commands. */
export const TnlExit = {
  ok: 0,
  /** The cluster refused, or a check of `tnl bench` failed. */
  refused: 1,
  usage: 2,
  failed: 3,
  /** No endpoint was reached. */
  noEndpoint: 125,
} as const

/** `tnl lock`, `unlock` and `execute`: consul-lock's. Besides, `execute` ends as its command does, or as `tnl-do` where that could not. */
export const LockExit = {
  ok: 0,
  /** A variable is missing that has no default. None of today's is. */
  missingVariable: 1,
  badVariable: 2,
  badUsage: 3,
  permissionDenied: 4,
  timedOut: 5,
  invalidKey: 6,
  invalidTtl: 7,
  notGranted: 100,
  /** No endpoint was reached, or none that has a quorum. */
  noEndpoint: 125,
} as const

/** As shells report a process that a signal ended. */
export function exitStatusOfSignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}
