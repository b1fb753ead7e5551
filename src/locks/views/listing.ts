/** The lines of `locks`: one a hold or tail, or one for a name that has only places. */
import type { SessionId, Token } from '../commands/commands.js'
import type { Mode } from '../effects.js'
import type { LockEntry, Place } from '../state/entities.js'
import type { LockState } from '../state/state.js'
import { hasOrphanedHolder, modeOf, permitsOf, placesOf, sessionIdOf, waiterCountOf } from './hold-report.js'

export interface ListedHold {
  readonly name: string
  readonly mode: Mode
  /** Of a semaphore; else 0. */
  readonly permits: number
  readonly limit: number
  /** `tail`: it has ended and still counts; `reserved`: nobody has the name, and somebody waits for it. */
  readonly state: 'held' | 'tail' | 'reserved'
  /** 0 of a name that is reserved. */
  readonly token: Token
  /** Who holds it; of a name that is reserved the first that waits. */
  readonly holder: string
  readonly session: SessionId
  readonly sinceWallMs: number
  readonly waiters: number
  readonly meta: string
}

/** In the order of tokens, those above `afterToken`; -1 for all. */
export function* listed(state: LockState, name: string, afterToken: Token): IterableIterator<ListedHold> {
  const lock = state.locks.get(name)
  if (lock === undefined) return
  let isHeld = false
  const waiters = waiterCountOf(state, lock)
  for (let hold = lock.firstHold; hold !== null; hold = hold.next) {
    if (hasOrphanedHolder(hold)) continue
    isHeld = true
    const { token, amount, phase, sinceWallMs, meta } = hold
    if (token <= afterToken) continue
    yield {
      name,
      mode: modeOf(amount),
      permits: permitsOf(amount),
      limit: lock.limit,
      state: phase === 'held' ? 'held' : 'tail',
      token,
      holder: hold.label,
      session: sessionIdOf(hold),
      sinceWallMs,
      waiters,
      meta,
    }
  }
  if (isHeld || afterToken >= 0) return
  for (const [first] of placesOf(lock)) {
    yield reserved(lock, first, waiters)
    return
  }
}

function reserved(lock: LockEntry, { request, amount }: Place, waiters: number): ListedHold {
  return {
    name: lock.name,
    mode: modeOf(amount),
    permits: permitsOf(amount),
    limit: lock.limit,
    state: 'reserved',
    token: 0,
    holder: request.session.label,
    session: request.session.id,
    sinceWallMs: request.wallMs,
    waiters,
    meta: request.meta,
  }
}
