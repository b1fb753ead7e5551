/** Exit status of `tnl-server` (docs/errors.md). Which error ends with which is in exit-status.ts. */
export const ExitCode = {
  ok: 0,
  /** Cannot bind, directory in use, or bad usage. */
  usage: 2,
  /** Failed while serving, a full disk included. */
  failed: 3,
  /** The data directory is damaged, another cluster's or another node's. */
  damaged: 4,
  /** This program is older than its cluster or its data. */
  older: 5,
} as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/** The operator asked for something impossible; the message names the flag and the value. Ends with exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly code = 'TNL_USAGE'
}
