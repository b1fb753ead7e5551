/** Who has a name, and who waits for it. */

import type { LockState } from '../state/state.js'
import {
  type FreezeReport,
  freezesOf,
  type HoldReport,
  hasOrphanedHolder,
  holdReport,
  type PlaceReport,
  placeReport,
  placesOf,
  type Sees,
  waiterCountOf,
} from './hold-report.js'

export interface WhoReport {
  readonly name: string
  /** `free`: nobody has it or waits for it, so that it is neither yet. */
  readonly kind: 'plain' | 'semaphore' | 'free'
  /** `tail`: all that is there has ended and still counts; `reserved`: nobody has it, and it waits for somebody's other names. */
  readonly state: 'held' | 'tail' | 'reserved' | 'free'
  /** Of a semaphore; else 0. */
  readonly limit: number
  /** The limit that an operator has set for the name; 0: none. */
  readonly pinned: number
  /** The first of them; `holdCount` and `waiterCount` say how many there are. */
  readonly holds: readonly HoldReport[]
  readonly holdCount: number
  readonly waiting: readonly PlaceReport[]
  readonly waiterCount: number
  readonly freezes: readonly FreezeReport[]
}

/** At most `most` holds and as many places. */
export function who(state: LockState, name: string, most: number, sees: Sees): WhoReport {
  const lock = state.locks.get(name)
  const holds: HoldReport[] = []
  const waiting: PlaceReport[] = []
  let holdCount = 0
  let isHeld = false
  const waiterCount = lock === undefined ? 0 : waiterCountOf(state, lock)
  for (let hold = lock?.firstHold ?? null; hold !== null; hold = hold.next) {
    if (hasOrphanedHolder(hold)) continue
    holdCount += 1
    isHeld ||= hold.phase === 'held'
    if (holds.length < most) holds.push(holdReport(state, hold))
  }
  if (lock !== undefined) {
    for (const [place, position] of placesOf(lock)) {
      if (waiting.length === most) break
      waiting.push(placeReport(place, position, sees))
    }
  }
  return {
    name,
    kind: lock === undefined ? 'free' : lock.limit > 0 ? 'semaphore' : 'plain',
    state: isHeld ? 'held' : holdCount > 0 ? 'tail' : waiterCount > 0 ? 'reserved' : 'free',
    limit: lock?.limit ?? 0,
    pinned: state.pins.get(name)?.limit ?? 0,
    holds,
    holdCount,
    waiting,
    waiterCount,
    freezes: freezesOf(state, name),
  }
}
