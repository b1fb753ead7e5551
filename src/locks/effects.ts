/**
 * What the application of commands means for connections and for the leader's timers, as data. The state machine appends
 * effects in commit order while an entry is applied; they are taken and acted on when all of it is applied, so nothing of the
 * server ever runs on a state that is half changed. Effects are not state: a node that ignores them stays equal.
 *
 * To see why, consider an entry in which A releases x, which passes to B, and B's session ends. Told at once, B's `ok` would
 * be written, and whatever B's connection does then would run, while A's command is still being applied. Told afterwards,
 * three records are read in their order: A's `released`, B's `ok`, the end of B.
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

/** The order is that in which the commands had these effects. */
export type Effect =
  /** `epoch` is current for `node` from now on. */
  | { readonly kind: 'nodeUp'; readonly node: NodeId; readonly epoch: Epoch }
  /** `epoch` of `node` has ended; its classic sessions count as ended, the others as detached. */
  | { readonly kind: 'epochEnded'; readonly node: NodeId; readonly epoch: Epoch }
  /** `epoch` was to begin, and its program is older than the cluster: it has to end. */
  | { readonly kind: 'nodeTooOld'; readonly node: NodeId; readonly epoch: Epoch; readonly needed: number }
  | { readonly kind: 'levelRaised'; readonly level: number }
  | { readonly kind: 'levelHeld'; readonly held: boolean }
  | { readonly kind: 'membersChanged' }
  | Opening
  | OfRequest
  /** A numbered command of the session was applied: the node may forget its copy. */
  | {
      readonly kind: 'applied'
      readonly where: Where
      readonly session: SessionId
      readonly attach: number
      readonly n: number
    }
  /** The session lost a lock that it held, other than by its own release or end. */
  | {
      readonly kind: 'lost'
      readonly where: Where
      readonly session: SessionId
      readonly name: string
      readonly token: Token
      readonly reason: 'lease-expired' | 'forced'
    }
  /** The session was attached elsewhere: this connection is closed without a word. */
  | { readonly kind: 'superseded'; readonly where: Where; readonly session: SessionId }
  /** The session is gone. `where` is null if it was detached. */
  | { readonly kind: 'ended'; readonly where: Where | null; readonly session: SessionId }
  /** From now on the session may be resumed for `forMs`; the leader counts (rule 4). */
  | { readonly kind: 'detached'; readonly session: SessionId; readonly attach: number; readonly forMs: number }
  /** The holder's session expired with this hold: nobody gets the lock for `forMs`; the leader counts, then proposes `DelayOver`. */
  | { readonly kind: 'delayed'; readonly name: string; readonly token: Token; readonly forMs: number }
  /** The session waits for the lock, and the search for a deadlock was given up at its bound: there may be one. */
  | { readonly kind: 'unexamined'; readonly session: SessionId; readonly name: string }

/** What became of an opening. */
type Opening =
  | { readonly kind: 'opened'; readonly where: Where; readonly session: SessionId; readonly attach: number }
  /** There are as many sessions as there may be. */
  | { readonly kind: 'openRefused'; readonly where: Where }
  /** `view` is the session as the resume left it: what the same entry did to it afterwards is told by later effects. */
  | {
      readonly kind: 'resumed'
      readonly where: Where
      readonly session: SessionId
      readonly attach: number
      readonly view: SessionView
    }
  | { readonly kind: 'resumeRefused'; readonly where: Where; readonly session: SessionId }
  /** A resume with a higher or the same attempt was applied before: only this connection is meant, the session lives on. */
  | {
      readonly kind: 'resumeOutdated'
      readonly where: Where
      readonly session: SessionId
      readonly attempt: number
    }

/** What became of a request. */
type OfRequest =
  /** The request waits. Also when it is repeated while it waits. */
  | {
      readonly kind: 'queued'
      readonly where: Where
      readonly session: SessionId
      readonly request: RequestId
      readonly name: string
      readonly position: number
      readonly holder: string
    }
  | {
      readonly kind: 'answered'
      readonly where: Where
      readonly session: SessionId
      readonly request: RequestId
      readonly answer: Answer
    }
  /** The request waits no longer than this from now on. `where` is null if its session is detached. */
  | {
      readonly kind: 'waitLeft'
      readonly where: Where | null
      readonly session: SessionId
      readonly request: RequestId
      readonly leftMs: number
    }
