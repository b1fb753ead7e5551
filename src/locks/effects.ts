/**
 * What the application of commands means for connections. The state machine tells its sink; the server acts on what
 * concerns its own node and epoch and on leader duties. Effects are not state: a node that ignores them stays equal.
 */
import type { ConnId, Epoch, NodeId, RequestId, SessionId, Token } from './commands/commands.js'

/** The node, epoch and connection to which a session is attached. */
export interface Where {
  readonly node: NodeId
  readonly epoch: Epoch
  readonly conn: ConnId
}

export type RefusalReason = 'held' | 'timeout' | 'cancelled'

/** The answer to one request of a session; stored until the client acknowledges it and repeated on a resend (rule 10). */
export type Answer =
  | { readonly kind: 'granted'; readonly name: string; readonly token: Token }
  | { readonly kind: 'not-granted'; readonly name: string; readonly reason: RefusalReason; readonly holder: string }
  | { readonly kind: 'released'; readonly name: string }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'error'; readonly code: AnswerErrorCode; readonly message: string }

export type AnswerErrorCode = 'deadlock' | 'not-holder' | 'limit' | 'limit-mismatch' | 'bad-request'

export interface HeldLock {
  readonly name: string
  readonly mode: 'exclusive'
  readonly token: Token
}

export interface QueuedRequest {
  readonly request: RequestId
  readonly name: string
  /** 1 is the head of the queue. */
  readonly position: number
  readonly waitMs: number
}

/** What a resumed connection, or a reconciliation after a snapshot (rule 9), needs to know of a session. */
export interface SessionView {
  readonly session: SessionId
  readonly attach: number
  /** Number of the last applied command of this attach count. */
  readonly lastN: number
  readonly clientId: string
  readonly leaseMs: number
  readonly lingerMs: number
  readonly classic: boolean
  readonly where: Where | null
  readonly held: readonly HeldLock[]
  readonly queued: readonly QueuedRequest[]
  /** Unacknowledged answers, by request id, lowest first. */
  readonly answers: readonly (readonly [RequestId, Answer])[]
  readonly lowestUnacknowledged: RequestId
  /** The highest request id that was applied. */
  readonly highestRequest: RequestId
  /** Of the last resume that was applied and had one; 0 before. */
  readonly attempt: number
}

export interface EffectSink {
  /** `epoch` is current for `node` from now on. */
  nodeUp(node: NodeId, epoch: Epoch): void
  /** `epoch` of `node` has ended; its classic sessions count as ended, the others as detached. */
  epochEnded(node: NodeId, epoch: Epoch): void
  opened(where: Where, session: SessionId, attach: number): void
  /** There are as many sessions as there may be. */
  openRefused(where: Where): void
  /** After a successful resume; the view is read from the machine. */
  resumed(where: Where, session: SessionId, attach: number): void
  resumeRefused(where: Where, session: SessionId): void
  /** A resume with a higher or the same attempt was applied before: only this connection is meant, the session lives on. */
  resumeOutdated(where: Where, session: SessionId, attempt: number): void
  /** The session was attached elsewhere: this connection is closed without a word. */
  superseded(where: Where, session: SessionId): void
  /** A numbered command of the session was applied: the node may forget its copy. */
  applied(where: Where, session: SessionId, attach: number, n: number): void
  /** The request waits. Also when it is repeated while it waits. */
  queued(where: Where, session: SessionId, request: RequestId, name: string, position: number, holder: string): void
  answered(where: Where, session: SessionId, request: RequestId, answer: Answer): void
  /** The request waits no longer than this from now on. `where` is null if its session is detached. */
  waitLeft(where: Where | null, session: SessionId, request: RequestId, leftMs: number): void
  /** The session lost a lock that it held, other than by its own release or end. */
  lost(where: Where, session: SessionId, name: string, token: Token, reason: 'lease-expired' | 'forced'): void
  /** The session is gone. `where` is null if it was detached. */
  ended(where: Where | null, session: SessionId): void
  /** From now on the session may be resumed for `forMs`; the leader counts (rule 4). */
  detached(session: SessionId, attach: number, forMs: number): void
  /** The holder's session expired with this hold: nobody gets the lock for `forMs`; the leader counts, then proposes `DelayOver`. */
  delayed(name: string, token: Token, forMs: number): void
  membersChanged(): void
}
