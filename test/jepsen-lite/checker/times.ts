import type { Finding } from '../types.js'
import { exclude } from './amounts.js'
import { eventsOfHold, groupBy, type Hold, numberOf, type ReadHistory, textOf } from './operations.js'

/** Clocks of which none runs more than 1.10 times as fast as another: what one counts as 1 s is 0.9 s and more of another's. */
const SHORTEST_SHARE = 0.9
const NS_PER_MS = 1e6

/**
 * Of `min-hold`, `delay` and `ttl` the cluster counts too much, never too little: nobody whom the hold excludes is granted
 * within `min-hold` of its grant, or within `delay` of an end without a word, and no `ttl` ends before its time.
 */
export function checkTimes({ holds }: ReadHistory): Finding[] {
  const locks = groupBy(holds, ({ acquire, name }) => `${acquire.workload}/${name}`)
  return [...locks.values()].flatMap((lock) => [...early(lock), ...lock.flatMap(earlyTtl)])
}

function early(lock: readonly Hold[]): Finding[] {
  return lock.flatMap((hold) => {
    const until = Math.max(minHoldUntil(hold), delayedUntil(hold))
    const next = lock.find((other) => {
      const isLater = (other.token ?? 0) > (hold.token ?? 0)
      return isLater && other.granted.time < until && exclude(hold.amount, other.amount, 0)
    })
    if (next === undefined) return []
    const ms = ((until - next.granted.time) / NS_PER_MS).toFixed(0)
    const what = `${hold.name}: was granted ${ms} ms before the end of a time that its last holder had asked for`
    return [{ check: 'times', what, events: [...eventsOfHold(hold), ...eventsOfHold(next)] }]
  })
}

const asked = ({ acquire }: Hold, key: string): number =>
  SHORTEST_SHARE * (numberOf(acquire.invoke, key) ?? 0) * NS_PER_MS

/** On the clock of the run: it is granted after it was asked for. */
function minHoldUntil(hold: Hold): number {
  const ns = asked(hold, 'minHold')
  return ns === 0 ? 0 : hold.acquire.invoke.time + ns
}

/** A holder that was killed: its session did not end before its last word. One that released, or said `bye`, leaves nothing. */
function delayedUntil(hold: Hold): number {
  const ns = asked(hold, 'delay')
  const isUnclean = hold.release === null && textOf(hold.endNote, 'why') === 'killed'
  return ns === 0 || !isUnclean ? 0 : hold.believedUntil + ns
}

function earlyTtl(hold: Hold): Finding[] {
  const ns = asked(hold, 'ttl')
  const { endNote, acquire } = hold
  if (ns === 0 || endNote === null || textOf(endNote, 'reason') !== 'ttl') return []
  const ms = (acquire.invoke.time + ns - endNote.time) / NS_PER_MS
  if (ms <= 0) return []
  return [{ check: 'times', what: `${hold.name}: its ttl ended ${ms.toFixed(0)} ms early`, events: eventsOfHold(hold) }]
}
