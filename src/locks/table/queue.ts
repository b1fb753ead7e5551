/** The places in the queues of locks: first come, first served in commit order. */
import { answer, findWaiter } from '../answers.js'
import type { RequestId } from '../commands/commands.js'
import type { Answer, RefusalReason } from '../effects.js'
import type { LockEntry, Session, Waiter } from '../state/entities.js'
import { type ApplyContext, whereOf } from '../state/state.js'

export function endWait(context: ApplyContext, session: Session, target: RequestId, reason: RefusalReason): void {
  const waiter = findWaiter(session, target)
  if (waiter === null) return
  leaveQueue(context, waiter)
  answer(context, session, target, refusal(waiter.lock, reason))
}

/** A request that waits has no more than `leftMs` left. One that waits forever goes on waiting. */
export function shortenWait(context: ApplyContext, session: Session, target: RequestId, leftMs: number): void {
  const waiter = findWaiter(session, target)
  // Zero is no time to wait but the word for not waiting at all.
  const waitMs = Math.max(1, leftMs)
  if (waiter === null || waiter.waitMs <= waitMs) return
  context.state.lockChanges(waiter.lock)
  waiter.waitMs = waitMs
  context.effects.push({
    kind: 'waitLeft',
    where: whereOf(session),
    session: session.id,
    request: target,
    leftMs: waitMs,
  })
}

export function leaveQueue(context: ApplyContext, waiter: Waiter): void {
  context.state.lockChanges(waiter.lock)
  context.state.unlinkWaiter(waiter)
}

export function dropOrphanedWaiters(context: ApplyContext, lock: LockEntry): void {
  if (context.state.unswept.size === 0) return
  let waiter = lock.queue?.head ?? null
  while (waiter !== null) {
    const next: Waiter | null = waiter.next
    if (waiter.session.countsAsEnded) leaveQueue(context, waiter)
    waiter = next
  }
}

export function refusal(lock: LockEntry, reason: RefusalReason): Answer {
  return { kind: 'not-granted', name: lock.name, reason, holder: lock.holderLabel }
}

export function tellQueued(context: ApplyContext, waiter: Waiter): void {
  const where = whereOf(waiter.session)
  if (where === null) return
  const { session, lock, request } = waiter
  context.effects.push({
    kind: 'queued',
    where,
    session: session.id,
    request,
    name: lock.name,
    position: positionOf(waiter),
    holder: lock.holderLabel,
  })
}

/** 1 is the head of the queue. */
export function positionOf(waiter: Waiter): number {
  if (waiter.next === null) return waiter.lock.waiterCount
  let position = 1
  for (let ahead = waiter.previous; ahead !== null; ahead = ahead.previous) position += 1
  return position
}
