/** What the library and tnl-do need of a session, whichever dialect the server speaks. */
import type { LostReason, TcpNetLockError } from '../errors.js'
import type { Link } from '../transport/link.js'
import type { LocalLease } from './local-lease.js'

/** A lock as it was granted. `token` is null at an original 0.1.8 server, which has none. */
export interface Grant {
  readonly name: string
  readonly token: number | null
}

export interface LockRequest {
  /** Milliseconds; 0 does not wait, Infinity waits forever. */
  readonly waitMs: number
  /** Shown to whoever looks at the lock. */
  readonly meta?: string | undefined
  /** Gives up the place in the queue. A grant that is already on its way is released. */
  readonly signal?: AbortSignal | undefined
  /** Called when the request has to wait; null is what the server does not tell. */
  readonly onQueued?: ((position: number | null) => void) | undefined
}

/** Told as things happen; a hook must not throw. */
export interface SessionHooks {
  /** The time until which the locks are held has moved on. */
  confirmed?(): void
  /** The lock may be another's. Called once for a grant. */
  lost?(grant: Grant, reason: LostReason): void
  /** No further request is taken. Locks that were held have been reported as lost before. */
  ended?(error: TcpNetLockError): void
  /** Words for a log: a connection lost, a session resumed. */
  notice?(text: string): void
  /** No endpoint takes the session at present; the search goes on. Told once per outage, with the reasons. */
  tryingOn?(text: string): void
  /** After `crowded` was true: it takes requests again. */
  eased?(): void
  /** Awaited when a new connection stands and nothing has been sent on it. */
  beforeOpening?(link: Link): Promise<void>
}

export interface LockSession {
  /** For TNL_SESSION; null at an original 0.1.8 server. */
  readonly id: string | null
  /** With `id` it lets another process of this program take the session over; null at an original server. */
  readonly secret: string | null
  /** Null where the server does not tell. */
  readonly clusterId: string | null
  readonly localLease: LocalLease
  readonly link: Link | null
  hooks: SessionHooks
  /** Rejects with NotGrantedError, or whatever kept the request from being decided. */
  lock(name: string, request: LockRequest): Promise<Grant>
  release(grant: Grant): Promise<void>
  /** Releases everything in good order. Resolves when the server has confirmed it, or after a bounded time. */
  close(): Promise<void>
}
