/**
 * Deadlock search. A waiter waits for the holder of its lock and for every earlier waiter, because the
 * queue is first come, first served. The search runs against these edges, from the session that is about to wait to
 * those that wait for it: most sessions have nobody behind them, so that queueing at a crowded lock costs nothing.
 */

import { CYCLE_NAMES_SHOWN_MAX } from '../limits.js'
import type { LockEntry, Session, Waiter } from '../state/entities.js'

/** How the search came to a session: it waits in the queue of `lock` for `of`. */
interface Step {
  readonly lock: LockEntry
  readonly of: Session
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
  if (asker.firstHeld === null && asker.firstWait === null) return null
  const reached = new Map<Session, Step>()
  const looked = new Set<Waiter>()
  let steps = 0
  const open: Session[] = [asker]
  for (let session = open.pop(); session !== undefined; session = open.pop()) {
    for (const { lock, behind } of queuesBehind(session)) {
      if (++steps > maxSteps) return 'given-up'
      for (let waiter: Waiter | null = behind; waiter !== null && !looked.has(waiter); waiter = waiter.next) {
        if (++steps > maxSteps) return 'given-up'
        looked.add(waiter)
        const blocked = waiter.session
        // Who holds nothing and waits only here leads nowhere: whoever is behind is in this queue too.
        if (blocked.heldCount === 0 && blocked.waitCount === 1) continue
        if (blocked === asker || reached.has(blocked)) continue
        reached.set(blocked, { lock, of: session })
        if (standsBefore(blocked, wanted)) return namesOfCycle(asker, wanted, blocked, reached)
        open.push(blocked)
      }
    }
  }
  return null
}

/** What `session` holds and where it waits, each with the first waiter behind it. */
function* queuesBehind(session: Session): Iterable<{ lock: LockEntry; behind: Waiter | null }> {
  for (let lock = session.firstHeld; lock !== null; lock = lock.nextHeld) {
    yield { lock, behind: lock.queue?.head ?? null }
  }
  for (let waiter = session.firstWait; waiter !== null; waiter = waiter.nextOfSession) {
    yield { lock: waiter.lock, behind: waiter.next }
  }
}

function standsBefore(session: Session, wanted: LockEntry): boolean {
  if (wanted.holder === session) return true
  for (let waiter = session.firstWait; waiter !== null; waiter = waiter.nextOfSession) {
    if (waiter.lock === wanted) return true
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
