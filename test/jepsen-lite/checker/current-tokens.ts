import type { Finding } from '../types.js'
import { eventsOf, eventsOfHold, type Hold, type Operation, type ReadHistory, textOf } from './operations.js'

/**
 * `check` tells whether a token is current, at some moment after the question: `valid` only if it can have been, `stale` only
 * if it can not have been. What it answers about a token is linearizable, whichever node is asked.
 */
export function checkCurrentTokens({ operations, holds }: ReadHistory): Finding[] {
  const byToken = new Map(holds.map((hold) => [hold.token, hold]))
  const forced = operations.filter(({ f, outcome }) => f === 'force' && outcome !== 'fail')
  return operations.flatMap((check) => {
    const { f, invoke, completion, outcome } = check
    const hold = byToken.get(invoke.value.token ?? -1)
    if (f !== 'check' || outcome !== 'ok' || completion === null || hold === undefined) return []
    const force = forced.find((one) => one.invoke.value.token === hold.token)
    const isValid = completion.value.valid === true
    const wrong = isValid
      ? endedBefore(hold, force, invoke.time)
      : heldAllAlong(hold, force, invoke.time, completion.time)
    const isUntold = !isValid && invoke.value.own === true && toldLater(hold, completion.time)
    if (!wrong && !isUntold) return []
    const said = isValid ? 'valid after its end' : wrong ? 'stale while it was held' : 'stale before `lost`'
    const what = `${hold.name}: token ${hold.token} was said to be ${said}`
    return [
      {
        check: 'current-tokens',
        what,
        events: [...eventsOfHold(hold), ...(force === undefined ? [] : eventsOf(force)), ...eventsOf(check)],
      },
    ]
  })
}

/** Its release, or the operator's word, was answered before somebody asked. */
function endedBefore({ release }: Hold, force: Operation | undefined, time: number): boolean {
  return [release, force].some((end) => end?.outcome === 'ok' && end.completion !== null && end.completion.time < time)
}

function heldAllAlong(
  { granted, believedUntil }: Hold,
  force: Operation | undefined,
  from: number,
  to: number,
): boolean {
  return granted.time < from && believedUntil > to && (force === undefined || force.invoke.time > to)
}

/** On the holder's own connection `lost` comes before any other word that knows of it. */
function toldLater({ release, endNote }: Hold, time: number): boolean {
  return release === null && textOf(endNote, 'why') === 'lost' && (endNote?.time ?? 0) > time
}
