/** What is in the way, in words for people. */
import type { Link } from '../../locks/views/chain.js'
import type { FreezeReport, HoldReport, PlaceReport } from '../../locks/views/hold-report.js'
import type { Blocker, WaitReport } from '../../locks/views/why.js'
import { deadlockWords, type Sees } from './deadlock-words.js'
import { ageWords, boundWords } from './durations.js'

/** `deploy-7 has waited for db for 12 s: db is held by deploy-6 (token 91) on n2 for 40 s, until …` */
export function waitWords(
  { place, blockers, blockerCount, isHidden, circle }: WaitReport,
  nowMs: number,
  sees: Sees = () => true,
): string {
  const begin = `${place.holder} has waited for ${place.name} for ${ageWords(nowMs - place.sinceWallMs)}`
  const [first] = blockers
  if (first === undefined) {
    return `${begin}: ${isHidden ? 'what is in the way you may not see' : 'nothing is in the way any more'}`
  }
  const more = blockerCount > 1 ? `; and ${blockerCount - 1} more in the way` : ''
  const stuck = circle === null ? '' : `; nobody can go on: ${deadlockWords(circle, sees)}`
  return `${begin}: ${blockerWords(first, nowMs)}${more}${stuck}`
}

export function blockerWords(blocker: Blocker, nowMs: number): string {
  switch (blocker.kind) {
    case 'hold':
      return holdWords(blocker.hold, nowMs)
    case 'place':
      return placeWords(blocker.place, nowMs)
    case 'frozen':
      return freezeWords(blocker.freeze, nowMs)
  }
}

export function freezeWords({ prefix, reason, untilWallMs }: FreezeReport, nowMs: number): string {
  const what = prefix === '' ? 'all names are' : `names that begin with '${prefix}' are`
  const end = untilWallMs === 0 ? 'until an operator thaws them' : `for ${boundWords(untilWallMs - nowMs)} more`
  return `${what} frozen ${end}: ${reason}`
}

/** `alice waits for y, which bob (token 91) on n2 has held for 40 s, until …`; `alice waits for y behind bob` */
export function linkWords({ holder, name, of, hold }: Link, nowMs: number): string {
  if (hold === null) return `${holder} waits for ${name} behind ${of}, who asked before`
  return `${holder} waits: ${holdWords(hold, nowMs)}`
}

function holdWords(hold: HoldReport, nowMs: number): string {
  const { name, token, phase, holder, node, end } = hold
  const within = end.withinMs === null ? '' : boundWords(end.withinMs)
  if (phase === 'tail')
    return `${name} is delayed: its hold with token ${token} is over, and counts for ${within} more at most`
  if (phase !== 'held') {
    const how = phase === 'ttl' ? 'has timed out' : 'was broken by an operator'
    return `${name}: the hold of ${holder} (token ${token}) ${how}, and passes on when its client knows, in ${within} at most`
  }
  const where = node === null ? '' : ` on ${node}`
  const held = `${name} is held${modeWords(hold)} by ${holder} (token ${token})${where} for ${ageWords(nowMs - hold.sinceWallMs)}`
  if (end.by === 'ttl') return `${held}, and for ${within} more at most`
  if (end.by === 'session')
    return `${held}; its client is gone, and unless it comes back this is over in ${within} at most`
  const orGone = hold.leaseMs === 0 ? 'its connection ends' : `its client has been gone for ${boundWords(hold.leaseMs)}`
  return `${held}, until it gives it back or ${orGone}`
}

function placeWords({ name, position, holder, names, sinceWallMs, ...place }: PlaceReport, nowMs: number): string {
  const others = names > 1 ? `, and for ${names - 1} other ${names > 2 ? 'names' : 'name'} too` : ''
  const asked = `${holder} asked for ${name}${modeWords(place)} before, ${ageWords(nowMs - sinceWallMs)} ago`
  return `${asked}, and waits at position ${position}${others}`
}

function modeWords({ mode, permits }: Pick<HoldReport, 'mode' | 'permits'>): string {
  if (mode === 'exclusive') return ''
  return mode === 'shared' ? ' shared' : ` with ${permits} ${permits === 1 ? 'permit' : 'permits'}`
}
