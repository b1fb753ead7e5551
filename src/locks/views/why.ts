/** Why a request waits: every hold, tail and earlier place that it does not fit beside, in all of its names, and every freeze. */
import { EXCLUSIVE, type SessionId } from '../commands/commands.js'
import type { Deadlock } from '../effects.js'
import { WHY_LOOKS, WHY_SEARCH_TIMES } from '../limits.js'
import type { LockEntry, LockRequest, Place } from '../state/entities.js'
import type { LockState } from '../state/state.js'
import { deadlockOf } from '../table/cycle.js'
import { DeadlockSearch } from '../table/deadlock-search.js'
import { fitsLast } from '../table/fit.js'
import { type Chain, Chains } from './chain.js'
import {
  type FreezeReport,
  freezesOf,
  type HoldReport,
  holdReport,
  type PlaceReport,
  placeReport,
  placesOf,
  type Sees,
} from './hold-report.js'
import { type AskView, askOf, freeWithinMs, holdsInTheWay, Looks, placesInTheWay } from './in-the-way.js'

/** One thing in the way. */
export type Blocker =
  | { readonly kind: 'hold'; readonly hold: HoldReport }
  | { readonly kind: 'place'; readonly place: PlaceReport }
  | { readonly kind: 'frozen'; readonly name: string; readonly freeze: FreezeReport }

/** When nothing is in the way any more, though nobody does anything: when both times have come. */
export interface Freedom {
  /** By the counts that reached the state. */
  readonly withinMs: number
  /** By the wall clock; 0: it is not frozen. */
  readonly untilWallMs: number
}

export interface WaitReport {
  readonly place: PlaceReport
  /** The names that the request asks for, in the order asked; all that whoever asks may see. */
  readonly names: readonly string[]
  /** The first of them; `blockerCount` says how many there are. */
  readonly blockers: readonly Blocker[]
  readonly blockerCount: number
  /** There are others, of names that whoever asks may not see. */
  readonly isHidden: boolean
  /** At the latest; null: that is up to others. */
  readonly free: Freedom | null
  readonly chain: Chain
  /** A circle through the request, which belongs to a set of which nobody can go on; null: it does not. */
  readonly circle: Deadlock | null
}

export interface WhyReport {
  readonly name: string
  /** Of the name, in the order of its queue, or those of one session. `requestCount` says how many there are. */
  readonly requests: readonly WaitReport[]
  readonly requestCount: number
  /** What an exclusive ask would meet that came now, of a semaphore one for a permit. Left out where one session is asked about. */
  readonly now: readonly Blocker[] | null
  readonly nowCount: number
  /** So much waits that not all of it was looked at: what was found is told, and circles were not searched to the end. */
  readonly isUnexamined: boolean
}

export interface WhyBounds {
  readonly requests: number
  readonly blockers: number
  readonly chain: number
}

/** `sees`: whether whoever asks may see a name; of others nothing is told but that something is in the way. */
export function why(state: LockState, name: string, session: SessionId | null, most: WhyBounds, sees: Sees): WhyReport {
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
  const looks = new Looks(WHY_LOOKS)
  const ahead = session !== null ? null : blockersNow(name, lock, new Blockers(state, most.blockers, looks, sees))
  const chains = new Chains(state, looks, sees)
  const requests = shown.map(([place, position]) => {
    const { request } = place
    const { first, count, free, isHidden } = blockersOf(request, new Blockers(state, most.blockers, looks, sees))
    return {
      place: placeReport(place, position, sees),
      names: request.places.map(({ lock: { name: asked } }) => asked).filter(sees),
      blockers: first,
      blockerCount: count,
      isHidden,
      free,
      chain: chains.from(request, most.chain),
      circle: circles?.get(request) ?? null,
    }
  })
  return {
    name,
    requests,
    requestCount,
    now: ahead?.first ?? null,
    nowCount: ahead?.count ?? 0,
    isUnexamined: circles === null || looks.areOver,
  }
}

/** Those that are stuck; null: there is too much to look at. */
function circlesOf(state: LockState, requests: readonly LockRequest[]): Map<LockRequest, Deadlock> | null {
  const search = new DeadlockSearch(state, true, undefined, WHY_SEARCH_TIMES)
  const stuck = search.run(requests)
  if (stuck === 'given-up') return null
  return new Map((stuck ?? []).map((request) => [request, deadlockOf(search, request)]))
}

function blockersOf({ places }: LockRequest, blockers: Blockers): Blockers {
  for (const place of places) {
    blockers.freezes(place.lock.name)
    if (!place.fits) blockers.ahead(askOf(place))
  }
  return blockers
}

function blockersNow(name: string, lock: LockEntry | undefined, blockers: Blockers): Blockers {
  blockers.freezes(name)
  if (lock === undefined) return blockers
  const amount = lock.limit > 0 ? 1 : EXCLUSIVE
  if (!fitsLast(lock, amount)) blockers.ahead({ lock, amount, place: null })
  return blockers
}

class Blockers {
  readonly first: Blocker[] = []
  count = 0
  free: Freedom | null = { withinMs: 0, untilWallMs: 0 }
  isHidden = false

  constructor(
    private readonly state: LockState,
    private readonly most: number,
    private readonly looks: Looks,
    private readonly sees: Sees,
  ) {}

  freezes(name: string): void {
    for (const freeze of freezesOf(this.state, name)) {
      this.#add(name, () => ({ kind: 'frozen', name, freeze }))
      this.#endsWithin(0, freeze.untilWallMs === 0 ? null : freeze.untilWallMs)
    }
  }

  /** What does not leave room for the ask. */
  ahead(ask: AskView): void {
    const { name } = ask.lock
    for (const hold of holdsInTheWay(ask, this.looks)) {
      this.#add(name, () => ({ kind: 'hold', hold: holdReport(this.state, hold) }))
    }
    for (const [place, position] of placesInTheWay(ask, this.looks)) {
      this.#add(name, () => ({ kind: 'place', place: placeReport(place, position, this.sees) }))
    }
    this.#endsWithin(freeWithinMs(this.state, ask, this.looks), 0)
  }

  #endsWithin(withinMs: number | null, untilWallMs: number | null): void {
    if (this.free === null) return
    this.free =
      withinMs === null || untilWallMs === null
        ? null
        : {
            withinMs: Math.max(this.free.withinMs, withinMs),
            untilWallMs: Math.max(this.free.untilWallMs, untilWallMs),
          }
  }

  #add(name: string, make: () => Blocker): void {
    if (!this.sees(name)) {
      this.isHidden = true
      // Nor is it told when that ends.
      this.free = null
      return
    }
    this.count += 1
    if (this.first.length < this.most) this.first.push(make())
  }
}
