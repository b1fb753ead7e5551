/** What was said when a session was opened or a lock was asked for, and what is counted of it. */
import type { Kept, RequestId, SessionId } from '../commands/commands.js'
import type { Answer } from '../effects.js'

/** What only a session of the session dialect has: it can be left and resumed. */
export class SessionTerms {
  /** Answers with a lower request id have arrived at the client. */
  lowestUnacknowledged: RequestId = 0
  answers: Map<RequestId, Answer> | null = null
  /** A grant of several names counts as several. Derived from `answers`. */
  answerCount = 0
  /** The highest id of any request that was applied: nothing above it can have been answered by the state. */
  highestRequest: RequestId = 0
  /** While detached: how long it may be resumed, counted by the leader. */
  detachedForMs = 0
  /** Of the last resume that was applied and had one (`attempt:N`); 0 before. */
  attempt = 0

  constructor(
    readonly secretHash: string,
    readonly leaseMs: number,
    readonly lingerMs: number,
    /** Drawn from the counter with each attachment; orders the sessions of an epoch. */
    public attachOrder: number,
    /** Who opened it, or resumed it while it was nobody's in particular: ''. */
    public identity: string,
  ) {}
}

/**
 * How long a client that is not heard may believe in a hold at most: its lease, and before that the one of its node. A log can
 * hold leases of any length, and what an answer says has to be a number that a snapshot can hold.
 */
export const letGoMs = (terms: SessionTerms | null, nodeLeaseMs: number): number =>
  Math.min(Number.MAX_SAFE_INTEGER, (terms?.leaseMs ?? 0) + nodeLeaseMs)

/** What of a request counts for each of its holds, and what the leader counts of it. Times: left by the last count that reached the state. */
export class HoldTerms {
  constructor(
    /** If the hold ends uncleanly it leaves a tail of so long; of a tail: so much of that is left. */
    public delayMs: number,
    /** Until so long after its grant the hold leaves a tail however it ends. */
    public minHoldMs: number,
    /** After so long it ends; 0: it does not. */
    public ttlMs: number,
    /** Bound to no session. */
    readonly loose: boolean,
    /** The done-mark that its holder may set; empty: none. */
    readonly once: string,
    /** 0: the mark lasts for ever. */
    readonly onceTtlMs: number,
  ) {}

  phase: HoldPhase = 'held'
  owner: HoldOwner | null = null
  /** The client's words. */
  meta = ''

  copy(): HoldTerms {
    return new HoldTerms(this.delayMs, this.minHoldMs, this.ttlMs, this.loose, this.once, this.onceTtlMs)
  }

  /** Whether the leader counts something of it while it is held. */
  get isCounted(): boolean {
    return this.minHoldMs > 0 || this.ttlMs > 0
  }

  /** Whether it can be there without a session: as a tail, or as a loose hold. */
  get canBeTail(): boolean {
    return this.delayMs > 0 || this.minHoldMs > 0 || this.loose
  }
}

/** Of whom a hold is said to be, when it is bound to no session any longer. */
export interface HoldOwner {
  readonly session: SessionId
  readonly label: string
  /** Who knows the session's secret may `unlock` in its name. */
  readonly secretHash: string
  /** Of that session: whoever has it may `unlock` as well. Null: a classic one's. */
  readonly identity: string | null
}

/**
 * `held`: current. `forced`, `ttl`: it has ended, and counts until its client cannot believe in it any more (rule 12).
 * `tail`: it has ended, belongs to nobody, and counts for a time.
 */
export type HoldPhase = 'held' | 'forced' | 'ttl' | 'tail'

/** What a client will not give back before its request is decided: everything, or these holds. */
export type Keeping = 'all' | readonly Kept[]
