/**
 * Who fits: exclusive beside nothing, shared beside shared, permits while their sum is within the limit (docs/protocol.md,
 * Who is next). A lock counts in one number, `taken`, what is there: its holds, its tails, and those places that fit beside
 * all before them, as though they were granted already.
 *
 * So the places that fit are the first ones of each queue. To see why a later one never fits where an earlier one does not,
 * take each kind: beside an exclusive place nothing fits, a shared one that does not fit has an exclusive one before it, and
 * to permits all earlier permits are added, those included that were too many. Each queue needs but a mark that moves on.
 */
import { EXCLUSIVE } from '../commands/commands.js'
import type { Hold, LockEntry, LockRequest, Place } from '../state/entities.js'
import type { ApplyContext, LockState } from '../state/state.js'
import { tellEvent } from './events.js'

/** Beside so much that is taken of a lock with this limit. */
export function fitsBeside(taken: number, limit: number, amount: number): boolean {
  if (limit > 0) return taken + amount <= limit
  return amount === EXCLUSIVE ? taken === 0 : taken >= 0
}

/** What is taken when this comes to it; it may be too much, since a limit can shrink. */
export function takenWith(taken: number, limit: number, amount: number): number {
  if (limit > 0) return taken + amount
  return amount === EXCLUSIVE || taken < 0 ? EXCLUSIVE : taken + 1
}

function takenWithout(taken: number, limit: number, amount: number): number {
  if (limit > 0) return taken - amount
  return amount === EXCLUSIVE ? 0 : taken - 1
}

/** Whether one more ask fits: behind all who wait, as though they had been granted. */
export function fitsLast(lock: LockEntry, amount: number): boolean {
  return (lock.queue?.firstUnfit ?? null) === null && fitsBeside(lock.taken, lock.limit, amount)
}

export function take(lock: LockEntry, amount: number): void {
  lock.taken = takenWith(lock.taken, lock.limit, amount)
}

function giveBack(lock: LockEntry, amount: number): void {
  lock.taken = takenWithout(lock.taken, lock.limit, amount)
}

/** Nothing is left of the hold. */
export function removeHold(context: ApplyContext, hold: Hold): void {
  const { lock, phase } = hold
  if (phase !== 'held') tellEvent(context, 'ended', lock.name, hold.token, '')
  context.state.removeHold(hold)
  giveBack(lock, hold.amount)
  if (phase === 'tail' || hold.terms?.isCounted === true)
    context.effects.push({ kind: 'untimed', name: lock.name, token: hold.token })
  moveOn(context, lock)
}

/** The request leaves all queues without a grant. */
export function leaveQueues(context: ApplyContext, request: LockRequest): void {
  const { state } = context
  state.requestChanges(request)
  for (const place of request.places) {
    tellEvent(context, 'left', place.lock.name, 0, request.session.who, request.wallMs)
    if (place.fits) giveBack(place.lock, place.amount)
    state.dequeue(place)
  }
  state.removeRequest(request)
  for (const { lock } of request.places) moveOn(context, lock)
}

/** Looks who fits now, after something has gone from the lock, and forgets the lock if nothing is left. */
export function moveOn(context: ApplyContext, lock: LockEntry): void {
  const { state } = context
  dropOrphans(context, lock)
  advance(state, lock)
  state.forgetIfEmpty(lock)
}

/** The first places of the queue that did not fit and do now. */
export function advance(state: LockState, lock: LockEntry): void {
  const { queue } = lock
  if (queue === null) return
  for (let place = queue.firstUnfit; place !== null; place = place.next) {
    if (!fitsBeside(lock.taken, lock.limit, place.amount)) return
    take(lock, place.amount)
    place.fits = true
    queue.lastFitting = place
    place.request.unfit -= 1
    if (place.request.unfit === 0) state.due.add(place.request)
  }
}

/** Classic sessions of ended epochs count as ended before they are swept (rules.md rule 3): so do their places. */
export function dropOrphans(context: ApplyContext, lock: LockEntry): void {
  const { state } = context
  if (state.unswept.size === 0 || state.withoutOrphans.has(lock)) return
  state.withoutOrphans.add(lock)
  let place = lock.queue?.head ?? null
  while (place !== null) {
    const next: Place | null = place.next
    const { request } = place
    if (request.session.countsAsEnded) {
      state.requestChanges(request)
      tellEvent(context, 'left', lock.name, 0, request.session.who, request.wallMs)
      if (place.fits) giveBack(lock, place.amount)
      state.dequeue(place)
      state.removeRequest(request)
    }
    place = next
  }
}

/** After a limit has changed, or a restore: counts anew what is taken, and who fits. */
export function recountFits(state: LockState, lock: LockEntry): void {
  lock.taken = 0
  for (const { amount } of lock.holds()) take(lock, amount)
  const { queue } = lock
  if (queue === null) return
  for (let place = queue.head; place !== null; place = place.next) {
    if (place.fits) place.request.unfit += 1
    place.fits = false
  }
  queue.lastFitting = null
  advance(state, lock)
}
