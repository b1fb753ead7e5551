/** Work that is to be done once in the life of a cluster: what `Client.once` answers. */
import { AlreadyDoneError } from '../errors.js'

export type OnceOutcome<Result> =
  | { readonly ran: true; readonly result: Result }
  /** Somebody had done it before. */
  | { readonly ran: false; readonly since: Date | null; readonly holder: string | null }

export async function outcomeOf<Result>(work: Promise<Result>): Promise<OnceOutcome<Result>> {
  try {
    return { ran: true, result: await work }
  } catch (error) {
    if (!(error instanceof AlreadyDoneError)) throw error
    return { ran: false, since: error.since, holder: error.holder }
  }
}
