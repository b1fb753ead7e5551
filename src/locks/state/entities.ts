/**
 * Who is there, who has what, who waits for what. A *hold* is what a grant gives for one name; a *tail* is one that has ended
 * and for some time still counts as it did, under its token, belonging to nobody. A *request* asks for one or several names,
 * all or nothing; while it waits it has a *place* in the queue of each (docs/protocol.md, Semantics of locks).
 *
 * A million entities are alive at once, so they are plain classes of fixed
 * shape, linked into lists by their own fields: a held lock must not cost more than 512 bytes with its session.
 *
 * `stamp` is not state: it says which snapshot production last saw the entity (see snapshot/image.ts).
 */
import { invariant } from '../../invariant.js'
import type { ConnId, Epoch, NodeId, RequestId, SessionId, Token } from '../commands/commands.js'
import { INDEXED_FROM_HOLDS, LinkedList, SeveralHolds, type WaitQueue } from './lists.js'
import type { Who } from './standing.js'
import { type HoldOwner, type HoldPhase, HoldTerms, type Keeping, type SessionTerms } from './terms.js'

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
  readonly sessions = new LinkedList<Session>()

  constructor(
    readonly node: NodeId,
    readonly epoch: Epoch,
    /** The feature level of the program that made it. */
    readonly programLevel: number,
  ) {}
}

export class Session {
  /** Where it is attached; null while detached. The epoch may have ended: then it counts as detached, or ended if classic. */
  place: EpochEntry | null = null
  attach = 1
  lastN = 0
  /** Holds that count, also those that have ended and that the client may still believe in. */
  heldCount = 0
  firstHeld: Hold | null = null
  lastHeld: Hold | null = null
  /** Places of its waiting requests. */
  placeCount = 0
  /** The highest request id first. */
  firstWaiting: LockRequest | null = null
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

  /** Null: a classic connection's, which is nobody's. */
  get identity(): string | null {
    return this.terms === null ? null : this.terms.identity
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

  /** A classic session that neither holds nor waits has nothing left to live for. */
  get isIdle(): boolean {
    return this.terms === null && this.heldCount === 0 && this.placeCount === 0
  }

  get who(): Who {
    return this.clientId === '' ? this.id : this.clientId
  }

  /** What refusals and listings call the session. */
  get label(): string {
    return String(this.who)
  }
}

/** What a grant gives for one name. It is in two lists, both in the order of tokens: the lock's, and its session's. */
export class Hold {
  /** Null: a loose hold, or a tail. */
  session: Session | null = null
  /** Null for most: what is current, and has neither times nor metadata. */
  terms: HoldTerms | null = null
  /** The request that was granted, for its stored answer; -1: none, or granted in a cluster of level 1. */
  request: RequestId = -1
  previous: Hold | null = null
  next: Hold | null = null
  previousOfSession: Hold | null = null
  nextOfSession: Hold | null = null

  constructor(
    readonly lock: LockEntry,
    readonly token: Token,
    /** EXCLUSIVE, SHARED, or permits. */
    readonly amount: number,
    readonly sinceWallMs: number,
    public stamp: number,
  ) {}

  get phase(): HoldPhase {
    return this.terms === null ? 'held' : this.terms.phase
  }

  get meta(): string {
    return this.terms === null ? '' : this.terms.meta
  }

  /** Whose it is or was, when it is bound to no session. */
  get owner(): HoldOwner | null {
    return this.terms === null ? null : this.terms.owner
  }

  /** Its terms, which it has from now on, if only to say that it has ended. */
  withTerms(): HoldTerms {
    this.terms ??= new HoldTerms(0, 0, 0, false, '', 0)
    return this.terms
  }

  /** Empty for a tail. */
  get who(): Who {
    return this.session?.who ?? (this.phase === 'tail' ? '' : (this.owner?.label ?? ''))
  }

  /** What listings and refusals call the holder. */
  get label(): string {
    return String(this.who)
  }
}

/** A name that has holds, tails or places; any other has no entry. */
export class LockEntry {
  /** 0: a plain lock. */
  limit = 0
  /** By holds, tails, and the places that fit beside them: -1 exclusively, else how many share it, or the sum of permits. */
  taken = 0
  /** In the order of tokens, tails among them. */
  firstHold: Hold | null = null
  #several: SeveralHolds<Hold> | null = null
  queue: WaitQueue<Place> | null = null

  constructor(
    readonly name: string,
    public stamp: number,
  ) {}

  get holdCount(): number {
    if (this.#several !== null) return this.#several.count
    return this.firstHold === null ? 0 : 1
  }

  get placeCount(): number {
    return this.queue === null ? 0 : this.queue.count
  }

  get isEmpty(): boolean {
    return this.firstHold === null && this.queue === null
  }

  *holds(): IterableIterator<Hold> {
    for (let hold = this.firstHold; hold !== null; hold = hold.next) yield hold
  }

  holdUnder(token: Token): Hold | null {
    const byToken = this.#several?.byToken ?? null
    if (byToken !== null) return byToken.get(token) ?? null
    let hold = this.firstHold
    while (hold !== null && hold.token !== token) hold = hold.next
    return hold
  }

  /** Its token is the highest. */
  addHold(hold: Hold): void {
    const first = this.firstHold
    if (first === null) {
      this.firstHold = hold
      return
    }
    this.#several ??= new SeveralHolds(first)
    const several = this.#several
    hold.previous = several.last
    several.last.next = hold
    several.last = hold
    several.count += 1
    if (several.count > INDEXED_FROM_HOLDS)
      several.byToken ??= new Map([...this.holds()].map((each) => [each.token, each]))
    several.byToken?.set(hold.token, hold)
  }

  removeHold(hold: Hold): void {
    const several = this.#several
    if (hold.previous === null) this.firstHold = hold.next
    else hold.previous.next = hold.next
    if (hold.next !== null) hold.next.previous = hold.previous
    else if (several !== null && hold.previous !== null) several.last = hold.previous
    hold.previous = null
    hold.next = null
    if (several === null) return
    several.count -= 1
    several.byToken?.delete(hold.token)
    if (several.count <= 1) this.#several = null
  }
}

/** A request that waits: for one name or several, each with a place in its queue. */
export class LockRequest {
  /** In the order asked. */
  readonly places: Place[] = []
  /** How many of its places do not fit. None: it is due, unless it is frozen. */
  unfit = 0
  /** In the heap of those that are due. */
  isDue = false
  hasEnded = false
  previousOfSession: LockRequest | null = null
  nextOfSession: LockRequest | null = null

  constructor(
    readonly session: Session,
    readonly request: RequestId,
    /** Orders all requests; drawn from the counter. Of one that was made under level 1: its place in the queue (see `comesBefore`). */
    public number: number,
    /** By the last count that reached the state; -1 waits forever. */
    public waitMs: number,
    readonly meta: string,
    readonly terms: HoldTerms | null,
    readonly keeps: Keeping,
    readonly wallMs: number,
    public stamp: number,
  ) {}

  /** The only place of a request of the classic dialect or of level 1. */
  get first(): Place {
    const [place] = this.places
    invariant(place !== undefined, 'a request asks for a name')
    return place
  }
}

/** The order in which requests were made, and are granted. Numbers differ, but for those that were made under level 1. */
export function comesBefore(a: LockRequest, b: LockRequest): boolean {
  if (a.number !== b.number) return a.number < b.number
  return a.session.id !== b.session.id ? a.session.id < b.session.id : a.request < b.request
}

/** One name of a waiting request, in the queue of that name. */
export class Place {
  /** It fits beside all holds, tails and earlier places, as though those were granted. Once it fits it fits for good. */
  fits = false
  previous: Place | null = null
  next: Place | null = null

  constructor(
    readonly request: LockRequest,
    readonly lock: LockEntry,
    readonly amount: number,
  ) {}
}
