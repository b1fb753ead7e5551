/**
 * Why a request waits: every hold, tail and earlier place that it does not fit beside, in all of its names, and who keeps
 * those waiting in turn. Example: A holds x and waits for y, which B holds; C asks for x. What is in C's way is A's hold of
 * x, and the chain says why that does not end: A waits for y, of B.
 */
import { EXCLUSIVE, type SessionId, SHARED, type Token } from '../commands/commands.js'
import { WHY_SEARCH_TIMES } from '../limits.js'
import type { Hold, LockEntry, LockRequest, Place } from '../state/entities.js'
import type { LockState } from '../state/state.js'
import { describeCycle } from '../table/cycle.js'
import { DeadlockSearch } from '../table/deadlock-search.js'
import {
  type FreezeReport,
  freezesOf,
  type HoldReport,
  hasOrphanedHolder,
  holdReport,
  type PlaceReport,
  placeReport,
  placesOf,
} from './hold-report.js'

/** One thing in the way. */
export type Blocker =
  | { readonly kind: 'hold'; readonly hold: HoldReport }
  | { readonly kind: 'place'; readonly place: PlaceReport }
  | { readonly kind: 'frozen'; readonly name: string; readonly freeze: FreezeReport }

/** Who waits for what of whom. */
export interface Link {
  readonly holder: string
  readonly session: SessionId
  readonly name: string
  /** The name's hold that is in the way; 0: a place. */
  readonly token: Token
  readonly of: string
  readonly ofSession: SessionId
}

export interface WaitReport {
  readonly place: PlaceReport
  /** All names that the request asks for, in the order asked. */
  readonly names: readonly string[]
  /** The first of them; `blockerCount` says how many there are. */
  readonly blockers: readonly Blocker[]
  readonly blockerCount: number
  /** From this request on: the first in its way, the first in the way of that one, and so on while it waits too. */
  readonly chain: readonly Link[]
  /** `A waits for x of B waits for y of A`: the request belongs to a set of which nobody can go on. Empty: it does not. */
  readonly circle: string
}

export interface WhyReport {
  readonly name: string
  /** Of the name, in the order of its queue, or those of one session. `requestCount` says how many there are. */
  readonly requests: readonly WaitReport[]
  readonly requestCount: number
  /** What an exclusive ask would meet that came now. Left out where one session is asked about. */
  readonly now: readonly Blocker[] | null
  readonly nowCount: number
  /** So much waits that the search for circles was given up. */
  readonly isUnexamined: boolean
}

export interface WhyBounds {
  readonly requests: number
  readonly blockers: number
  readonly chain: number
}

export function why(state: LockState, name: string, session: SessionId | null, most: WhyBounds): WhyReport {
  const lock = state.locks.get(name)
  const shown: (readonly [Place, number])[] = []
  let requestCount = 0
  if (lock !== undefined) {
    for (const [place, position] of placesOf(lock)) {
      if (session !== null && place.request.session.id !== session) continue
      requestCount += 1
      if (shown.length < most.requests) shown.push([place, position])
    }
  }
  const circles = circlesOf(
    state,
    shown.map(([{ request }]) => request),
  )
  const ahead = session !== null ? null : blockersNow(state, name, lock, most.blockers)
  return {
    name,
    requests: shown.map(([place, position]) =>
      waitReport(state, place, position, circles?.get(place.request) ?? '', most),
    ),
    requestCount,
    now: ahead?.first ?? null,
    nowCount: ahead?.count ?? 0,
    isUnexamined: circles === null,
  }
}

/** Those that are stuck, in words; null: there is too much to look at. */
function circlesOf(state: LockState, requests: readonly LockRequest[]): Map<LockRequest, string> | null {
  const search = new DeadlockSearch(state, true, undefined, WHY_SEARCH_TIMES)
  const stuck = search.run(requests)
  if (stuck === 'given-up') return null
  return new Map((stuck ?? []).map((request) => [request, describeCycle(search, request)]))
}

function waitReport(state: LockState, place: Place, position: number, circle: string, most: WhyBounds): WaitReport {
  const { request } = place
  const blockers = new Blockers(most.blockers)
  for (const each of request.places) {
    blockers.freezes(state, each.lock.name)
    if (!each.fits) blockers.ahead(each.lock, each.amount, each)
  }
  return {
    place: placeReport(place, position),
    names: request.places.map(({ lock }) => lock.name),
    blockers: blockers.first,
    blockerCount: blockers.count,
    chain: chainFrom(request, most.chain),
    circle,
  }
}

function blockersNow(state: LockState, name: string, lock: LockEntry | undefined, most: number): Blockers {
  const blockers = new Blockers(most)
  blockers.freezes(state, name)
  if (lock !== undefined) blockers.ahead(lock, EXCLUSIVE, null)
  return blockers
}

class Blockers {
  readonly first: Blocker[] = []
  count = 0

  constructor(private readonly most: number) {}

  freezes(state: LockState, name: string): void {
    for (const freeze of freezesOf(state, name)) this.#add(() => ({ kind: 'frozen', name, freeze }))
  }

  /** What an ask of so much does not fit beside, before `end`; null: in the whole queue. */
  ahead(lock: LockEntry, amount: number, end: Place | null): void {
    for (const hold of holdsInTheWay(lock, amount)) this.#add(() => ({ kind: 'hold', hold: holdReport(hold) }))
    for (const [place, position] of placesInTheWay(lock, amount, end)) {
      this.#add(() => ({ kind: 'place', place: placeReport(place, position) }))
    }
  }

  #add(make: () => Blocker): void {
    this.count += 1
    if (this.first.length < this.most) this.first.push(make())
  }
}

/** Of permits everything counts that is there: whichever goes may make enough room. */
const isInTheWay = (there: number, amount: number): boolean => amount !== SHARED || there === EXCLUSIVE

function* holdsInTheWay(lock: LockEntry, amount: number): IterableIterator<Hold> {
  for (const hold of lock.holds()) if (!hasOrphanedHolder(hold) && isInTheWay(hold.amount, amount)) yield hold
}

function* placesInTheWay(
  lock: LockEntry,
  amount: number,
  end: Place | null,
): IterableIterator<readonly [Place, number]> {
  for (const [place, position] of placesOf(lock)) {
    if (place === end) return
    if (isInTheWay(place.amount, amount)) yield [place, position]
  }
}

// ---------------------------------------------------------------------------------------------------- the chain

/** Of each request the first thing in its way, while whoever that is waits too. */
function chainFrom(first: LockRequest, most: number): Link[] {
  const chain: Link[] = []
  const seen = new Set<LockRequest>()
  let request: LockRequest | null = first
  while (request !== null && !seen.has(request) && chain.length < most) {
    seen.add(request)
    const step = nextInChain(request)
    if (step === null) break
    chain.push(step.link)
    request = step.next
  }
  return chain
}

interface Step {
  readonly link: Link
  /** Null: whoever is in the way does not wait. */
  readonly next: LockRequest | null
}

function nextInChain(request: LockRequest): Step | null {
  for (const place of request.places) {
    if (place.fits) continue
    const { lock } = place
    const [hold] = holdsInTheWay(lock, place.amount)
    if (hold !== undefined) {
      const link = linkOf(request, lock.name, hold.token, hold.label, hold.session?.id ?? 0)
      return { link, next: keeperOf(hold, request) }
    }
    const [ahead] = placesInTheWay(lock, place.amount, place)
    if (ahead !== undefined) {
      const other = ahead[0].request
      return { link: linkOf(request, lock.name, 0, other.session.label, other.session.id), next: other }
    }
  }
  return null
}

function linkOf(request: LockRequest, name: string, token: Token, of: string, ofSession: SessionId): Link {
  return { holder: request.session.label, session: request.session.id, name, token, of, ofSession }
}

/** A waiting request of the holder's that keeps this hold until it is decided. */
function keeperOf(hold: Hold, asker: LockRequest): LockRequest | null {
  if (hold.phase !== 'held') return null
  for (let request = hold.session?.firstWaiting ?? null; request !== null; request = request.nextOfSession) {
    if (request !== asker && keeps(request, hold)) return request
  }
  return null
}

function keeps({ keeps: kept }: LockRequest, hold: Hold): boolean {
  return kept === 'all' || kept.some(({ name, token }) => name === hold.lock.name && token === hold.token)
}
