/** Asking for locks: granted at once, queued, or refused; and asking no longer. */
import { BASE_LEVEL } from '../../feature-level.js'
import { failure } from '../answers.js'
import { type CommandNamed, EXCLUSIVE, type RequestId } from '../commands/commands.js'
import type { Answer } from '../effects.js'
import { PLACES_PER_LOCK_MAX } from '../limits.js'
import { type LockEntry, LockRequest, Place, type Session } from '../state/entities.js'
import type { ApplyContext, LockState } from '../state/state.js'
import type { Keeping } from '../state/terms.js'
import type { Asked } from './asked.js'
import { refuseAsk } from './bounds.js'
import { refuseDeadlock } from './deadlock.js'
import { tellEvent } from './events.js'
import { advance, fitsLast, leaveQueues, take } from './fit.js'
import { freezeOf, frozenRefusal } from './freezes.js'
import { doneAnswer, grant } from './grants.js'
import { endWait, firstUnfit, refusal, tellQueued } from './queue.js'
import { refuseCycleOfSessions } from './session-graph.js'
import { settle } from './settle.js'

/** The answer, if there is one now; null: the request waits. */
export function requestLocks(context: ApplyContext, session: Session, request: RequestId, asked: Asked): Answer | null {
  const { state } = context
  state.sawWallTime(asked.wallMs)
  const refused = refuseAsk(state, session, asked)
  if (refused !== null) return refused
  for (const { name } of asked.asks) settle(context, name)
  const given = state.level === BASE_LEVEL ? null : answerWithoutLooking(context, asked)
  if (given !== null) return given
  return canGrant(context, asked) ? grantNow(context, session, request, asked) : wait(context, session, request, asked)
}

/** What is answered whether the locks are free or not: done already, or frozen. */
function answerWithoutLooking({ state }: ApplyContext, { asks, terms, waitMs }: Asked): Answer | null {
  const mark = state.marks.get(terms?.once ?? '')
  if (mark !== undefined) return doneAnswer(mark)
  if (state.freezes.size === 0) return null
  const frozen = asks.filter(({ name }) => freezeOf(state, name) !== null)
  const [first] = frozen
  if (first === undefined || (waitMs !== 0 && frozen.length === asks.length)) return null
  const entry = freezeOf(state, first.name)
  return entry === null ? null : frozenRefusal(first.name, entry)
}

function canGrant({ state }: ApplyContext, { asks }: Asked): boolean {
  return asks.every(({ name, amount }) => {
    const lock = state.locks.get(name)
    return (
      (lock === undefined || fitsLast(lock, amount)) && (state.freezes.size === 0 || freezeOf(state, name) === null)
    )
  })
}

/** A pinned limit is that of the semaphore, whatever was asked; a name that is pinned may be a plain lock all the same. */
function lockFor(state: LockState, name: string, limit: number): LockEntry {
  return state.lockNamed(name, limit === 0 ? 0 : (state.pins.get(name)?.limit ?? limit))
}

function grantNow(context: ApplyContext, session: Session, request: RequestId, asked: Asked): Answer {
  const { state } = context
  const locks = asked.asks.map(({ name, amount, limit }) => {
    const lock = lockFor(state, name, limit)
    take(lock, amount)
    return { lock, amount }
  })
  const { meta, terms, wallMs } = asked
  return grant(context, { session, request, meta, terms, sinceWallMs: wallMs, askedWallMs: wallMs }, locks)
}

function wait(context: ApplyContext, session: Session, request: RequestId, asked: Asked): Answer | null {
  const refused =
    context.state.level === BASE_LEVEL ? refuseAtBase(context, session, asked) : refuseFull(context, asked)
  if (refused !== null) return refused
  const waiting = enqueue(context, session, request, asked)
  const stuck = context.state.level === BASE_LEVEL ? null : refuseDeadlock(context, waiting)
  // Who does not wait closes a cycle only with itself: it asks for what it keeps.
  const given = stuck ?? (asked.waitMs === 0 ? refusal(context.state, firstUnfit(waiting), null) : null)
  if (given !== null) {
    withdraw(context, waiting)
    return given
  }
  for (const { lock } of waiting.places) tellEvent(context, 'queued', lock.name, 0, session.who)
  tellQueued(context, waiting)
  return null
}

function refuseFull({ state }: ApplyContext, { asks, waitMs }: Asked): Answer | null {
  if (waitMs === 0) return null
  const full = asks.find(({ name }) => (state.locks.get(name)?.placeCount ?? 0) >= PLACES_PER_LOCK_MAX)
  return full === undefined ? null : failure('limit', `at most ${PLACES_PER_LOCK_MAX} requests wait for ${full.name}`)
}

/** As 0.3.0 judged it. */
function refuseAtBase(context: ApplyContext, session: Session, { asks, waitMs }: Asked): Answer | null {
  const lock = context.state.locks.get(asks[0]?.name ?? '')
  if (lock === undefined) return null
  const own = refuseOwn(session, lock.name)
  if (own !== null) return own
  if (waitMs === 0) return refusal(context.state, { lock, amount: EXCLUSIVE }, null)
  if (lock.placeCount >= PLACES_PER_LOCK_MAX) {
    return failure('limit', `at most ${PLACES_PER_LOCK_MAX} requests wait for one lock`)
  }
  return refuseCycleOfSessions(context, session, lock)
}

function refuseOwn(session: Session, name: string): Answer | null {
  for (let hold = session.firstHeld; hold !== null; hold = hold.nextOfSession) {
    if (hold.lock.name === name) return failure('deadlock', `this session holds ${name} already`)
  }
  for (let waiting = session.firstWaiting; waiting !== null; waiting = waiting.nextOfSession) {
    if (waiting.first.lock.name === name) return failure('deadlock', `this session waits for ${name} already`)
  }
  return null
}

function enqueue(context: ApplyContext, session: Session, request: RequestId, asked: Asked): LockRequest {
  const { state, index } = context
  const number = state.level === BASE_LEVEL ? 0 : state.draw(index)
  const { waitMs, meta, terms, wallMs } = asked
  const keeps = keptBy(state, session, asked)
  const waiting = new LockRequest(session, request, number, waitMs, meta, terms, keeps, wallMs, state.production)
  for (const { name, amount, limit } of asked.asks) {
    const lock = lockFor(state, name, limit)
    waiting.places.push(new Place(waiting, lock, amount))
  }
  state.addRequest(waiting)
  for (const { lock } of waiting.places) advance(state, lock)
  return waiting
}

/**
 * Of what the client says it keeps, what counts: current holds of its identity. A token that is anybody else's is ignored like one
 * that is not current, so that nobody learns whether it is, and nobody makes other people's requests close cycles.
 */
function keptBy(state: LockState, { identity }: Session, { keeps, keepsAnyones }: Asked): Keeping {
  if (keeps === 'all' || keepsAnyones) return keeps
  return keeps.filter(({ name, token }) => {
    const hold = state.holds.get(name, token)
    return hold !== null && (hold.session ?? hold.owner)?.identity === identity
  })
}

/** As though it had never been asked: nobody came after it. */
function withdraw(context: ApplyContext, waiting: LockRequest): void {
  const { effects, state } = context
  const [told, counted] = [effects.length, state.eventCount]
  leaveQueues(context, waiting)
  effects.length = told
  state.eventCount = counted
}

/** Ends the waiting request `target`, if it still waits; the cancelling request is answered alike in any case. */
export function cancelWait(context: ApplyContext, session: Session, { target }: CommandNamed<'cancel'>): Answer {
  endWait(context, session, target, 'cancelled')
  return { kind: 'cancelled' }
}
