/**
 * How holds end: released, lost with their session, timed out, broken. Some leave a *tail*, which counts as the hold did for
 * a time: `delay` after an unclean end, `min-hold` after any end too soon after the grant. And who loses a lock while the
 * session lives may believe in it for a while: such a hold counts until its client has let go of it (rules.md rule 12).
 *
 *     held ── release, bye, unlock ─────────────────────────────┐
 *       ├── the session ends ───────────────────────────────────┼──► tail, while a delay or a min-hold is left ──► gone
 *       └── forced, ttl ──► forced/ttl ── released, let go of ──┘
 */
import { BASE_LEVEL } from '../../feature-level.js'
import { HOLD_CLOCKS, type HoldClock, type LetGo, type Token } from '../commands/commands.js'
import type { Hold, Session } from '../state/entities.js'
import type { HoldEnd } from '../state/standing.js'
import { type ApplyContext, whereOf } from '../state/state.js'
import { tellEnd } from './events.js'
import { leaveQueues, removeHold } from './fit.js'
import { grantDue } from './grants.js'

/** The hold is current, and ends. `by` and `reason` are an operator's. */
export function endHold(context: ApplyContext, hold: Hold, how: HoldEnd, by = '', reason = ''): void {
  tellEnd(context, hold, how, by, reason)
  if ((how === 'forced' || how === 'ttl') && hold.session !== null) stopBelieving(context, hold, hold.session, how)
  else passOn(context, hold, leavesDelay(context, how))
}

/** Every end of a session without `bye`. Under level 1 only the one that nobody asked for. */
function leavesDelay({ state }: ApplyContext, how: HoldEnd): boolean {
  return how === 'expired' || (state.level > BASE_LEVEL && (how === 'fin' || how === 'node-lost'))
}

/** The client has to hear of it, and counts as holding until it cannot believe that it does. */
function stopBelieving(context: ApplyContext, hold: Hold, session: Session, phase: 'forced' | 'ttl'): void {
  const { state, effects } = context
  state.recount(hold, () => {
    hold.withTerms().phase = phase
  })
  const { name } = hold.lock
  const leaseMs = session.terms?.leaseMs ?? 0
  const { id, attach } = session
  const where = whereOf(session)
  effects.push({ kind: 'lost', where, session: id, attach, name, token: hold.token, reason: phase, leaseMs })
}

/** Nobody holds it any longer: it is gone, or a tail is left of it. */
export function passOn(context: ApplyContext, hold: Hold, withDelay: boolean): void {
  const { terms } = hold
  if (terms === null || !((withDelay && terms.delayMs > 0) || terms.minHoldMs > 0)) {
    removeHold(context, hold)
    return
  }
  const { state, effects } = context
  state.recount(hold, () => {
    const { session } = hold
    if (session !== null) {
      const { id, label, identity } = session
      terms.owner ??= { session: id, label, secretHash: '', identity }
    }
    state.unbind(hold)
    terms.phase = 'tail'
    if (!withDelay) terms.delayMs = 0
    terms.ttlMs = 0
  })
  if (terms.delayMs === 0) return
  effects.push({ kind: 'timed', name: hold.lock.name, token: hold.token, clock: 'delay', forMs: terms.delayMs })
}

/** Gives back what the session has, because it is ending: first it leaves all queues, then all holds in the order of tokens. */
export function dropAll(context: ApplyContext, session: Session, how: HoldEnd): void {
  while (session.firstWaiting !== null) leaveQueues(context, session.firstWaiting)
  for (let hold = session.firstHeld; hold !== null; hold = session.firstHeld) {
    if (hold.phase === 'held') endHold(context, hold, how)
    else passOn(context, hold, false)
    // Under level 1 each lock was passed on before the next was given back, and tokens show the order.
    if (context.state.level === BASE_LEVEL) grantDue(context)
  }
}

// ------------------------------------------------------------------------------------- counted outside, and named

/** One of the times of a hold. */
interface Counted {
  readonly name: string
  readonly token: Token
  /** Its number in `HOLD_CLOCKS`. */
  readonly clock: number
}

function holdUnder(context: ApplyContext, name: string, token: number): Hold | null {
  return context.state.holds.get(name, token)
}

/** A delay counts of a tail only, a ttl of a hold; a min-hold of both. */
function isCounted(hold: Hold, clock: HoldClock): boolean {
  if (clock === 'delay') return hold.phase === 'tail'
  if (clock === 'ttl' && hold.phase !== 'held') return false
  return hold.terms !== null && hold.terms[`${clock}Ms`] > 0
}

export function timeOver(context: ApplyContext, { name, token, clock: number }: Counted): void {
  const clock = HOLD_CLOCKS[number]
  const hold = holdUnder(context, name, token)
  if (hold === null || clock === undefined || !isCounted(hold, clock)) return
  if (clock === 'ttl') {
    endHold(context, hold, 'ttl')
    return
  }
  setLeft(context, hold, clock, 0)
  if (hold.phase === 'tail' && (hold.terms?.delayMs ?? 0) === 0 && (hold.terms?.minHoldMs ?? 0) === 0) {
    removeHold(context, hold)
  }
}

/** The smaller counts: what an earlier leader counted may arrive late. */
export function timeLeft(context: ApplyContext, { leftMs, ...counted }: Counted & { leftMs: number }): void {
  const { name, token, clock: number } = counted
  const clock = HOLD_CLOCKS[number]
  const hold = holdUnder(context, name, token)
  if (hold === null || clock === undefined || !isCounted(hold, clock)) return
  // Nothing left is the word for none at all; whoever counts it to its end says so with `timeOver`.
  const leastMs = clock === 'delay' ? 0 : 1
  if (leftMs < (hold.terms?.[`${clock}Ms`] ?? 0)) setLeft(context, hold, clock, Math.max(leastMs, leftMs))
}

function setLeft(context: ApplyContext, hold: Hold, clock: HoldClock, leftMs: number): void {
  const { terms } = hold
  if (terms === null) return
  context.state.recount(hold, () => {
    terms[`${clock}Ms`] = leftMs
  })
}

/** Whoever believed in the hold cannot do so any more (rule 12). */
export function letGo(context: ApplyContext, command: LetGo): void {
  const { name, token, session, attach } = command
  const hold = holdUnder(context, name, token)
  if (hold === null || (hold.phase !== 'forced' && hold.phase !== 'ttl')) return
  if (hold.session?.id === session && hold.session.attach === attach) passOn(context, hold, false)
}
