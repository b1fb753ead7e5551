/**
 * Deadlocks (docs/protocol.md, Deadlock). Refused is the request that belongs to a *stuck set*: waiting requests of which each
 * would still not fit if everything vanished but the places of the set and what the set keeps. What a request keeps its client
 * has said (`holding`): by default all that its session holds, and what the session's other requests will get.
 *
 * Nodes are requests and not sessions, because one session carries many strangers' tasks. And a set is judged as a whole,
 * because for permits no single cycle decides. With a limit of 2 of x, A and C hold one each, B keeps y and waits for one, A
 * and C wait for y: each of the two cycles has a way out, the other permit, and yet nobody moves.
 *
 * Two steps. *Collect*, against the direction of waiting: whoever stands behind what the asker keeps, then whoever stands
 * behind what those keep. A stuck set that the asker closes lies wholly among them: what did not wait for any of these would
 * have been stuck before. *Strike out* whoever fits beside the rest, until nothing changes. If the asker is left, so is a set.
 */
import type { Answer } from '../effects.js'
import type { LockRequest } from '../state/entities.js'
import type { ApplyContext, LockState } from '../state/state.js'
import { deadlockOf } from './cycle.js'
import { DeadlockSearch, isKeepable } from './deadlock-search.js'

/** Why the request, which stands in its queues already, may not wait; null if it may. */
export function refuseDeadlock(context: ApplyContext, asker: LockRequest): Answer | null {
  const { state } = context
  if (asker.waitMs === 0) return standsInItsOwnWay(state, asker)
  if (!keepsAnything(state, asker)) return null
  const search = new DeadlockSearch(state)
  const stuck = search.run([asker])
  if (stuck === 'given-up') {
    context.effects.push({ kind: 'unexamined', session: asker.session.id, name: asker.first.lock.name })
    return null
  }
  return stuck === null ? null : deadlockOf(search, asker)
}

function keepsAnything(state: LockState, { session, places, keeps }: LockRequest): boolean {
  if (keeps !== 'all') return keeps.some(({ token, name }) => isKeepable(state.holds.get(name, token)))
  return session.firstHeld !== null || session.placeCount > places.length
}

/** Who does not wait gets no further than itself: it asks for what it keeps. */
function standsInItsOwnWay(state: LockState, asker: LockRequest): Answer | null {
  if (!keepsAnything(state, asker)) return null
  const search = new DeadlockSearch(state, false)
  const stuck = search.run([asker])
  return stuck === null || stuck === 'given-up' ? null : deadlockOf(search, asker)
}
