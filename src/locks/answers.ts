/** Exactly once (engine.md §4 rule 10): the answers that a client has not acknowledged are kept and repeated. */
import type { RequestId } from './commands.js'
import type { Answer, AnswerErrorCode } from './effects.js'
import type { Session, Waiter } from './entities.js'
import { UNACKNOWLEDGED_PER_SESSION_MAX } from './limits.js'
import { type ApplyContext, whereOf } from './state.js'

export function failure(code: AnswerErrorCode, message: string): Answer {
  return { kind: 'error', code, message }
}

/** Tells the connection, and stores the answer if the client may ask again: it gave an id and has not acknowledged it. */
export function answer(context: ApplyContext, session: Session, request: RequestId, given: Answer): void {
  const terms = session.terms
  if (terms !== null && request >= terms.lowestUnacknowledged) {
    context.state.sessionChanges(session)
    terms.answers ??= new Map()
    terms.answers.set(request, given)
  }
  tell(context, session, request, given)
}

/** Tells the connection only. */
export function tell(context: ApplyContext, session: Session, request: RequestId, given: Answer): void {
  const where = whereOf(session)
  if (where !== null) context.sink.answered(where, session.id, request, given)
}

/** Forgets the answers up to and including `ack`; 0 says nothing. */
export function acknowledge(context: ApplyContext, session: Session, ack: RequestId): void {
  const terms = session.terms
  if (terms === null || ack === 0 || ack < terms.lowestUnacknowledged) return
  context.state.sessionChanges(session)
  terms.lowestUnacknowledged = ack + 1
  if (terms.answers === null) return
  for (const request of terms.answers.keys()) if (request <= ack) terms.answers.delete(request)
  if (terms.answers.size === 0) terms.answers = null
}

export type RequestState = 'new' | 'repeated' | 'too-many'

/**
 * Decides whether a request is to be executed. A repeated one is dealt with here: its stored answer is told again, and
 * one that the client has acknowledged is dropped. The caller looks for those that wait.
 */
export function admit(context: ApplyContext, session: Session, request: RequestId): RequestState {
  const terms = session.terms
  if (terms === null) return 'new'
  const stored = terms.answers?.get(request)
  if (stored !== undefined) {
    tell(context, session, request, stored)
    return 'repeated'
  }
  if (request >= 0 && request < terms.lowestUnacknowledged) return 'repeated'
  const unacknowledged = (terms.answers?.size ?? 0) + session.waitCount
  return unacknowledged < UNACKNOWLEDGED_PER_SESSION_MAX ? 'new' : 'too-many'
}

/** Not stored, because there is no room; nothing was done, so that the client may ask again after it acknowledged others. */
export function refuseUnacknowledged(context: ApplyContext, session: Session, request: RequestId): void {
  const message = `more than ${UNACKNOWLEDGED_PER_SESSION_MAX} requests without an acknowledgement (ack:N)`
  tell(context, session, request, failure('limit', message))
}

export function findWaiter(session: Session, request: RequestId): Waiter | null {
  let waiter = session.firstWait
  while (waiter !== null && waiter.request !== request) waiter = waiter.nextOfSession
  return waiter
}
