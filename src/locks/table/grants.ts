/** How a lock gets its holder and loses it. Grants draw their token from the replicated counter (mutant M73). */
import { answer } from '../answers.js'
import type { RequestId } from '../commands/commands.js'
import type { LockEntry, Session } from '../state/entities.js'
import type { ApplyContext } from '../state/state.js'
import { dropOrphanedWaiters, leaveQueue } from './queue.js'

export function grant(context: ApplyContext, lock: LockEntry, session: Session, request: RequestId): void {
  lock.token = context.state.draw(context.index)
  context.state.linkHeld(session, lock)
  answer(context, session, request, { kind: 'granted', name: lock.name, token: lock.token })
}

export function takeAway(context: ApplyContext, lock: LockEntry): void {
  context.state.lockChanges(lock)
  if (lock.holder !== null) context.state.unlinkHeld(lock.holder, lock)
}

/** Gives the lock to the head of its queue, or frees it. It has no holder, and `lockChanges` was called. */
export function passOn(context: ApplyContext, lock: LockEntry): void {
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

/**
 * The lock as it counts now, or null if it is free: a classic session of an ended epoch counts as ended before it is
 * swept, so its hold and its place in the queue are gone (rules.md rule 3). The session itself is left to the sweep.
 */
export function settledLock(context: ApplyContext, name: string): LockEntry | null {
  const lock = context.state.locks.get(name)
  if (lock === undefined) return null
  dropOrphanedWaiters(context, lock)
  if (lock.holder?.countsAsEnded) {
    takeAway(context, lock)
    passOn(context, lock)
  }
  return context.state.locks.get(name) ?? null
}
