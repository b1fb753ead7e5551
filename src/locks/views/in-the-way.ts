/** What an ask does not fit beside, and when all of that has ended by itself. */
import { EXCLUSIVE, SHARED } from '../commands/commands.js'
import type { Hold, LockEntry, Place } from '../state/entities.js'
import type { LockState } from '../state/state.js'
import { fitsBeside, takenWith } from '../table/fit.js'
import { hasOrphanedHolder, placesOf } from './hold-report.js'
import { outlookOf } from './outlook.js'

/** How many holds and places one report may look at. Whoever asks about crowded names gets a shorter answer, not a slower node. */
export class Looks {
  constructor(private left: number) {}

  get areOver(): boolean {
    return this.left <= 0
  }

  *at<T>(items: Iterable<T>): IterableIterator<T> {
    for (const item of items) {
      if (this.left <= 0) return
      this.left -= 1
      yield item
    }
  }
}

/** Something that is asked of a name: of one that waits its place, else what would come behind all others. */
export interface AskView {
  readonly lock: LockEntry
  readonly amount: number
  /** Null: it does not wait. */
  readonly place: Place | null
}

export const askOf = (place: Place): AskView => ({ lock: place.lock, amount: place.amount, place })

/** Of permits everything counts that is there: whichever goes may make enough room. */
const isInTheWay = (there: number, amount: number): boolean => amount !== SHARED || there === EXCLUSIVE

export function* holdsInTheWay({ lock, amount }: AskView, looks: Looks): IterableIterator<Hold> {
  for (const hold of looks.at(lock.holds())) {
    if (!hasOrphanedHolder(hold) && isInTheWay(hold.amount, amount)) yield hold
  }
}

export function* placesInTheWay(
  { lock, amount, place: end }: AskView,
  looks: Looks,
): IterableIterator<readonly [Place, number]> {
  for (const [place, position] of looks.at(placesOf(lock))) {
    if (place === end) return
    if (isInTheWay(place.amount, amount)) yield [place, position]
  }
}

/**
 * After so long the ask fits, whatever others do; null: that is up to them. Holds may have an end, an earlier place has none:
 * it becomes a hold. Example: of 5 permits A holds 2 for 10 s more and B 2 for 60 s; C asks for 3. It is enough that A's end.
 */
export function freeWithinMs(state: LockState, { lock, amount, place: end }: AskView, looks: Looks): number | null {
  const { limit } = lock
  const ending: { readonly amount: number; readonly withinMs: number }[] = []
  let taken = 0
  for (const hold of looks.at(lock.holds())) {
    if (hasOrphanedHolder(hold)) continue
    const { withinMs } = outlookOf(state, hold)
    if (withinMs === null) taken = takenWith(taken, limit, hold.amount)
    else ending.push({ amount: hold.amount, withinMs })
  }
  for (const [place] of looks.at(placesOf(lock))) {
    if (place === end) break
    taken = takenWith(taken, limit, place.amount)
  }
  if (looks.areOver || !fitsBeside(taken, limit, amount)) return null
  // When one of them ends, those with an earlier end are gone: so the longest first, until one is too many.
  for (const one of ending.sort((a, b) => b.withinMs - a.withinMs)) {
    taken = takenWith(taken, limit, one.amount)
    if (!fitsBeside(taken, limit, amount)) return one.withinMs
  }
  return 0
}
