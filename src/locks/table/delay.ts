/** The time after an unclean loss in which nobody gets a lock. The leader counts it. */
import type { Token } from '../commands/commands.js'
import type { LockEntry } from '../state/entities.js'
import type { ApplyContext } from '../state/state.js'
import { passOn } from './grants.js'

/** The lock has no holder any longer, and `lockChanges` was called. */
export function beginDelay(context: ApplyContext, lock: LockEntry): void {
  context.state.delayed.add(lock)
  context.effects.push({ kind: 'delayed', name: lock.name, token: lock.token, forMs: lock.delayMs })
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
