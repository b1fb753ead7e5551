/** What the library and tnl-do need of a session, whichever dialect the server speaks. */
import type { Ask } from '../asks.js'
import type { LostReason, TcpNetLockError } from '../errors.js'
import type { Link } from '../transport/link.js'
import type { LocalLease } from './local-lease.js'

/** A lock as it was granted. `token` is null where there are none: at an original 0.1.8 server, and without a server. */
export interface Grant {
  readonly name: string
  readonly token: number | null
  /** Of a semaphore, as it was in force at the grant. */
  readonly limit?: number | undefined
  /** Not bound to the session: whoever may lock the name may end it. */
  readonly loose?: boolean | undefined
}

/** What proves that a session is one's own. */
export interface SessionSecret {
  readonly session: string
  readonly secret: string
}

/** Which one of a name: unless it says so, the only one, whoever took it. */
export interface LooseHold {
  readonly token?: number | undefined
  /** Only one that this session took. */
  readonly owner?: SessionSecret | undefined
}

/** A lock that the client keeps while it waits, so that whoever waits for that cannot be waited for (docs/protocol.md). */
export interface Kept {
  readonly name: string
  readonly token: number
}

/** What holds for all names of a request. Times in milliseconds. */
export interface LockTerms {
  /** 0 does not wait, Infinity waits forever. */
  readonly waitMs: number
  /** Shown to whoever looks at the lock. */
  readonly meta?: string | undefined
  /** Unless given, all that the session holds and asks for. A cluster of level 1 knows nothing else. */
  readonly holding?: readonly Kept[] | undefined
  readonly delayMs?: number | undefined
  readonly minHoldMs?: number | undefined
  readonly ttlMs?: number | undefined
  /** The hold outlives the session, until its ttl, which it needs, or an `unlock`. */
  readonly loose?: boolean | undefined
  /** The done-mark that `releaseDone` sets. If it is there already, the request rejects with AlreadyDoneError. */
  readonly once?: string | undefined
  readonly onceTtlMs?: number | undefined
  /** Gives up the place in the queue. A grant that is already on its way is released. */
  readonly signal?: AbortSignal | undefined
  /** Called when the request has to wait, with the lock that is in the way; null is what the server does not tell. */
  readonly onQueued?: ((name: string, position: number | null) => void) | undefined
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
  /** For TNL_SESSION; null where there are no sessions: at an original 0.1.8 server, and without a server. */
  readonly id: string | null
  /** With `id` it lets another process of this program take the session over; else null. */
  readonly secret: string | null
  /** Null where the server does not tell. */
  readonly clusterId: string | null
  /** The feature level of the cluster, as a node told last; 1 where none did. */
  readonly level: number
  readonly localLease: LocalLease
  readonly link: Link | null
  /** Its locks end with the process, or the descriptor, that has them: there is no connection behind them. */
  readonly isLocal: boolean
  hooks: SessionHooks
  /**
   * One grant for each name, in the order asked. Rejects with NotGrantedError, AlreadyDoneError, or whatever kept the request
   * from being decided.
   */
  ask(asks: readonly Ask[], terms: LockTerms): Promise<readonly Grant[]>
  holds(grant: Grant): boolean
  release(grant: Grant): Promise<void>
  /** Sets the done-mark that the grant was asked with. Rejects unless that is committed. */
  releaseDone(grant: Grant): Promise<void>
  /** Releases everything in good order. Resolves when the server has confirmed it, or after a bounded time. */
  close(): Promise<void>
}
