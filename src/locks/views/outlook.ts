/** What ends a hold, and when it is out of the way of others at the latest, by the last counts that reached the state. */
import type { Hold, Session } from '../state/entities.js'
import type { LockState } from '../state/state.js'

export interface HoldOutlook {
  /**
   * `holder`: nobody knows when. `ttl`: its time. `session`: its client is gone, unless it comes back. `lease`: it was broken or
   * has timed out, and its client has to hear of it. `time`: a tail.
   */
  readonly by: 'holder' | 'ttl' | 'lease' | 'session' | 'time'
  /** Then nothing of it is left, its tail neither; null: nobody knows. The leader may be quicker, and a change of leaders slower. */
  readonly withinMs: number | null
}

/** For how long a session can still be resumed that no live node has; null: one has it. */
export function resumableForMs({ place, terms }: Session): number | null {
  if (place?.live === true) return null
  // Of one that is to be swept the state says later for how long.
  return place === null ? (terms?.detachedForMs ?? 0) : Math.max(terms?.leaseMs ?? 0, terms?.lingerMs ?? 0)
}

export function outlookOf(state: LockState, hold: Hold): HoldOutlook {
  const { phase, session, terms } = hold
  const { delayMs = 0, minHoldMs = 0, ttlMs = 0 } = terms ?? {}
  if (phase === 'tail') return { by: 'time', withinMs: Math.max(delayMs, minHoldMs) }
  const goneMs = session === null ? null : resumableForMs(session)
  // Its node tells the client and counts a lease, or dies: then its epoch has to end first, and the leader counts one (rule 12).
  const untilCountedMs = session === null || goneMs !== null ? 0 : state.nodeLeaseMs
  const letGoMs = (session?.terms?.leaseMs ?? 0) + untilCountedMs
  if (phase !== 'held') return { by: 'lease', withinMs: Math.max(Math.min(letGoMs, goneMs ?? letGoMs), minHoldMs) }
  const ttl: HoldOutlook | null = ttlMs === 0 ? null : { by: 'ttl', withinMs: Math.max(ttlMs + letGoMs, minHoldMs) }
  if (goneMs === null) return ttl ?? { by: 'holder', withinMs: null }
  // A session that ends without a word leaves the tail that was asked for.
  const withinMs = Math.max(goneMs + delayMs, minHoldMs)
  return ttl?.withinMs != null && ttl.withinMs < withinMs ? ttl : { by: 'session', withinMs }
}
