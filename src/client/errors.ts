/** The errors of the client: one class for each thing that a caller may want to tell apart, each with a stable `code`. */

export abstract class TcpNetLockError extends Error {
  abstract readonly code: string
}

/**
 * `held`; `queued`: only earlier waiters are in the way; `delayed`: its last holder has asked that nobody gets it for a while;
 * `frozen`: by an operator; `timeout` and `cancelled` end a wait.
 */
export const NOT_GRANTED_REASONS = ['held', 'queued', 'delayed', 'frozen', 'timeout', 'cancelled'] as const
export type NotGrantedReason = (typeof NOT_GRANTED_REASONS)[number]

/** What a server may say of a lock that was not granted. */
export interface NotGrantedDetails {
  /** How many hold it, if there are several. */
  readonly holders?: number | undefined
  /** Of `delayed`: for how long at most, in milliseconds. */
  readonly forMs?: number | undefined
  /** Of `frozen`: the operator's reason. */
  readonly words?: string | undefined
}

/** The lock is not to be had, and it did not become free within the time that the caller was ready to wait. */
export class NotGrantedError extends TcpNetLockError {
  override readonly name = 'NotGrantedError'
  readonly code = 'TNL_NOT_GRANTED'
  constructor(
    readonly lockName: string,
    readonly reason: NotGrantedReason,
    /** Client id of the holder (of `queued`: of the first waiter), if the server named it. */
    readonly holder: string | null,
    readonly details: NotGrantedDetails = {},
  ) {
    super(`lock '${lockName}' was not granted (${reason})${explain(reason, holder, details)}`)
  }
}

function explain(
  reason: NotGrantedReason,
  holder: string | null,
  { holders, forMs, words }: NotGrantedDetails,
): string {
  if (words !== undefined && words !== '') return `: ${words}`
  if (forMs !== undefined) return `: for ${forMs / 1000} s at most`
  if (holder === null) return ''
  const others = holders === undefined || holders < 2 ? '' : ` and ${holders - 1} more`
  return reason === 'queued' ? `: ${holder} waits for it` : `: held by ${holder}${others}`
}

/** The work was done before: its done-mark is there, and nothing is held. */
export class AlreadyDoneError extends TcpNetLockError {
  override readonly name = 'AlreadyDoneError'
  readonly code = 'TNL_ALREADY_DONE'
  constructor(
    readonly key: string,
    /** When it was marked; null if the server did not say. */
    readonly since: Date | null,
    /** Client id of who did it. */
    readonly holder: string | null,
  ) {
    const when = since === null ? '' : ` at ${since.toISOString()}`
    super(`'${key}' was done before${when}${holder === null ? '' : ` by ${holder}`}`)
  }
}

/** `deadline`: this side could not prove in time that it still holds. */
export type LostReason = 'deadline' | 'lease-expired' | 'forced' | 'ttl' | 'disconnected'

/** The lock may be another's from now on. */
export class LockLostError extends TcpNetLockError {
  override readonly name = 'LockLostError'
  readonly code = 'TNL_LOCK_LOST'
  constructor(
    readonly lockName: string,
    readonly token: number | null,
    readonly reason: LostReason,
  ) {
    super(`lock '${lockName}' was lost (${reason})`)
  }
}

export interface EndpointFailure {
  readonly address: string
  readonly reason: string
  /** Nothing listened there. */
  readonly refused: boolean
}

function describeFailures(failures: readonly EndpointFailure[]): string {
  return failures.map(({ address, reason }) => `${address}: ${reason}`).join('; ')
}

/** No endpoint could be reached in time; `failures` has the last failure of each. */
export class NoEndpointError extends TcpNetLockError {
  override readonly name = 'NoEndpointError'
  readonly code = 'TNL_NO_ENDPOINT'
  constructor(readonly failures: readonly EndpointFailure[]) {
    super(`no endpoint reached (${describeFailures(failures)})`)
  }
}

/** At no endpoint TLS could be spoken: a certificate did not prove who it is, or the handshake failed. Nothing was sent. */
export class TlsError extends TcpNetLockError {
  override readonly name = 'TlsError'
  readonly code = 'TNL_TLS'
  constructor(readonly failures: readonly EndpointFailure[]) {
    super(`no endpoint can be trusted (${describeFailures(failures)})`)
  }
}

/** There is a token, and every endpoint would have got it in plain text. Nothing was sent. */
export class InsecureConnectionError extends TcpNetLockError {
  override readonly name = 'InsecureConnectionError'
  readonly code = 'TNL_INSECURE'
  constructor(readonly failures: readonly EndpointFailure[]) {
    super(`no secure endpoint: use TLS, or allow it for once (${describeFailures(failures)})`)
  }
}

/** The cluster does not know this client, or does not allow it what it asked for. The message names verb and prefix. */
export class UnauthorizedError extends TcpNetLockError {
  override readonly name = 'UnauthorizedError'
  readonly code = 'TNL_UNAUTHORIZED'
  readonly serverCode = 'unauthorized'
}

/** A node was reached but the cluster has no majority, or no leader yet. */
export class NoQuorumError extends TcpNetLockError {
  override readonly name = 'NoQuorumError'
  readonly code = 'TNL_NO_QUORUM'
}

/** The cluster has ended the session, and with it every lock and every place in a queue. */
export class SessionExpiredError extends TcpNetLockError {
  override readonly name = 'SessionExpiredError'
  readonly code = 'TNL_SESSION_EXPIRED'
}

/** Waiting would close a cycle of waiters; the message names it. Also: the task holds this lock already. */
export class DeadlockError extends TcpNetLockError {
  override readonly name = 'DeadlockError'
  readonly code = 'TNL_DEADLOCK'
}

/** The server refused a request; `serverCode` is its word, for example `limit` or `not-holder`. */
export class RefusedError extends TcpNetLockError {
  override readonly name = 'RefusedError'
  readonly code = 'TNL_REFUSED'
  constructor(
    readonly serverCode: string,
    message: string,
  ) {
    super(message)
  }
}

/** The server speaks only the classic dialect of TcpNetLock 0.1.8. */
export class ClassicServerError extends TcpNetLockError {
  override readonly name = 'ClassicServerError'
  readonly code = 'TNL_CLASSIC_SERVER'
}

/** A wrong option or lock name; nothing was sent. */
export class InvalidOptionError extends TcpNetLockError {
  override readonly name = 'InvalidOptionError'
  readonly code = 'TNL_INVALID_OPTION'
}

/** It is not in a state in which this can be asked of it: a mutex that is not held was released, a single lock was taken twice. */
export class LockStateError extends TcpNetLockError {
  override readonly name = 'LockStateError'
  readonly code = 'TNL_LOCK_STATE'
}

export class ClientClosedError extends TcpNetLockError {
  override readonly name = 'ClientClosedError'
  readonly code = 'TNL_CLIENT_CLOSED'
  constructor() {
    super('the client is closed')
  }
}
