/** How a command of `tnl` fails: words for people, and an exit status. */
import { TnlExit } from './exit-statuses.js'

/** Ends a command: `message` goes to stderr. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
  readonly code = 'TNL_COMMAND'
  constructor(
    readonly exitCode: number,
    message: string,
  ) {
    super(message)
  }
}

/** Also one of the class's double: what is loaded beside a bundled program has its own. */
export function isCommandFailure(error: unknown): error is CommandFailure {
  return error instanceof Error && 'code' in error && error.code === 'TNL_COMMAND'
}

/** The cluster refused; `refusal` is its code, for example `busy`. */
export class ClusterRefusal extends CommandFailure {
  constructor(
    readonly refusal: string,
    message: string,
  ) {
    super(TnlExit.refused, `${refusal}: ${message}`)
  }
}

/** The words of an error. A host with two addresses that both refuse gives an error with a code and no message. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message || ('code' in error ? String(error.code) : error.name)
}
