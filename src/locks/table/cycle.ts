/** One circle of a deadlock: A waits for x of B, who waits for y of A. */
import type { CycleStep, Deadlock } from '../effects.js'
import { CYCLE_NAMES_SHOWN_MAX, DEADLOCK_SEARCH_MAX_STEPS } from '../limits.js'
import type { LockEntry, LockRequest } from '../state/entities.js'
import type { DeadlockSearch } from './deadlock-search.js'
import { fitsBeside, takenWith } from './fit.js'

/** How the search came to a request: `by` waits for it at `lock`. */
interface Step {
  readonly by: LockRequest
  readonly lock: LockEntry
}

/** A shortest way from the asker back to it, through requests that stand in each other's way. */
export function deadlockOf(search: DeadlockSearch, asker: LockRequest): Deadlock {
  const steps = new Map<LockRequest, Step>()
  const open: LockRequest[] = [asker]
  let left = DEADLOCK_SEARCH_MAX_STEPS
  for (let at = 0; at < open.length && left > 0; at++) {
    const by = open[at]
    if (by === undefined) break
    for (const { lock, request } of inTheWayOf(search, by)) {
      left -= 1
      if (request === asker) return deadlock(cycle({ by, lock }, steps))
      if (left < 0 || steps.has(request)) continue
      steps.set(request, { by, lock })
      open.push(request)
    }
  }
  return deadlock([])
}

/** Requests of the set that keep what is in the way of this one, or have an earlier place there. */
function* inTheWayOf(
  search: DeadlockSearch,
  request: LockRequest,
): Iterable<{ lock: LockEntry; request: LockRequest }> {
  for (const place of request.places) {
    const { lock } = place
    let taken = 0
    const before: LockRequest[] = []
    for (const hold of search.keptOf(lock)) {
      taken = takenWith(taken, lock.limit, hold.amount)
      before.push(...oneOf(search.keepersOf(hold), request))
    }
    for (let other = search.firstPlaceOf(lock); other !== null && other !== place; other = other.next) {
      if (!search.stands(other)) continue
      taken = takenWith(taken, lock.limit, other.amount)
      if (search.isIn(other.request)) before.push(other.request)
      else before.push(...oneOf(search.keepersOfAll(other.request.session), request))
    }
    if (fitsBeside(taken, lock.limit, place.amount)) continue
    for (const blocker of before) yield { lock, request: blocker }
  }
}

/** The request itself, if it keeps it: then it asks for what it has. */
function oneOf(keepers: readonly LockRequest[], request: LockRequest): readonly LockRequest[] {
  return keepers.includes(request) ? [request] : keepers.slice(0, 1)
}

/** `steps` lead back from whoever the last one is to the asker. */
function cycle(last: Step, steps: ReadonlyMap<LockRequest, Step>): CycleStep[] {
  const path: CycleStep[] = []
  for (let step: Step | undefined = last; step !== undefined; step = steps.get(step.by)) {
    path.unshift({ who: step.by.session.label, name: step.lock.name })
  }
  return path
}

function deadlock(path: readonly CycleStep[]): Deadlock {
  return {
    kind: 'deadlock',
    steps: path.slice(0, CYCLE_NAMES_SHOWN_MAX),
    isCut: path.length > CYCLE_NAMES_SHOWN_MAX,
  }
}
