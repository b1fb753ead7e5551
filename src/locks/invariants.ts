/** What must be true of the lock state between any two entries. For simulator and tests. */

import { utf8Length } from '../bytes/utf8.js'
import { BASE_LEVEL } from '../feature-level.js'
import { invariant } from '../invariant.js'
import { weightOf } from './answers.js'
import { PLACES_PER_LOCK_MAX, UNACKNOWLEDGED_PER_SESSION_MAX } from './limits.js'
import { comesBefore, type Hold, type LockEntry, type LockRequest, type Place, type Session } from './state/entities.js'
import type { LinkedList } from './state/lists.js'
import type { LockState } from './state/state.js'
import { fitsBeside, takenWith } from './table/fit.js'

/** Throws InvariantViolation. Looks at the whole state. */
export function checkInvariants(machine: { inspect(): LockState }): void {
  const state = machine.inspect()
  const sums = { places: 0, holds: 0, metaBytes: 0, tailable: 0, marks: 0, tails: 0 }
  for (const [name, lock] of state.locks) {
    invariant(lock.name === name, () => `lock ${name} is listed under its name`)
    checkLock(state, lock, sums)
  }
  for (const lock of state.contended) {
    invariant(state.locks.get(lock.name) === lock, () => `${lock.name} is contended and there`)
  }
  invariant(sums.metaBytes === state.metaBytes, () => `${sums.metaBytes} bytes of meta, counted ${state.metaBytes}`)
  invariant(sums.places === state.placeCount, () => `${sums.places} places, counted ${state.placeCount}`)
  invariant(sums.holds === state.holds.size, () => `${sums.holds} holds, ${state.holds.size} listed`)
  invariant(sums.tails === state.tailCount, () => `${sums.tails} tails, counted ${state.tailCount}`)
  invariant(
    sums.tailable === state.tailableCount,
    () => `${sums.tailable} can be tails, counted ${state.tailableCount}`,
  )
  invariant(sums.marks === state.reservedMarkCount, () => `${sums.marks} marks, reserved ${state.reservedMarkCount}`)
  let bound = 0
  let resumable = 0
  for (const session of state.sessions.values()) {
    checkSession(state, session)
    bound += session.heldCount
    if (!session.classic) resumable += 1
  }
  invariant(resumable === state.resumableCount, () => `${resumable} can be resumed, counted ${state.resumableCount}`)
  let unbound = 0
  for (const hold of state.holds.values()) if (hold.session === null) unbound += 1
  // Each listed hold names its session, so equal sums mean that each bound hold is listed by its session.
  invariant(bound + unbound === state.holds.size, () => `${state.holds.size} holds, ${bound} bound, ${unbound} not`)
  for (const request of state.requests) checkRequest(state, request)
  invariant(state.idle.length === 0, () => `${state.idle.length} classic sessions have been left with nothing`)
  checkPlaces(state)
  checkLevels(state)
}

interface Sums {
  places: number
  holds: number
  metaBytes: number
  tailable: number
  marks: number
  tails: number
}

function checkLock(state: LockState, lock: LockEntry, sums: Sums): void {
  const { name, limit } = lock
  invariant(!lock.isEmpty, () => `${name} has a hold or a place`)
  invariant(state.semaphores.has(name) === limit > 0, () => `${name} is listed as a semaphore exactly if it is one`)
  let taken = 0
  let token = 0
  let count = 0
  for (const hold of lock.holds()) {
    invariant(hold.lock === lock && lock.holdUnder(hold.token) === hold, () => `the holds of ${name} are listed`)
    invariant(hold.token > token && hold.token <= state.counter, () => `the tokens of ${name} rise, from the counter`)
    checkHold(state, hold)
    taken = takenWith(taken, limit, hold.amount)
    token = hold.token
    count += 1
    sums.metaBytes += utf8Length(hold.meta)
    sums.tails += hold.phase === 'tail' ? 1 : 0
    sums.tailable += hold.phase === 'tail' || hold.terms?.canBeTail === true ? 1 : 0
    sums.marks += (hold.terms?.once ?? '') === '' ? 0 : 1
  }
  invariant(count === lock.holdCount, () => `${name} counts its holds`)
  invariant(state.contended.has(lock) === (lock.queue !== null), () => `${name} is contended exactly if somebody waits`)
  sums.holds += count
  checkQueue(state, lock, taken, sums)
}

function checkHold(state: LockState, { lock, amount, phase, session, terms, owner, token }: Hold): void {
  const what = `hold ${token} of ${lock.name}`
  invariant(amount > 0 === lock.limit > 0, () => `${what} is of its kind`)
  invariant(session === null || state.sessions.get(session.id) === session, () => `${what} has a session that exists`)
  const isLoose = phase === 'held' && terms?.loose === true
  invariant(
    (session === null) === (phase === 'tail' || isLoose),
    () => `${what} is bound to a session, or loose, or a tail`,
  )
  invariant(!isLoose || owner !== null, () => `${what} says who took it`)
}

function checkQueue(state: LockState, lock: LockEntry, takenByHolds: number, sums: Sums): void {
  const { name, limit, queue } = lock
  let taken = takenByHolds
  let count = 0
  let previous: Place | null = null
  let lastFitting: Place | null = null
  for (let place = queue?.head ?? null; place !== null; place = place.next) {
    const { request, amount } = place
    const before = previous
    invariant(place.previous === before && place.lock === lock, () => `the queue of ${name} is linked both ways`)
    invariant(state.requests.has(request), () => `a place at ${name} is of a request that waits`)
    const isInOrder = before === null || state.level === BASE_LEVEL || comesBefore(before.request, request)
    invariant(isInOrder, () => `the queue of ${name} has the order of the requests`)
    if (place.fits) {
      invariant(lastFitting === before, () => `those that fit at ${name} come first`)
      taken = takenWith(taken, limit, amount)
      lastFitting = place
    }
    count += 1
    previous = place
    sums.metaBytes += utf8Length(request.meta)
    sums.tailable += request.terms?.canBeTail === true ? 1 : 0
    sums.marks += (request.terms?.once ?? '') === '' ? 0 : 1
  }
  sums.places += count
  invariant(taken === lock.taken, () => `${name} counts what is taken: ${taken}, counted ${lock.taken}`)
  if (queue === null) return
  invariant(queue.tail === previous && queue.count === count, () => `the queue of ${name} has its end and its count`)
  invariant(queue.lastFitting === lastFitting, () => `the queue of ${name} knows who fits`)
  invariant(count > 0 && count <= PLACES_PER_LOCK_MAX, () => `the queue of ${name} is neither empty nor too long`)
  const { firstUnfit } = queue
  if (firstUnfit === null) return
  invariant(!fitsBeside(taken, limit, firstUnfit.amount), () => `nobody who fits at ${name} is kept waiting`)
}

function checkRequest(state: LockState, request: LockRequest): void {
  const { session, places, unfit } = request
  const what = `request ${request.request} of session ${session.id}`
  invariant(state.sessions.get(session.id) === session, () => `${what} has a session`)
  invariant(unfit === places.filter(({ fits }) => !fits).length, () => `${what} counts what does not fit`)
  invariant(state.several.has(request) === places.length > 1, () => `${what} is listed if it has several names`)
  const isWaitingRightly = unfit > 0 || request.isDue || state.frozenDue.has(request)
  invariant(isWaitingRightly, () => `${what} waits for something`)
}

function checkSession(state: LockState, session: Session): void {
  const { id, terms } = session
  invariant(id > 0 && id <= state.counter, () => `session id ${id} comes from the counter`)
  let token = 0
  let held = 0
  let last: Hold | null = null
  for (let hold = session.firstHeld; hold !== null; hold = hold.nextOfSession) {
    const { token: next } = hold
    invariant(
      hold.session === session && state.holds.get(hold.lock.name, next) === hold,
      () => `session ${id} has hold ${next}`,
    )
    invariant(next > token, () => `session ${id} lists its holds in the order of the tokens`)
    token = next
    held += 1
    last = hold
  }
  invariant(held === session.heldCount, () => `session ${id} counts what it holds`)
  invariant(last === session.lastHeld, () => `the list of what session ${id} holds has its end`)
  let places = 0
  for (let waiting = session.firstWaiting; waiting !== null; waiting = waiting.nextOfSession) {
    places += waiting.places.length
    const { request, nextOfSession: next } = waiting
    invariant(waiting.session === session && state.requests.has(waiting), () => `session ${id} lists its own requests`)
    invariant(next === null || next.request < request, () => `session ${id} lists its requests by their ids`)
    invariant(!terms?.answers?.has(request), () => `session ${id} has no answer to a request that waits`)
  }
  invariant(places === session.placeCount, () => `session ${id} counts its places`)
  if (terms === null) {
    const alive = session.place !== null && (session.orphaned || held + places > 0)
    invariant(alive, () => `classic session ${id} is attached and ends with its lock`)
    return
  }
  let stored = 0
  for (const given of terms.answers?.values() ?? []) stored += weightOf(given)
  invariant(stored === terms.answerCount, () => `session ${id} counts its answers`)
  const isBounded = stored + places <= UNACKNOWLEDGED_PER_SESSION_MAX
  invariant(isBounded, () => `session ${id} has too many unacknowledged requests`)
}

/** That the level only rises is a matter of two states; whoever has both checks it. */
function checkLevels(state: LockState): void {
  invariant(state.level >= BASE_LEVEL, () => `the level is ${state.level}`)
  for (const { epoch, programLevel } of state.epochs.values()) {
    invariant(programLevel >= BASE_LEVEL, () => `epoch ${epoch} is of a program of level ${programLevel}`)
  }
}

function checkPlaces(state: LockState): void {
  let listed = checkList(state, state.detached, null)
  for (const entry of state.epochs.values()) {
    listed += checkList(state, entry.sessions, entry)
    let attachment = 0
    for (const session of entry.sessions) {
      invariant(
        session.attachOrder > attachment,
        () => `epoch ${entry.epoch} lists its sessions in the order of attachment`,
      )
      attachment = session.attachOrder
    }
    const unswept = !entry.live
    invariant(state.unswept.has(entry) === unswept, () => `epoch ${entry.epoch} is unswept exactly if it has ended`)
    invariant(entry.live || entry.sessions.count > 0, () => `an ended epoch is kept only while it has sessions`)
  }
  invariant(listed === state.sessions.size, () => `${listed} sessions have a place, ${state.sessions.size} exist`)
}

function checkList(state: LockState, list: LinkedList<Session>, place: Session['place']): number {
  let count = 0
  for (const session of list) {
    count += 1
    invariant(session.place === place, () => `session ${session.id} is listed where it is`)
    invariant(state.sessions.get(session.id) === session, () => `session ${session.id} is listed and exists`)
  }
  invariant(count === list.count, 'a list of sessions has its count')
  return count
}
