/** One session as its connection is to be told of it: a copy of the moment. */
import type { HeldLock, QueuedRequest, SessionView } from '../effects.js'
import { sortedAnswers } from '../snapshot/records.js'
import type { LockEntry, Session, Waiter } from '../state/entities.js'
import { whereOf } from '../state/state.js'
import { positionOf } from '../table/queue.js'

export function heldOf(lock: LockEntry): HeldLock {
  return { name: lock.name, mode: 'exclusive', token: lock.token }
}

export function viewOf(session: Session): SessionView {
  const terms = session.terms
  const held: HeldLock[] = []
  for (let lock = session.firstHeld; lock !== null; lock = lock.nextHeld) held.push(heldOf(lock))
  return {
    session: session.id,
    attach: session.attach,
    lastN: session.lastN,
    clientId: session.clientId,
    leaseMs: terms?.leaseMs ?? 0,
    lingerMs: terms?.lingerMs ?? 0,
    classic: session.classic,
    where: whereOf(session),
    held,
    queued: queuedOf(session),
    answers: terms?.answers ? sortedAnswers(terms.answers) : [],
    lowestUnacknowledged: terms?.lowestUnacknowledged ?? 0,
    highestRequest: terms?.highestRequest ?? 0,
    attempt: terms?.attempt ?? 0,
  }
}

function queuedOf(session: Session): QueuedRequest[] {
  const queued: QueuedRequest[] = []
  for (let waiter: Waiter | null = session.firstWait; waiter !== null; waiter = waiter.nextOfSession) {
    const { request, waitMs } = waiter
    queued.push({ request, name: waiter.lock.name, position: positionOf(waiter), waitMs })
  }
  return queued.sort((a, b) => a.request - b.request)
}
