/** A lock as it counts now, before anybody asks for it. */
import type { ApplyContext } from '../state/state.js'
import { endHold } from './ends.js'
import { dropOrphans, moveOn } from './fit.js'
import { grantDue } from './grants.js'

/**
 * A classic session of an ended epoch counts as ended before it is swept, so its hold and its place in the queue are gone
 * (rules.md rule 3). The session itself is left to the sweep.
 */
export function settle(context: ApplyContext, name: string): void {
  const { state } = context
  const lock = state.locks.get(name)
  if (lock === undefined || state.unswept.size === 0 || state.settled.has(lock)) return
  state.settled.add(lock)
  dropOrphans(context, lock)
  for (let hold = lock.firstHold; hold !== null; ) {
    const { next } = hold
    if (hold.session?.countsAsEnded) endHold(context, hold, 'node-lost')
    hold = next
  }
  moveOn(context, lock)
  grantDue(context)
}
