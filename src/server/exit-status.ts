/**
 * What ends a server, and with which status: the one place that decides. Whatever goes wrong inside is an error of a class
 * with a stable code; nobody but this file knows a number.
 */
import { BindError } from '../raft/net/network.js'
import { RemovedFromCluster } from '../raft/node/node-errors.js'
import { OlderProgramError } from '../raft/ports/older-program.js'
import { StoreError, type StoreErrorKind } from '../raft/ports/store.js'
import { TwinError } from '../service/leases/twin-error.js'
import { ExitCode, UsageError } from './exit-codes.js'

type ErrorClass = abstract new (...values: never[]) => Error

/** Anything that is not listed is a failure while serving: a broken invariant, a disk that hangs, a bug. */
const BY_CLASS: readonly (readonly [ErrorClass, ExitCode])[] = [
  [RemovedFromCluster, ExitCode.ok],
  [UsageError, ExitCode.usage],
  [BindError, ExitCode.usage],
  [TwinError, ExitCode.damaged],
  [OlderProgramError, ExitCode.older],
]

const BY_STORE_ERROR: Readonly<Record<StoreErrorKind, ExitCode>> = {
  damaged: ExitCode.damaged,
  foreign: ExitCode.damaged,
  locked: ExitCode.usage,
  'disk-full': ExitCode.failed,
  io: ExitCode.failed,
}

export function exitStatusOf(error: unknown): ExitCode {
  if (error instanceof StoreError) return BY_STORE_ERROR[error.kind]
  return BY_CLASS.find(([errorClass]) => error instanceof errorClass)?.[1] ?? ExitCode.failed
}

/** In the words of `--help`. */
const SENTENCES: Readonly<Record<ExitCode, string>> = {
  [ExitCode.ok]: 'stopped in good order, by SIGTERM, SIGINT or .server-shutdown, or removed from the cluster',
  [ExitCode.usage]: 'bad usage, an address that cannot be bound, or a directory that is in use or cannot be used',
  [ExitCode.failed]: 'failed while serving: a full or hanging disk, or a bug',
  [ExitCode.damaged]: `the data directory is damaged, has forgotten what it acknowledged, or is another node's or cluster's`,
  [ExitCode.older]: 'this program is older than its cluster or its data: upgrade it',
}

/** A line for each status. */
export function exitStatusHelp(): string {
  return Object.values(ExitCode)
    .map((status) => `  ${status}  ${SENTENCES[status]}`)
    .join('\n')
}
