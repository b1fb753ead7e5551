/** How a lock gets its holders. Grants draw their tokens from the replicated counter (mutant M73). */
import { BASE_LEVEL } from '../../feature-level.js'
import { answer } from '../answers.js'
import type { RequestId } from '../commands/commands.js'
import type { Answer, Grant } from '../effects.js'
import { Hold, type LockEntry, type LockRequest, type Session } from '../state/entities.js'
import type { Mark } from '../state/standing.js'
import type { ApplyContext } from '../state/state.js'
import type { HoldTerms } from '../state/terms.js'
import { tellEvent } from './events.js'
import { leaveQueues } from './fit.js'
import { isFrozen } from './freezes.js'

/** What a granted request gets: a hold of each name. What it takes of the locks is counted already. */
export interface Granted {
  readonly session: Session
  readonly request: RequestId
  readonly meta: string
  readonly terms: HoldTerms | null
  readonly sinceWallMs: number
  readonly askedWallMs: number
}

/** What one name of it takes. */
interface Taken {
  readonly lock: LockEntry
  readonly amount: number
}

/** What is granted, as the answer to it; tokens in the order asked. */
export function grant(context: ApplyContext, to: Granted, asked: readonly Taken[]): Answer {
  const grants: Grant[] = []
  for (const { lock, amount } of asked) {
    const { token } = addHold(context, to, lock, amount)
    grants.push({ name: lock.name, token, limit: lock.limit, ended: null })
  }
  return { kind: 'granted', grants }
}

function addHold(context: ApplyContext, to: Granted, lock: LockEntry, amount: number): Hold {
  const { state, index, effects } = context
  const { session, terms } = to
  const hold = new Hold(lock, state.draw(index), amount, to.sinceWallMs, state.production)
  if (terms !== null) hold.terms = terms.copy()
  if (to.meta !== '') hold.withTerms().meta = to.meta
  // What a snapshot of level 1 does not have must not be there under level 1 either: replicas would differ.
  if (state.level > BASE_LEVEL) hold.request = to.request
  if (terms?.loose === true) {
    const { id, label } = session
    const { secretHash = '', identity = null } = session.terms ?? {}
    hold.withTerms().owner = { session: id, label, secretHash, identity }
    state.addHold(hold, null)
  } else state.addHold(hold, session)
  const { name } = lock
  tellEvent(context, 'granted', name, hold.token, session.who, to.askedWallMs)
  if (terms === null) return hold
  const { token } = hold
  if (terms.minHoldMs > 0) effects.push({ kind: 'timed', name, token, clock: 'minHold', forMs: terms.minHoldMs })
  if (terms.ttlMs > 0) effects.push({ kind: 'timed', name, token, clock: 'ttl', forMs: terms.ttlMs })
  return hold
}

/**
 * Grants what is due, the earliest request first. So many an entry at most: the rest is due in the following ones, and
 * nobody gets between, because those that are due count as granted for whoever comes later.
 */
export function grantDue(context: ApplyContext): void {
  const { state } = context
  while (state.due.size > 0 && (state.grantsLeft > 0 || state.level === BASE_LEVEL)) {
    const request = state.due.take()
    // It may have left since, or a smaller limit may have come between.
    if (request === null || request.hasEnded || request.unfit > 0) continue
    if (request.session.countsAsEnded) leaveQueues(context, request)
    else if (isFrozen(state, request)) state.frozenDue.add(request)
    else {
      state.grantsLeft -= 1
      grantWaiting(context, request)
    }
  }
}

function grantWaiting(context: ApplyContext, request: LockRequest): void {
  const { state } = context
  const { session, places, meta, terms } = request
  const mark = state.marks.get(terms?.once ?? '')
  if (mark !== undefined) {
    leaveQueues(context, request)
    answer(context, session, request.request, doneAnswer(mark))
    return
  }
  state.requestChanges(request)
  for (const place of places) state.dequeue(place)
  state.removeRequest(request)
  const sinceWallMs = Math.max(state.wallMs, request.wallMs)
  const to = { session, request: request.request, meta, terms, sinceWallMs, askedWallMs: request.wallMs }
  answer(context, session, request.request, grant(context, to, places))
}

export function doneAnswer({ key, sinceWallMs, holder }: Mark): Answer {
  return { kind: 'done', key, sinceWallMs, holder }
}
