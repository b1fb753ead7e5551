/**
 * Who holds what and who waits (exclusive locks). Grants draw their token from the replicated counter (mutant M73), a release
 * must name the right holder (mutant M69), and queues are first come, first served in commit order.
 */

import { utf8Length } from '../../bytes/utf8.js'
import { admit, answer, failure, findWaiter } from '../answers.js'
import type { LockRequest, RequestId, Token } from '../commands/commands.js'
import type { Answer, RefusalReason } from '../effects.js'
import {
  DEADLOCK_SEARCH_MAX_STEPS,
  DELAY_MAX_MS,
  HOLDS_AND_PLACES_MAX,
  LOCKS_PER_SESSION_MAX,
  META_MAX_BYTES,
  META_TOTAL_MAX_BYTES,
  NAME_MAX_BYTES,
  WAITERS_PER_LOCK_MAX,
} from '../limits.js'
import { type LockEntry, type Session, Waiter } from '../state/entities.js'
import { type ApplyContext, type LockState, whereOf } from '../state/state.js'
import { describeCycle, findCycle } from './deadlock.js'

/** Executes a lock request, or repeats what became of it. */
export function requestLock(context: ApplyContext, session: Session, request: RequestId, asked: LockRequest): void {
  if (!isNew(context, session, request)) return
  context.state.wallMs = Math.max(context.state.wallMs, asked.wallMs)
  const outOfBounds = checkBounds(context.state, session, asked)
  if (outOfBounds !== null) {
    answer(context, session, request, outOfBounds)
    return
  }
  const lock = settledLock(context, asked.name)
  if (lock === null) grantFree(context, session, request, asked)
  else joinContested(context, session, request, asked, lock)
}

/** False if the request was made before, whatever it asked: what became of it is told again. */
function isNew(context: ApplyContext, session: Session, request: RequestId): boolean {
  const waiting = findWaiter(session, request)
  if (waiting === null) return admit(context, session, request)
  tellQueued(context, waiting)
  return false
}

/** Every bound bites when a lock is asked for, never at the turn of a request that was accepted. */
function checkBounds(state: LockState, session: Session, asked: LockRequest): Answer | null {
  if (utf8Length(asked.name) > NAME_MAX_BYTES)
    return failure('limit', `a lock name has at most ${NAME_MAX_BYTES} bytes`)
  const metaBytes = utf8Length(asked.meta)
  if (metaBytes > META_MAX_BYTES) return failure('limit', `meta has at most ${META_MAX_BYTES} bytes`)
  if (asked.delayMs > DELAY_MAX_MS) return failure('limit', `delay is at most ${DELAY_MAX_MS / 1000} s`)
  if (session.heldCount + session.waitCount >= LOCKS_PER_SESSION_MAX) {
    return failure('limit', `a session holds and waits for at most ${LOCKS_PER_SESSION_MAX} locks`)
  }
  if (state.locks.size + state.waiterCount >= HOLDS_AND_PLACES_MAX) {
    return failure('limit', `the cluster has ${HOLDS_AND_PLACES_MAX} holds and places, and no more`)
  }
  if (metaBytes > 0 && state.metaBytes + metaBytes > META_TOTAL_MAX_BYTES) {
    return failure('limit', `the cluster has ${META_TOTAL_MAX_BYTES} bytes of meta, and no more`)
  }
  return null
}

function grantFree(context: ApplyContext, session: Session, request: RequestId, asked: LockRequest): void {
  const lock = context.state.addLock(asked.name)
  lock.sinceWallMs = asked.wallMs
  context.state.setMeta(lock, asked.meta)
  lock.delayMs = asked.delayMs
  grant(context, lock, session, request)
}

function joinContested(
  context: ApplyContext,
  session: Session,
  request: RequestId,
  asked: LockRequest,
  lock: LockEntry,
): void {
  const refusal = refuseContested(session, asked, lock)
  if (refusal !== null) {
    answer(context, session, request, refusal)
    return
  }
  const waiter = new Waiter(session, lock, request, asked.waitMs, asked.meta, asked.delayMs, asked.wallMs)
  context.state.lockChanges(lock)
  context.state.linkWaiter(waiter)
  tellQueued(context, waiter)
}

/** Why the request cannot wait, or null. */
function refuseContested(session: Session, asked: LockRequest, lock: LockEntry): Answer | null {
  const name = lock.name
  if (lock.holder === session) return failure('deadlock', `this session holds ${name} already`)
  for (let waiter = session.firstWait; waiter !== null; waiter = waiter.nextOfSession) {
    if (waiter.lock === lock) return failure('deadlock', `this session waits for ${name} already`)
  }
  if (asked.waitMs === 0) return refusal(lock, 'held')
  if (lock.waiterCount >= WAITERS_PER_LOCK_MAX) {
    return failure('limit', `at most ${WAITERS_PER_LOCK_MAX} requests wait for one lock`)
  }
  const cycle = findCycle(session, lock, DEADLOCK_SEARCH_MAX_STEPS)
  return cycle === null ? null : failure('deadlock', `waiting would close the cycle ${describeCycle(cycle)}`)
}

function refusal(lock: LockEntry, reason: RefusalReason): Answer {
  return { kind: 'not-granted', name: lock.name, reason, holder: lock.holderLabel }
}

/** `token` 0 stands for whatever token the session holds the name under. */
export function releaseLock(
  context: ApplyContext,
  session: Session,
  request: RequestId,
  name: string,
  token: Token,
): void {
  if (!isNew(context, session, request)) return
  const lock = context.state.locks.get(name)
  if (lock === undefined || lock.holder !== session) {
    answer(context, session, request, failure('not-holder', `this session does not hold ${name}`))
  } else if (token !== 0 && token !== lock.token) {
    answer(context, session, request, failure('not-holder', `${name} is held under token ${lock.token}, not ${token}`))
  } else {
    takeAway(context, lock)
    answer(context, session, request, { kind: 'released', name })
    passOn(context, lock)
  }
}

/** Ends the waiting request `target`, if it still waits; the cancelling request is answered alike in any case. */
export function cancelWait(context: ApplyContext, session: Session, request: RequestId, target: RequestId): void {
  if (!isNew(context, session, request)) return
  endWait(context, session, target, 'cancelled')
  answer(context, session, request, { kind: 'cancelled' })
}

export function endWait(context: ApplyContext, session: Session, target: RequestId, reason: RefusalReason): void {
  const waiter = findWaiter(session, target)
  if (waiter === null) return
  leaveQueue(context, waiter)
  answer(context, session, target, refusal(waiter.lock, reason))
}

/** A request that waits has no more than `leftMs` left. One that waits for ever goes on to. */
export function shortenWait(context: ApplyContext, session: Session, target: RequestId, leftMs: number): void {
  const waiter = findWaiter(session, target)
  // Zero is no time to wait but the word for not waiting at all.
  const waitMs = Math.max(1, leftMs)
  if (waiter === null || waiter.waitMs <= waitMs) return
  context.state.lockChanges(waiter.lock)
  waiter.waitMs = waitMs
  context.sink.waitLeft(whereOf(session), session.id, target, waitMs)
}

/** Without a word to the session, which ends: gives back what it holds, in the order of the tokens, and leaves all queues. */
export function dropAll(context: ApplyContext, session: Session, unclean: boolean): void {
  while (session.firstWait !== null) leaveQueue(context, session.firstWait)
  for (let lock = session.firstHeld; lock !== null; lock = session.firstHeld) {
    takeAway(context, lock)
    if (unclean && lock.delayMs > 0) {
      context.state.delayed.add(lock)
      context.sink.delayed(lock.name, lock.token, lock.delayMs)
    } else {
      passOn(context, lock)
    }
  }
}

/** The lock-delay is over: only the one that follows the hold with this token. */
export function endDelay(context: ApplyContext, name: string, token: Token): void {
  const lock = context.state.locks.get(name)
  if (lock === undefined || lock.holder !== null || lock.token !== token) return
  context.state.lockChanges(lock)
  context.state.delayed.delete(lock)
  passOn(context, lock)
}

/** A leader's count of what is left of a delay; the smaller value stays. */
export function delayLeft(context: ApplyContext, name: string, token: Token, leftMs: number): void {
  const lock = context.state.locks.get(name)
  if (lock === undefined || lock.holder !== null || lock.token !== token || leftMs >= lock.delayMs) return
  context.state.lockChanges(lock)
  lock.delayMs = leftMs
}

/** Gives the lock to the head of its queue, or frees it. It has no holder, and `lockChanges` was called. */
function passOn(context: ApplyContext, lock: LockEntry): void {
  dropOrphanedWaiters(context, lock)
  const head = lock.queue?.head ?? null
  if (head === null) {
    context.state.removeLock(lock)
    return
  }
  leaveQueue(context, head)
  lock.sinceWallMs = Math.max(context.state.wallMs, head.wallMs)
  context.state.setMeta(lock, head.meta)
  lock.delayMs = head.delayMs
  grant(context, lock, head.session, head.request)
}

function grant(context: ApplyContext, lock: LockEntry, session: Session, request: RequestId): void {
  lock.token = context.state.draw(context.index)
  context.state.linkHeld(session, lock)
  answer(context, session, request, { kind: 'granted', name: lock.name, token: lock.token })
}

function takeAway(context: ApplyContext, lock: LockEntry): void {
  context.state.lockChanges(lock)
  if (lock.holder !== null) context.state.unlinkHeld(lock.holder, lock)
}

function leaveQueue(context: ApplyContext, waiter: Waiter): void {
  context.state.lockChanges(waiter.lock)
  context.state.unlinkWaiter(waiter)
}

/**
 * The lock as it counts now, or null if it is free: a classic session of an ended epoch counts as ended before it is
 * swept, so its hold and its place in the queue are gone (rules.md rule 3). The session itself is left to the sweep.
 */
function settledLock(context: ApplyContext, name: string): LockEntry | null {
  const lock = context.state.locks.get(name)
  if (lock === undefined) return null
  dropOrphanedWaiters(context, lock)
  if (lock.holder?.countsAsEnded) {
    takeAway(context, lock)
    passOn(context, lock)
  }
  return context.state.locks.get(name) ?? null
}

function dropOrphanedWaiters(context: ApplyContext, lock: LockEntry): void {
  if (context.state.unswept.size === 0) return
  let waiter = lock.queue?.head ?? null
  while (waiter !== null) {
    const next: Waiter | null = waiter.next
    if (waiter.session.countsAsEnded) leaveQueue(context, waiter)
    waiter = next
  }
}

function tellQueued(context: ApplyContext, waiter: Waiter): void {
  const where = whereOf(waiter.session)
  if (where === null) return
  const { session, lock, request } = waiter
  context.sink.queued(where, session.id, request, lock.name, positionOf(waiter), lock.holderLabel)
}

/** 1 is the head of the queue. */
export function positionOf(waiter: Waiter): number {
  if (waiter.next === null) return waiter.lock.waiterCount
  let position = 1
  for (let ahead = waiter.previous; ahead !== null; ahead = ahead.previous) position += 1
  return position
}
