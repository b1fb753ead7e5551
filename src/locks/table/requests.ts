/** Asking for a lock: granted at once, queued, or refused; and asking no longer. */
import { utf8Length } from '../../bytes/utf8.js'
import { admit, answer, failure, findWaiter } from '../answers.js'
import type { LockRequest, RequestId } from '../commands/commands.js'
import type { Answer } from '../effects.js'
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
import type { ApplyContext, LockState } from '../state/state.js'
import { describeCycle, findCycle } from './deadlock.js'
import { grant, settledLock } from './grants.js'
import { endWait, refusal, tellQueued } from './queue.js'

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
export function isNew(context: ApplyContext, session: Session, request: RequestId): boolean {
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
  const refusal = refuseContested(context, session, asked, lock)
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
function refuseContested(context: ApplyContext, session: Session, asked: LockRequest, lock: LockEntry): Answer | null {
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
  if (cycle === 'given-up') {
    context.effects.push({ kind: 'unexamined', session: session.id, name })
    return null
  }
  return cycle === null ? null : failure('deadlock', `waiting would close the cycle ${describeCycle(cycle)}`)
}

/** Ends the waiting request `target`, if it still waits; the cancelling request is answered alike in any case. */
export function cancelWait(context: ApplyContext, session: Session, request: RequestId, target: RequestId): void {
  if (!isNew(context, session, request)) return
  endWait(context, session, target, 'cancelled')
  answer(context, session, request, { kind: 'cancelled' })
}
