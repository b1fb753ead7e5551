/** The search for a stuck set (see `deadlock.ts`). */
import { DEADLOCK_SEARCH_MAX_STEPS, DEADLOCK_STRIKES_MAX_STEPS } from '../limits.js'
import {
  comesBefore,
  type Hold,
  type LockEntry,
  type LockRequest,
  type Place,
  type Session,
} from '../state/entities.js'
import type { LockState } from '../state/state.js'
import { fitsBeside, takenWith } from './fit.js'

/** What ends by itself closes no cycle: tails, holds with a ttl, and those that were broken. */
export function isKeepable(hold: Hold | null): hold is Hold {
  return hold?.phase === 'held' && (hold.terms === null || hold.terms.ttlMs === 0)
}

/** A lock on which somebody in the search keeps something, or waits. */
class ContestedLock {
  /** What members keep of it, or did. */
  readonly kept = new Set<Hold>()
  /** From here to the end of the queue all are members; null: nobody. */
  from: Place | null = null
  isDirty = false

  constructor(readonly lock: LockEntry) {}
}

/** A request in the search. */
class Member {
  isIn = true
  /** Of its names, those at which it does not fit beside the set. */
  readonly blockedAt = new Set<Place>()

  constructor(readonly request: LockRequest) {}
}

const NOBODY: ReadonlySet<LockRequest> = new Set()

export class DeadlockSearch {
  readonly #members = new Map<LockRequest, Member>()
  readonly #locks = new Map<LockEntry, ContestedLock>()
  /** How many members keep all that their session has. */
  readonly #keepers = new Map<Session, number>()
  /** Members that keep a hold by naming it, and those that did. */
  readonly #namedBy = new Map<Hold, LockRequest[]>()
  readonly #open: LockRequest[] = []
  readonly #dirty: ContestedLock[] = []
  #stepsLeft: number

  /**
   * `further`: go on to those who wait for the askers. `gone`: these are about to leave, and count no more. `times`: what `why`
   * may look at, a multiple of what a request may.
   */
  constructor(
    readonly state: LockState,
    readonly further = true,
    readonly gone: ReadonlySet<LockRequest> = NOBODY,
    readonly times = 1,
  ) {
    this.#stepsLeft = times * DEADLOCK_SEARCH_MAX_STEPS
  }

  /** The requests of `askers` that are stuck, or null; `given-up`: there is too much to look at. */
  run(askers: readonly LockRequest[]): readonly LockRequest[] | 'given-up' | null {
    for (const asker of askers) this.#admit(asker)
    for (let next = this.#open.pop(); next !== undefined; next = this.#open.pop()) {
      this.#collectBehind(next)
      if (this.#stepsLeft < 0) return 'given-up'
    }
    this.#stepsLeft = this.times * DEADLOCK_STRIKES_MAX_STEPS
    for (const contested of this.#locks.values()) this.#judge(contested, false)
    for (const member of this.#members.values()) if (member.blockedAt.size === 0) this.#strike(member)
    for (let next = this.#dirty.pop(); next !== undefined; next = this.#dirty.pop()) {
      // However the others fare: who could go on closes no cycle.
      if (!askers.some((asker) => this.isIn(asker))) return null
      next.isDirty = false
      this.#judge(next, true)
      if (this.#stepsLeft < 0) return 'given-up'
    }
    const stuck = askers.filter((asker) => this.isIn(asker))
    return stuck.length === 0 ? null : stuck
  }

  // ------------------------------------------------------------------------------------------------ who there is

  isIn(request: LockRequest): boolean {
    return this.#members.get(request)?.isIn === true
  }

  #admit(request: LockRequest): void {
    if (this.#members.has(request) || this.gone.has(request)) return
    this.#members.set(request, new Member(request))
    this.#open.push(request)
  }

  #collectBehind(request: LockRequest): void {
    const { session, keeps, places } = request
    for (const place of places) this.#admitFrom(place.lock, place)
    if (keeps !== 'all') {
      for (const { name, token } of keeps) {
        const hold = this.state.holds.get(name, token)
        this.#stepsLeft -= 1
        if (!isKeepable(hold)) continue
        const namedBy = this.#namedBy.get(hold)
        if (namedBy === undefined) this.#namedBy.set(hold, [request])
        else namedBy.push(request)
        this.#keep(hold)
      }
      return
    }
    const keepers = this.#keepers.get(session) ?? 0
    this.#keepers.set(session, keepers + 1)
    if (keepers > 0) return
    for (const hold of holdsOf(session)) this.#keep(hold)
    for (const { places: others } of requestsOf(session)) for (const place of others) this.#admitFrom(place.lock, place)
  }

  #keep(hold: Hold): void {
    const contested = this.#contested(hold.lock)
    this.#stepsLeft -= 1
    if (contested.kept.has(hold)) return
    contested.kept.add(hold)
    const head = hold.lock.queue?.head ?? null
    if (head !== null) this.#admitFrom(hold.lock, head)
  }

  /** Everybody from this place to the end of its queue. Those behind an earlier one are there already. */
  #admitFrom(lock: LockEntry, place: Place): void {
    const contested = this.#contested(lock)
    const known = contested.from
    if (known !== null && !comesBefore(place.request, known.request)) return
    contested.from = place
    if (!this.further) return
    for (let next: Place | null = place; next !== null && next !== known; next = next.next) {
      if (--this.#stepsLeft < 0) return
      this.#admit(next.request)
    }
  }

  #contested(lock: LockEntry): ContestedLock {
    let contested = this.#locks.get(lock)
    if (contested === undefined) {
      contested = new ContestedLock(lock)
      this.#locks.set(lock, contested)
    }
    return contested
  }

  // --------------------------------------------------------------------------------------------- who is left over

  /** What of the lock is kept by the set, in the order of tokens; for what `cycle.ts` tells. */
  *keptOf(lock: LockEntry): Iterable<Hold> {
    const contested = this.#locks.get(lock)
    if (contested === undefined) return
    for (const hold of [...contested.kept].sort((a, b) => a.token - b.token)) if (this.#isKept(hold)) yield hold
  }

  /** From the first that counts on; null if nobody does. */
  firstPlaceOf(lock: LockEntry): Place | null {
    return this.#locks.get(lock)?.from ?? null
  }

  /** Requests of the set that keep the hold, in an order that is the same on all nodes. */
  keepersOf(hold: Hold): LockRequest[] {
    const keepers = (this.#namedBy.get(hold) ?? []).filter((request) => this.isIn(request))
    if (hold.session === null || !isKeepable(hold)) return keepers
    return [...keepers, ...this.keepersOfAll(hold.session)]
  }

  /** Requests of the set that keep all that their session has. */
  keepersOfAll(session: Session): LockRequest[] {
    return [...requestsOf(session)].filter((request) => request.keeps === 'all' && this.isIn(request))
  }

  #isKept(hold: Hold): boolean {
    if (this.#namedBy.get(hold)?.some((request) => this.isIn(request)) === true) return true
    return hold.session !== null && isKeepable(hold) && this.#keepersOf(hold.session) > 0
  }

  #keepersOf(session: Session): number {
    return this.#keepers.get(session) ?? 0
  }

  /** Whether the place counts: its request is in the set, or somebody in the set keeps what it will get. */
  stands({ request }: Place): boolean {
    if (this.isIn(request)) return true
    return isLasting(request) && this.#keepersOf(request.session) > 0 && !this.gone.has(request)
  }

  /**
   * Looks anew which members fit at the lock. Until the next look others count as blocked that are not any more, never the
   * other way round: things only vanish. `strikes`: who is blocked nowhere leaves at once, so that those behind it are
   * judged without it, and a long queue that dissolves from its head does so in one look.
   */
  #judge({ lock, kept, from }: ContestedLock, strikes: boolean): void {
    let taken = 0
    for (const hold of kept) {
      this.#stepsLeft -= 1
      if (this.#isKept(hold)) taken = takenWith(taken, lock.limit, hold.amount)
    }
    for (let place = from; place !== null; place = place.next) {
      if (--this.#stepsLeft < 0) return
      const member = this.#members.get(place.request)
      if (member?.isIn === true) {
        if (fitsBeside(taken, lock.limit, place.amount)) {
          member.blockedAt.delete(place)
          if (strikes && member.blockedAt.size === 0) this.#strike(member)
        } else member.blockedAt.add(place)
      }
      if (this.stands(place)) taken = takenWith(taken, lock.limit, place.amount)
    }
  }

  #strike(member: Member): void {
    const { request } = member
    member.isIn = false
    for (const { lock } of request.places) this.#soilLock(lock)
    const { keeps, session } = request
    if (keeps !== 'all') {
      for (const { token, name } of keeps) {
        const hold = this.state.holds.get(name, token)
        if (isKeepable(hold)) this.#soilLock(hold.lock)
      }
      return
    }
    const keepers = this.#keepersOf(session) - 1
    this.#keepers.set(session, keepers)
    if (keepers > 0) return
    for (const { lock } of holdsOf(session)) this.#soilLock(lock)
    for (const { places } of requestsOf(session)) for (const { lock } of places) this.#soilLock(lock)
  }

  #soilLock(lock: LockEntry): void {
    this.#stepsLeft -= 1
    const contested = this.#locks.get(lock)
    if (contested !== undefined) this.#soil(contested)
  }

  #soil(contested: ContestedLock): void {
    if (contested.isDirty) return
    contested.isDirty = true
    this.#dirty.push(contested)
  }
}

/** What a request with a ttl gets ends by itself, so nobody waits for it for ever. */
function isLasting({ terms }: LockRequest): boolean {
  return terms === null || terms.ttlMs === 0
}

function* holdsOf(session: Session): Iterable<Hold> {
  for (let hold = session.firstHeld; hold !== null; hold = hold.nextOfSession) if (isKeepable(hold)) yield hold
}

function* requestsOf(session: Session): Iterable<LockRequest> {
  for (let waiting = session.firstWaiting; waiting !== null; waiting = waiting.nextOfSession) yield waiting
}
