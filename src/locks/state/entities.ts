/**
 * What the replicated state is made of. A million of these are alive at once, so they are plain classes of fixed shape,
 * linked into lists by their own fields: a held lock must not cost more than 512 bytes with its session.
 *
 * `stamp` is not state: it says which snapshot production last saw the entity (see snapshot.ts).
 */
import type { ConnId, Epoch, NodeId, RequestId, SessionId, Token } from '../commands/commands.js'
import type { Answer } from '../effects.js'

export interface NodeEntry {
  readonly id: NodeId
  /** The epoch made current last; it stays when it has ended, so that a late `NodeUp` cannot bring back an old one. */
  current: Epoch
  address: string
}

export interface Member {
  readonly raftId: number
  readonly nodeId: NodeId
  readonly peerAddress: string
  /** The directory that claimed this id: null nobody yet, '' a founding member (claimed by the formation itself). */
  readonly memberUid: string | null
}

/** One life of a node process. An epoch without an entry has ended. */
export class EpochEntry {
  live = true
  /** Connections below `floor` can no longer open; `opened` are those at or above it that did. Only while live. */
  floor: ConnId = 1
  readonly opened = new Set<ConnId>()
  /** The sessions attached here, in the order in which they were attached: the order in which they are swept. */
  readonly sessions = new SessionList()

  constructor(
    readonly node: NodeId,
    readonly epoch: Epoch,
    /** The feature level of the program that made it. */
    readonly programLevel: number,
  ) {}
}

/** What only a session of the session dialect has: it can be left and resumed. */
export class SessionTerms {
  /** Answers with a lower request id have arrived at the client. */
  lowestUnacknowledged: RequestId = 0
  answers: Map<RequestId, Answer> | null = null
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
  ) {}
}

export class Session {
  /** Where it is attached; null while detached. The epoch may have ended: then it counts as detached, or ended if classic. */
  place: EpochEntry | null = null
  attach = 1
  lastN = 0
  heldCount = 0
  firstHeld: LockEntry | null = null
  lastHeld: LockEntry | null = null
  waitCount = 0
  firstWait: Waiter | null = null
  previous: Session | null = null
  next: Session | null = null

  constructor(
    readonly id: SessionId,
    readonly clientId: string,
    public conn: ConnId,
    /** Null: a classic connection, which ends with its lock and cannot be resumed. */
    readonly terms: SessionTerms | null,
    public stamp: number,
  ) {}

  get classic(): boolean {
    return this.terms === null
  }

  /** The attachment's place in its epoch; a classic session is attached once, so its id serves. */
  get attachOrder(): number {
    return this.terms === null ? this.id : this.terms.attachOrder
  }

  /** The node process that may act for this session is gone, and that has not been swept yet. */
  get orphaned(): boolean {
    return this.place !== null && !this.place.live
  }

  /** An orphaned classic session counts as ended at once (rules.md rule 3). */
  get countsAsEnded(): boolean {
    return this.terms === null && this.orphaned
  }

  /** What refusals and listings call the session. */
  get label(): string {
    return this.clientId === '' ? String(this.id) : this.clientId
  }
}

/** A held or delayed lock; a free one has no entry. */
export class LockEntry {
  /** Null while delayed: nobody holds it, and nobody gets it until `DelayOver`. */
  holder: Session | null = null
  /** Of the last grant. */
  token: Token = 0
  sinceWallMs = 0
  meta = ''
  delayMs = 0
  queue: WaitQueue | null = null
  previousHeld: LockEntry | null = null
  nextHeld: LockEntry | null = null

  constructor(
    readonly name: string,
    public stamp: number,
  ) {}

  get waiterCount(): number {
    return this.queue === null ? 0 : this.queue.count
  }

  get holderLabel(): string {
    return this.holder === null ? '' : this.holder.label
  }
}

/** One request in the queue of a lock. It is in two lists: the lock's, in commit order, and its session's. */
export class Waiter {
  previous: Waiter | null = null
  next: Waiter | null = null
  previousOfSession: Waiter | null = null
  nextOfSession: Waiter | null = null

  constructor(
    readonly session: Session,
    readonly lock: LockEntry,
    readonly request: RequestId,
    /** By the last count that reached the state; -1 waits forever. */
    public waitMs: number,
    readonly meta: string,
    readonly delayMs: number,
    readonly wallMs: number,
  ) {}
}

/** First come, first served, in commit order. */
export class WaitQueue {
  head: Waiter | null = null
  tail: Waiter | null = null
  count = 0

  push(waiter: Waiter): void {
    waiter.previous = this.tail
    if (this.tail === null) this.head = waiter
    else this.tail.next = waiter
    this.tail = waiter
    this.count += 1
  }

  remove(waiter: Waiter): void {
    if (waiter.previous === null) this.head = waiter.next
    else waiter.previous.next = waiter.next
    if (waiter.next === null) this.tail = waiter.previous
    else waiter.next.previous = waiter.previous
    waiter.previous = null
    waiter.next = null
    this.count -= 1
  }
}

/** A list of sessions; a session is in at most one. */
export class SessionList {
  head: Session | null = null
  tail: Session | null = null
  count = 0

  push(session: Session): void {
    session.previous = this.tail
    session.next = null
    if (this.tail === null) this.head = session
    else this.tail.next = session
    this.tail = session
    this.count += 1
  }

  remove(session: Session): void {
    if (session.previous === null) this.head = session.next
    else session.previous.next = session.next
    if (session.next === null) this.tail = session.previous
    else session.next.previous = session.previous
    session.previous = null
    session.next = null
    this.count -= 1
  }

  *[Symbol.iterator](): IterableIterator<Session> {
    for (let session = this.head; session !== null; session = session.next) yield session
  }
}
