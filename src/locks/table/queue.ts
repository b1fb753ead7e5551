/** Waiting: what a client is told of it, and how it ends without a grant. */

import { BASE_LEVEL } from '../../feature-level.js'
import { admit, answer, findWaiting } from '../answers.js'
import type { RequestId } from '../commands/commands.js'
import type { Answer, RefusalReason } from '../effects.js'
import type { LockEntry, LockRequest, Place, Session } from '../state/entities.js'
import { type ApplyContext, type LockState, whereOf } from '../state/state.js'
import { letGoMs } from '../state/terms.js'
import { fitsBeside, leaveQueues, takenWith } from './fit.js'

/** False if the request was made before, whatever it asked: what became of it is told again. */
export function isNew(context: ApplyContext, session: Session, request: RequestId, names = 1): boolean {
  const waiting = findWaiting(session, request)
  if (waiting === null) return admit(context, session, request, names)
  tellQueued(context, waiting)
  return false
}

export function endWait(context: ApplyContext, session: Session, target: RequestId, reason: RefusalReason): void {
  const waiting = findWaiting(session, target)
  if (waiting === null) return
  const place = firstUnfit(waiting)
  const given = refusal(context.state, place, reason)
  leaveQueues(context, waiting)
  answer(context, session, target, given)
}

/** A request that waits has no more than `leftMs` left. One that waits forever goes on waiting. */
export function shortenWait(context: ApplyContext, session: Session, target: RequestId, leftMs: number): void {
  const waiting = findWaiting(session, target)
  // Zero is no time to wait but the word for not waiting at all.
  const waitMs = Math.max(1, leftMs)
  if (waiting === null || waiting.waitMs <= waitMs) return
  context.state.requestChanges(waiting)
  waiting.waitMs = waitMs
  const where = whereOf(session)
  context.effects.push({ kind: 'waitLeft', where, session: session.id, request: target, leftMs: waitMs })
}

export function tellQueued(context: ApplyContext, request: LockRequest): void {
  const { session } = request
  const where = whereOf(session)
  if (where === null) return
  const place = firstUnfit(request)
  const { lock } = place
  context.effects.push({
    kind: 'queued',
    where,
    session: session.id,
    request: request.request,
    name: lock.name,
    position: positionOf(place),
    holder: oldestHolder(lock),
    limit: lock.limit,
  })
}

/** The first name asked that is in the way; while all fit and wait for a thaw, the first. */
export function firstUnfit(request: LockRequest): Place {
  return request.places.find(({ fits }) => !fits) ?? request.first
}

/** 1 is the head of the queue. */
export function positionOf(place: Place): number {
  if (place.next === null) return place.lock.placeCount
  let position = 1
  for (let ahead = place.previous; ahead !== null; ahead = ahead.previous) position += 1
  return position
}

function oldestHolder(lock: LockEntry): string {
  for (const hold of lock.holds()) if (hold.phase === 'held') return hold.label
  return ''
}

/** Why an ask of `lock` is not granted; `ended` is how its waiting ended, if that is why. */
export function refusal(state: LockState, asked: AskedPlace, ended: RefusalReason | null): Answer {
  const { lock } = asked
  const { name } = lock
  const bare = { kind: 'not-granted', name, holder: '', holders: 0, forMs: 0, message: '' } as const
  if (state.level === BASE_LEVEL) return { ...bare, reason: ended ?? 'held', holder: oldestHolder(lock) }
  const way = inTheWay(state, asked)
  if (ended === null) return { ...bare, ...way }
  return { ...bare, reason: ended, holder: way.holder, holders: way.holders }
}

/** What is asked of one lock; of a request that waits, its place. */
type AskedPlace = Pick<Place, 'lock' | 'amount'>

interface InTheWay {
  readonly reason: 'held' | 'delayed' | 'queued'
  readonly holder: string
  readonly holders: number
  readonly forMs: number
}

/** The first that applies: holds, then tails, then whoever asked earlier. */
function inTheWay(state: LockState, asked: AskedPlace): InTheWay {
  const { lock, amount } = asked
  const { limit } = lock
  let byHolds = 0
  let byAll = 0
  let holders = 0
  let forMs = 0
  for (const hold of lock.holds()) {
    byAll = takenWith(byAll, limit, hold.amount)
    if (hold.phase === 'held') {
      byHolds = takenWith(byHolds, limit, hold.amount)
      holders += 1
      continue
    }
    const { delayMs = 0, minHoldMs = 0 } = hold.terms ?? {}
    // Of a hold that was lost nobody knows when its client will let go of it: at the latest when its node and its lease are over.
    const ownMs = hold.phase === 'tail' ? delayMs : letGoMs(hold.session?.terms ?? null, state.nodeLeaseMs)
    forMs = Math.max(forMs, minHoldMs, ownMs)
  }
  if (!fitsBeside(byHolds, limit, amount)) return { reason: 'held', holder: oldestHolder(lock), holders, forMs: 0 }
  if (!fitsBeside(byAll, limit, amount)) return { reason: 'delayed', holder: '', holders: 0, forMs }
  const first = lock.queue?.head ?? null
  // It is its own first if it waits for nothing but a thaw.
  const holder = first === null || first === asked ? '' : first.request.session.label
  return { reason: 'queued', holder, holders: 0, forMs: 0 }
}
