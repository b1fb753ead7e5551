/** What watches are told, and what is remembered of holds that have ended. */
import { BASE_LEVEL } from '../../feature-level.js'
import type { EventType, Grant } from '../effects.js'
import type { Hold } from '../state/entities.js'
import { HOLD_ENDS, type HoldEnd, type Who } from '../state/standing.js'
import type { ApplyContext } from '../state/state.js'

/** `sinceWallMs`, `how`: as the event has them. */
export function tellEvent(
  context: ApplyContext,
  type: EventType,
  name: string,
  token: number,
  holder: Who,
  sinceWallMs = 0,
  how: HoldEnd | null = null,
): void {
  const { state, effects, index } = context
  effects.push({ kind: 'event', index, place: state.eventCount, type, name, token, holder, sinceWallMs, how })
  state.eventCount += 1
}

const IS_LOSS: Readonly<Record<HoldEnd, boolean>> = {
  released: false,
  bye: false,
  fin: false,
  unlocked: false,
  expired: true,
  'node-lost': true,
  ttl: true,
  forced: true,
}
/** The ends of a hold that its client did not want. */
export const LOSSES: readonly HoldEnd[] = HOLD_ENDS.filter((how) => IS_LOSS[how])

/** A current hold ends: watches hear of it, its name remembers it, and the answer that gave it says so if it is repeated. */
export function tellEnd(context: ApplyContext, hold: Hold, how: HoldEnd, by = '', reason = ''): void {
  const { state } = context
  const { lock, token, amount, session, owner, who, sinceWallMs } = hold
  tellEvent(context, IS_LOSS[how] ? 'lost' : 'released', lock.name, token, who, sinceWallMs, how)
  if (state.level === BASE_LEVEL) return
  state.history.add({
    number: state.history.lastNumber + 1,
    name: lock.name,
    token,
    amount,
    limit: lock.limit,
    session: session?.id ?? owner?.session ?? 0,
    who,
    fromWallMs: sinceWallMs,
    toWallMs: state.wallMs,
    how,
    by,
    reason,
    stamp: state.production,
  })
  markAnswer(context, hold, how === 'ttl' || how === 'forced' ? how : 'released')
}

/** Exactly once, and never a false `ok`: the stored answer stays, and says what became of the hold. */
function markAnswer({ state }: ApplyContext, hold: Hold, ended: NonNullable<Grant['ended']>): void {
  const session = hold.session ?? state.sessions.get(hold.owner?.session ?? 0)
  const answers = session?.terms?.answers
  const given = answers?.get(hold.request)
  if (session === undefined || given?.kind !== 'granted') return
  state.sessionChanges(session)
  const grants = given.grants.map((grant) => (grant.token === hold.token ? { ...grant, ended } : grant))
  answers?.set(hold.request, { kind: 'granted', grants })
}
