/** Why there is no lock, in consul-lock's words and exit statuses. */
import {
  ClassicServerError,
  DeadlockError,
  InsecureConnectionError,
  NoEndpointError,
  NoQuorumError,
  NotGrantedError,
  RefusedError,
  SessionExpiredError,
  TlsError,
  UnauthorizedError,
} from '../../client/errors.js'
import { HeldAroundError } from '../shared/acquire.js'
import { CommandFailure } from '../shared/command-failure.js'
import { LockExit } from '../shared/exit-statuses.js'

/** Anything else is not for the user, and thrown on. `waits`: the lock was asked for as long as it takes, or for a time. */
export function lockFailure(error: unknown, key: string, waits: boolean): CommandFailure {
  if (error instanceof NotGrantedError && waits) {
    return new CommandFailure(LockExit.timedOut, `Timed out whilst waiting to acquire lock: ${key}`)
  }
  if (error instanceof NotGrantedError || error instanceof DeadlockError || error instanceof HeldAroundError) {
    return new CommandFailure(LockExit.notGranted, `Unable to acquire lock: ${key} (${error.message})`)
  }
  return refusal(error, `Unable to acquire lock: ${key}`)
}

/** What may keep any request from being decided. */
export function refusal(error: unknown, what: string): CommandFailure {
  if (error instanceof RefusedError || error instanceof UnauthorizedError) {
    const status = error instanceof UnauthorizedError ? LockExit.permissionDenied : LockExit.notGranted
    return new CommandFailure(status, `${what} (${error.serverCode}: ${error.message})`)
  }
  const isUnreachable =
    error instanceof NoEndpointError ||
    error instanceof NoQuorumError ||
    error instanceof TlsError ||
    error instanceof InsecureConnectionError ||
    error instanceof SessionExpiredError ||
    error instanceof ClassicServerError
  if (isUnreachable) return new CommandFailure(LockExit.noEndpoint, error.message)
  throw error
}
