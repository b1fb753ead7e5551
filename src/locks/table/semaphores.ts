/** Limits of semaphores, set and pinned by an operator. */

import { utf8Length } from '../../bytes/utf8.js'
import { answer, failure } from '../answers.js'
import type { CommandNamed } from '../commands/commands.js'
import type { Answer } from '../effects.js'
import { NAME_MAX_BYTES, PERMITS_MAX, PINS_MAX } from '../limits.js'
import type { LockEntry, LockRequest, Session } from '../state/entities.js'
import type { ApplyContext, LockState } from '../state/state.js'
import { DeadlockSearch } from './deadlock-search.js'
import { tellEvent } from './events.js'
import { leaveQueues, moveOn, recountFits } from './fit.js'

/** A limit of 0 takes the pin away; what is in force stays until nobody has the lock or waits for it. */
export function resize(context: ApplyContext, session: Session, command: CommandNamed<'resize'>): Answer {
  const { name, limit } = command
  const { state } = context
  const lock = state.locks.get(name)
  const refusal = refuse(state, name, limit, lock)
  if (refusal !== null) return refusal
  pin(state, name, limit)
  if (limit > 0) tellEvent(context, 'limit', name, 0, session.who)
  if (lock !== undefined && limit > 0) setLimit(context, lock, limit)
  return { kind: 'resized', name, limit }
}

function refuse(state: LockState, name: string, limit: number, lock: LockEntry | undefined): Answer | null {
  if (utf8Length(name) > NAME_MAX_BYTES) return failure('limit', `a lock name has at most ${NAME_MAX_BYTES} bytes`)
  if (limit > PERMITS_MAX) return failure('limit', `a limit is at most ${PERMITS_MAX}`)
  if (limit === 0) return state.pins.has(name) ? null : failure('bad-request', `the limit of ${name} is not pinned`)
  if (lock?.limit === 0) return failure('limit-mismatch', `${name} is a plain lock now`)
  if (!state.pins.has(name) && state.pins.size >= PINS_MAX) return failure('limit', `${PINS_MAX} limits are pinned`)
  if (lock === undefined || limit >= lock.limit) return null
  return closesCycle(state, lock, limit)
    ? failure('deadlock', `with ${limit} permits some who wait for ${name} would wait for each other`)
    : null
}

function pin(state: LockState, name: string, limit: number): void {
  const before = state.pins.get(name)
  if (before !== undefined && state.watcher !== null && before.stamp < state.production) state.watcher.keepPin(before)
  if (limit === 0) state.pins.delete(name)
  else state.pins.set(name, { name, limit, stamp: state.production })
}

/** Each request was examined when it came, against the permits that there were then. Of fewer, more may be waited for. */
function closesCycle(state: LockState, lock: LockEntry, limit: number): boolean {
  const waiting: LockRequest[] = []
  // Who asks for more than there is from now on waits no longer.
  const gone = new Set<LockRequest>()
  for (let place = lock.queue?.head ?? null; place !== null; place = place.next) {
    if (place.amount <= limit) waiting.push(place.request)
    else gone.add(place.request)
  }
  const before = lock.limit
  lock.limit = limit
  const stuck = new DeadlockSearch(state, true, gone).run(waiting)
  lock.limit = before
  return stuck !== null && stuck !== 'given-up'
}

function setLimit(context: ApplyContext, lock: LockEntry, limit: number): void {
  const { state } = context
  const shrinks = limit < lock.limit
  state.setLimit(lock, limit)
  if (shrinks) {
    recountFits(state, lock)
    endTooLarge(context, lock)
  }
  moveOn(context, lock)
}

function endTooLarge(context: ApplyContext, lock: LockEntry): void {
  const tooLarge: LockRequest[] = []
  for (let place = lock.queue?.head ?? null; place !== null; place = place.next) {
    if (place.amount > lock.limit) tooLarge.push(place.request)
  }
  for (const request of tooLarge) {
    if (request.hasEnded) continue
    leaveQueues(context, request)
    const message = `${lock.name} has only ${lock.limit} permits now`
    answer(context, request.session, request.request, failure('permits', message))
  }
}
