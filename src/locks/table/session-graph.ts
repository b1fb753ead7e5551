/**
 * The deadlock search of clusters of level 1, whose nodes are sessions: a waiter waits for the holder of its lock and for
 * every earlier waiter. It refuses a client that carries several strangers' tasks what cannot deadlock, so level 2 asks another
 * question (`deadlock.ts`). Members of both programs must answer alike, so it stays as it was.
 *
 * The search runs against the edges, from the session that is about to wait to those that wait for it: most sessions have
 * nobody behind them, so that queueing at a crowded lock costs nothing.
 */
import { failure } from '../answers.js'
import type { Answer } from '../effects.js'
import { CYCLE_NAMES_SHOWN_MAX, DEADLOCK_SEARCH_MAX_STEPS } from '../limits.js'
import type { LockEntry, Place, Session } from '../state/entities.js'
import type { ApplyContext } from '../state/state.js'

/** How the search came to a session: it waits in the queue of `lock` for `of`. */
interface Step {
  readonly lock: LockEntry
  readonly of: Session
}

/** Why the session may not wait for the lock, or null. */
export function refuseCycleOfSessions(context: ApplyContext, session: Session, lock: LockEntry): Answer | null {
  const cycle = findCycle(session, lock, DEADLOCK_SEARCH_MAX_STEPS)
  if (cycle === 'given-up') {
    context.effects.push({ kind: 'unexamined', session: session.id, name: lock.name })
    return null
  }
  return cycle === null ? null : failure('deadlock', `waiting would close the cycle ${describeCycle(cycle)}`)
}

/**
 * The names of the locks of a cycle that would close if `asker` waited for `wanted`, or null if there is none. `given-up`: the
 * search would take more than `maxSteps` holds and places, so nobody knows.
 *
 * Each place is looked at once. Whoever looks at one goes on to the end of its queue, so behind a place that was looked at
 * all were. Else 300 sessions that wait in the same 300 queues would cost 300^3 steps.
 */
export function findCycle(asker: Session, wanted: LockEntry, maxSteps: number): readonly string[] | 'given-up' | null {
  // Nobody can wait for a session that neither holds nor waits.
  if (asker.firstHeld === null && asker.firstWaiting === null) return null
  const reached = new Map<Session, Step>()
  const looked = new Set<Place>()
  let steps = 0
  const open: Session[] = [asker]
  for (let session = open.pop(); session !== undefined; session = open.pop()) {
    for (const { lock, behind } of queuesBehind(session)) {
      if (++steps > maxSteps) return 'given-up'
      for (let place: Place | null = behind; place !== null && !looked.has(place); place = place.next) {
        if (++steps > maxSteps) return 'given-up'
        looked.add(place)
        const blocked = place.request.session
        // Who holds nothing and waits only here leads nowhere: whoever is behind is in this queue too.
        if (blocked.heldCount === 0 && blocked.placeCount === 1) continue
        if (blocked === asker || reached.has(blocked)) continue
        reached.set(blocked, { lock, of: session })
        if (standsBefore(blocked, wanted)) return namesOfCycle(asker, wanted, blocked, reached)
        open.push(blocked)
      }
    }
  }
  return null
}

/** What `session` holds and where it waits, each with the first place behind it. */
function* queuesBehind(session: Session): Iterable<{ lock: LockEntry; behind: Place | null }> {
  for (let hold = session.firstHeld; hold !== null; hold = hold.nextOfSession) {
    yield { lock: hold.lock, behind: hold.lock.queue?.head ?? null }
  }
  for (let waiting = session.firstWaiting; waiting !== null; waiting = waiting.nextOfSession) {
    yield { lock: waiting.first.lock, behind: waiting.first.next }
  }
}

function standsBefore(session: Session, wanted: LockEntry): boolean {
  if (wanted.firstHold?.session === session) return true
  for (let waiting = session.firstWaiting; waiting !== null; waiting = waiting.nextOfSession) {
    if (waiting.first.lock === wanted) return true
  }
  return false
}

function namesOfCycle(asker: Session, wanted: LockEntry, last: Session, reached: Map<Session, Step>): string[] {
  const names = [wanted.name]
  for (let session = last; session !== asker; ) {
    const step = reached.get(session)
    if (step === undefined) break
    names.push(step.lock.name)
    session = step.of
  }
  return names
}

/** `a -> b -> a`: the session that has the first asked for the second, and so on round. */
export function describeCycle(names: readonly string[]): string {
  const shown = names.slice(0, CYCLE_NAMES_SHOWN_MAX)
  if (names.length > shown.length) shown.push('...')
  return [...shown, ...names.slice(0, 1)].join(' -> ')
}
