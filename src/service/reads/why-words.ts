/** What is in the way, in words for people. */
import type { HoldReport, PlaceReport } from '../../locks/views/hold-report.js'
import type { Blocker, WaitReport } from '../../locks/views/why.js'
import { formatSeconds } from '../../protocol/values.js'
import { heldForSeconds } from './lock-line.js'

/** `deploy-7 waits for db since 12.5 s: held by deploy-6 (token 91) for 40 s, until its holder gives it back` */
export function waitWords({ place, blockers, blockerCount, circle }: WaitReport, nowMs: number): string {
  const begin = `${place.holder} waits for ${place.name} since ${heldForSeconds(place.sinceWallMs, nowMs)} s`
  const [first] = blockers
  if (first === undefined) return `${begin}: nothing is in the way any more`
  const more = blockerCount > 1 ? `; and ${blockerCount - 1} more` : ''
  const stuck = circle === '' ? '' : `; nobody can go on: ${circle}`
  return `${begin}: ${blockerWords(first, nowMs)}${more}${stuck}`
}

export function blockerWords(blocker: Blocker, nowMs: number): string {
  switch (blocker.kind) {
    case 'hold':
      return holdWords(blocker.hold, nowMs)
    case 'place':
      return placeWords(blocker.place)
    case 'frozen': {
      const { prefix, reason, untilWallMs } = blocker.freeze
      const end = untilWallMs === 0 ? 'until it is thawed' : `for ${heldForSeconds(nowMs, untilWallMs)} s more`
      return `names that begin with '${prefix}' are frozen ${end}: ${reason}`
    }
  }
}

function holdWords(hold: HoldReport, nowMs: number): string {
  const { name, token, phase, end } = hold
  const within = end.withinMs === null ? '' : `${formatSeconds(end.withinMs)} s`
  if (phase === 'tail') return `${name} stays away for ${within} at most after its last hold (token ${token})`
  if (phase !== 'held') {
    const how = phase === 'ttl' ? 'timed out' : 'was broken'
    return `${name}: the hold of ${hold.holder} (token ${token}) ${how}, and passes on ${within} at most after its client was told`
  }
  const held = `${name} is held${modeWords(hold)} by ${hold.holder} (token ${token}) for ${heldForSeconds(hold.sinceWallMs, nowMs)} s`
  if (end.by === 'ttl') return `${held}, for ${within} more at most`
  if (end.by === 'session') return `${held}, whose client is gone: for ${within} more at most, unless it comes back`
  return `${held}, until its holder gives it back or ends`
}

function placeWords({ name, position, holder, names, ...place }: PlaceReport): string {
  const others = names > 1 ? `, and for ${names - 1} other ${names > 2 ? 'names' : 'name'} too` : ''
  return `${holder} asked for ${name}${modeWords(place)} before and waits at position ${position}${others}`
}

function modeWords({ mode, permits }: Pick<HoldReport, 'mode' | 'permits'>): string {
  if (mode === 'exclusive') return ''
  return mode === 'shared' ? ' shared' : ` with ${permits} ${permits === 1 ? 'permit' : 'permits'}`
}
