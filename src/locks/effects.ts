/**
 * What the application of commands means for connections and for the leader's timers, as data. The state machine appends
 * effects in commit order while an entry is applied; they are taken and acted on when all of it is applied, so nothing of the
 * server ever runs on a state that is half changed. Effects are not state: a node that ignores them stays equal.
 *
 * To see why, consider an entry in which A releases x, which passes to B, and B's session ends. Told at once, B's `ok` would
 * be written, and whatever B's connection does then would run, while A's command is still being applied. Told afterwards,
 * three records are read in their order: A's `released`, B's `ok`, the end of B.
 */
import type { Index } from '../raft/core/types.js'
import type { ConnId, Epoch, HoldClock, NodeId, RequestId, SessionId, Token } from './commands/commands.js'
import type { HoldEnd, Who } from './state/standing.js'

/** The node, epoch and connection to which a session is attached. */
export interface Where {
  readonly node: NodeId
  readonly epoch: Epoch
  readonly conn: ConnId
}

export const REFUSAL_REASONS = ['held', 'timeout', 'cancelled', 'queued', 'delayed', 'frozen'] as const
export type RefusalReason = (typeof REFUSAL_REASONS)[number]

/** How a hold ended before its client was done with it. `lease-expired` is not told: nobody is there to hear it. */
export const LOSS_REASONS = ['lease-expired', 'forced', 'ttl'] as const
export type LossReason = (typeof LOSS_REASONS)[number]

/** One name of a granted request. */
export interface Grant {
  readonly name: string
  readonly token: Token
  /** Of a semaphore, as it was at the grant; 0 for a plain lock. */
  readonly limit: number
  /** What became of the hold since: a repeated answer says so too. */
  readonly ended: 'released' | LossReason | null
}

/** Why a request was not granted; what does not apply is empty or 0. */
export interface Refusal {
  readonly kind: 'not-granted'
  /** The first name asked that is in the way. */
  readonly name: string
  readonly reason: RefusalReason
  readonly holder: string
  /** Of `held`: how many holds are in the way. */
  readonly holders: number
  /** Of `delayed`: for so long at most. */
  readonly forMs: number
  /** Of `frozen`: the operator's reason. */
  readonly message: string
}

/** One way of waiting in a circle: `who` waits for the lock `name`, which the next one keeps or gets first. */
export interface CycleStep {
  readonly who: string
  readonly name: string
}

/**
 * Waiting would close a circle; the last one waits for the first again, who is the asker. These are other people's locks, so this
 * is no text: whoever tells it leaves out what the asker may not see. (In a cluster of level 1 it is an error with a message.)
 */
export interface Deadlock {
  readonly kind: 'deadlock'
  /** The first ones; none where the circle was not looked for to its end. */
  readonly steps: readonly CycleStep[]
  /** Whether more follow before it is closed. */
  readonly isCut: boolean
}

/** The answer to one request of a session; stored until the client acknowledges it and repeated on a resend (rule 10). */
export type Answer =
  /** One for each name, in the order asked. */
  | { readonly kind: 'granted'; readonly grants: readonly Grant[] }
  | Refusal
  /** The done-mark was there already: nothing is held. */
  | { readonly kind: 'done'; readonly key: string; readonly sinceWallMs: number; readonly holder: string }
  | { readonly kind: 'released'; readonly name: string }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'error'; readonly code: AnswerErrorCode; readonly message: string }
  | Deadlock
  // ---- of operators
  /** `withinMs`: how long the holder may go on believing, once its node has told it. */
  | { readonly kind: 'forced'; readonly name: string; readonly token: Token; readonly withinMs: number }
  /** The limit in force; `limit` 0: the pin is gone. */
  | { readonly kind: 'resized'; readonly name: string; readonly limit: number }
  | { readonly kind: 'frozen'; readonly prefix: string }
  | { readonly kind: 'thawed'; readonly prefix: string }
  | { readonly kind: 'forgotten'; readonly key: string }

/** `permits`: more than the semaphore has. Clients are told `limit`; only the classic dialect has words of its own for it. */
export type AnswerErrorCode = 'deadlock' | 'not-holder' | 'limit' | 'limit-mismatch' | 'bad-request' | 'permits'

export type Mode = 'exclusive' | 'shared' | 'permits'

export interface HeldLock {
  readonly name: string
  readonly mode: Mode
  readonly token: Token
  /** Of a semaphore: permits held and the limit now in force; else 0. */
  readonly permits: number
  readonly limit: number
}

export interface QueuedRequest {
  readonly request: RequestId
  /** The first name asked that is in the way. */
  readonly name: string
  /** 1 is the head of the queue. */
  readonly position: number
  /** Of a semaphore, now in force; else 0. */
  readonly limit: number
  readonly waitMs: number
  /** How many names it asks for. */
  readonly names: number
}

/** A hold that the session has lost and that still counts, until its client has let go of it (rule 12). */
export interface EndingHold {
  readonly name: string
  readonly token: Token
  readonly reason: LossReason
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
  /** Broken or timed out, and not yet passed on: the node says `lost` and counts until the client cannot believe (rule 12). */
  readonly ending: readonly EndingHold[]
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
  | OfHold
  | OfOperators
  | LockEvent
  /** A numbered command of the session was applied: the node may forget its copy. */
  | {
      readonly kind: 'applied'
      readonly where: Where
      readonly session: SessionId
      readonly attach: number
      readonly n: number
    }
  /** The session was attached elsewhere: this connection is closed without a word. */
  | { readonly kind: 'superseded'; readonly where: Where; readonly session: SessionId }
  /** The session is gone. `where` is null if it was detached. */
  | { readonly kind: 'ended'; readonly where: Where | null; readonly session: SessionId }
  /** From now on the session may be resumed for `forMs`; the leader counts (rule 4). */
  | { readonly kind: 'detached'; readonly session: SessionId; readonly attach: number; readonly forMs: number }
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
  /** The secret is right, and the session is another identity's: it lives on. */
  | { readonly kind: 'resumeForbidden'; readonly where: Where; readonly session: SessionId }
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
      /** Of a semaphore; else 0. */
      readonly limit: number
    }
  | Answered
  /** The request waits no longer than this from now on. `where` is null if its session is detached. */
  | {
      readonly kind: 'waitLeft'
      readonly where: Where | null
      readonly session: SessionId
      readonly request: RequestId
      readonly leftMs: number
    }

/** A request has its answer: at once, or after it waited. */
export interface Answered {
  readonly kind: 'answered'
  readonly where: Where
  readonly session: SessionId
  readonly request: RequestId
  readonly answer: Answer
}

/** What became of a hold. */
type OfHold =
  /**
   * The session lost a lock that it held, other than by its own release or end. It counts on until its client cannot believe
   * any longer (`letGo`): the node that has the connection counts, and while `where` is null the leader does (rule 12).
   */
  | {
      readonly kind: 'lost'
      readonly where: Where | null
      readonly session: SessionId
      readonly attach: number
      readonly name: string
      readonly token: Token
      readonly reason: LossReason
      /** Of the session. */
      readonly leaseMs: number
    }
  /** The leader counts `forMs` of this time, then proposes `timeOver` (in a cluster of level 1 `delayOver`). */
  | {
      readonly kind: 'timed'
      readonly name: string
      readonly token: Token
      readonly clock: HoldClock
      readonly forMs: number
    }
  /** Nothing is left of the hold, not even a tail: its times need no counting. */
  | { readonly kind: 'untimed'; readonly name: string; readonly token: Token }

type OfOperators =
  /** `untilWallMs`, `expiresWallMs`: by the leader's wall clock; 0: it does not end by itself. */
  | { readonly kind: 'frozen'; readonly prefix: string; readonly generation: number; readonly untilWallMs: number }
  | { readonly kind: 'marked'; readonly key: string; readonly generation: number; readonly expiresWallMs: number }

/** The types of events, as a watch tells them. */
export const EVENT_TYPES = [
  'granted',
  'released',
  'lost',
  'ended',
  'queued',
  'left',
  'limit',
  'frozen',
  'thawed',
] as const
export type EventType = (typeof EVENT_TYPES)[number]

/** What a watch tells: `place` counts the events of one entry from 0, alike on every node. */
export interface LockEvent {
  readonly kind: 'event'
  readonly index: Index
  readonly place: number
  readonly type: EventType
  /** Of the lock; of `frozen` and `thawed` the prefix. */
  readonly name: string
  /** 0 where there is no hold. */
  readonly token: Token
  /** Who holds, held or waited; empty where there is nobody. */
  readonly holder: Who
  /** By the clocks of nodes, for display: since when who was granted or has left had asked; since when what has ended was held; else 0. */
  readonly sinceWallMs: number
  /** Of `released` and `lost`. */
  readonly how: HoldEnd | null
}
