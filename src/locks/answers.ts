/** Exactly once (rules.md rule 10): the answers that a client has not acknowledged are kept and repeated. */
import type { RequestId } from './commands/commands.js'
import type { Answer, AnswerErrorCode, Answered } from './effects.js'
import { UNACKNOWLEDGED_PER_SESSION_MAX } from './limits.js'
import type { LockRequest, Session } from './state/entities.js'
import { type ApplyContext, whereOf } from './state/state.js'

export function failure(code: AnswerErrorCode, message: string): Answer {
  return { kind: 'error', code, message }
}

/**
 * Stores the answer if the client may ask again: it gave an id and has not acknowledged it. What the connection is to be told;
 * null where there is none.
 */
export function answered(context: ApplyContext, session: Session, request: RequestId, given: Answer): Answered | null {
  const terms = session.terms
  if (terms !== null && request >= terms.lowestUnacknowledged) {
    context.state.sessionChanges(session)
    terms.answers ??= new Map()
    terms.answers.set(request, given)
    terms.answerCount += weightOf(given)
  }
  return toTell(session, request, given)
}

/** Answers a request that waited: another than the one that is being carried out, whose answer is what its command returns. */
export function answer(context: ApplyContext, session: Session, request: RequestId, given: Answer): void {
  tell(context, answered(context, session, request, given))
}

/** For the connection only. */
function toTell(session: Session, request: RequestId, given: Answer): Answered | null {
  const where = whereOf(session)
  return where === null ? null : { kind: 'answered', where, session: session.id, request, answer: given }
}

function tell({ effects }: ApplyContext, told: Answered | null): void {
  if (told !== null) effects.push(told)
}

/**
 * Forgets the answers up to and including `said`; 0 says nothing. What was never asked cannot have been answered, so a
 * number above the highest id counts as that: else the answers to all later requests below it would never be given.
 */
export function acknowledge(context: ApplyContext, session: Session, said: RequestId): void {
  const terms = session.terms
  if (terms === null || said === 0) return
  const ack = Math.min(said, terms.highestRequest)
  if (ack < terms.lowestUnacknowledged) return
  context.state.sessionChanges(session)
  terms.lowestUnacknowledged = ack + 1
  if (terms.answers === null) return
  for (const [request, given] of terms.answers) {
    if (request > ack) continue
    terms.answers.delete(request)
    terms.answerCount -= weightOf(given)
  }
  if (terms.answers.size === 0) terms.answers = null
}

/**
 * Whether a request is to be executed. One that was answered gets that answer again, and one that the client has
 * acknowledged is dropped. The caller has looked for those that wait. What is refused because too many are unacknowledged
 * is not stored: nothing was done, and the client may ask again when it has acknowledged some. `names`: as many answers may
 * come of it.
 */
export function admit(context: ApplyContext, session: Session, request: RequestId, names: number): boolean {
  const terms = session.terms
  if (terms === null) return true
  const stored = terms.answers?.get(request)
  if (stored !== undefined) {
    tell(context, toTell(session, request, stored))
    return false
  }
  if (request >= 0 && request < terms.lowestUnacknowledged) return false
  if (terms.answerCount + session.placeCount + names <= UNACKNOWLEDGED_PER_SESSION_MAX) return true
  const message = `more than ${UNACKNOWLEDGED_PER_SESSION_MAX} requests without an acknowledgement (ack:N)`
  tell(context, toTell(session, request, failure('limit', message)))
  return false
}

/** How many of the answers that a session may leave unacknowledged this one is: one for each name of a grant. */
export function weightOf(given: Answer): number {
  return given.kind === 'granted' ? given.grants.length : 1
}

export function findWaiting(session: Session, request: RequestId): LockRequest | null {
  let waiting = session.firstWaiting
  while (waiting !== null && waiting.request !== request) waiting = waiting.nextOfSession
  return waiting
}
