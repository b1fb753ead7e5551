/** One session as its connection is to be told of it: a copy of the moment. */
import { EXCLUSIVE, SHARED } from '../commands/commands.js'
import type { EndingHold, HeldLock, Mode, QueuedRequest, SessionView } from '../effects.js'
import { sortedAnswers } from '../snapshot/answer-records.js'
import type { Hold, Session } from '../state/entities.js'
import { whereOf } from '../state/state.js'
import { firstUnfit, positionOf } from '../table/queue.js'

export function modeOf(amount: number): Mode {
  if (amount === EXCLUSIVE) return 'exclusive'
  return amount === SHARED ? 'shared' : 'permits'
}

export function heldOf({ lock, token, amount }: Hold): HeldLock {
  return { name: lock.name, mode: modeOf(amount), token, permits: Math.max(0, amount), limit: lock.limit }
}

export function viewOf(session: Session): SessionView {
  const terms = session.terms
  const held: HeldLock[] = []
  const ending: EndingHold[] = []
  for (let hold = session.firstHeld; hold !== null; hold = hold.nextOfSession) {
    if (hold.phase === 'held') held.push(heldOf(hold))
    else if (hold.phase !== 'tail') ending.push({ name: hold.lock.name, token: hold.token, reason: hold.phase })
  }
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
    ending,
    queued: queuedOf(session),
    answers: terms?.answers ? sortedAnswers(terms.answers) : [],
    lowestUnacknowledged: terms?.lowestUnacknowledged ?? 0,
    highestRequest: terms?.highestRequest ?? 0,
    attempt: terms?.attempt ?? 0,
  }
}

function queuedOf(session: Session): QueuedRequest[] {
  const queued: QueuedRequest[] = []
  for (let waiting = session.firstWaiting; waiting !== null; waiting = waiting.nextOfSession) {
    const { request, waitMs, places } = waiting
    const place = firstUnfit(waiting)
    const { name, limit } = place.lock
    queued.push({ request, name, position: positionOf(place), limit, waitMs, names: places.length })
  }
  return queued.sort((a, b) => a.request - b.request)
}
