import type { Finding } from '../types.js'
import { exclude, permitsOf } from './amounts.js'
import { eventsOf, eventsOfHold, groupBy, type Hold, type Operation, type ReadHistory, textOf } from './operations.js'
import { SemaphoreLimits } from './semaphore-limits.js'

/**
 * Nobody rightly believes to hold beside somebody whom that excludes: an exclusive holder beside anybody, shared ones beside
 * exclusive ones, permits beyond the limit.
 *
 * What was granted to all who believe at one moment, was granted at the latest when the last of them (by token) was; so the
 * limit at that grant is what counts, and a shrink that came later excuses nobody and accuses nobody. Example: of a semaphore
 * with 3 permits A and B have 2, it shrinks to 1, nothing is wrong; but if B's token is of after the shrink, it is.
 */
export function checkBeliefs({ holds, operations }: ReadHistory): Finding[] {
  const limits = new SemaphoreLimits(operations)
  const broken = brokenAtOnce(operations)
  const believed = holds
    .map((hold) => ({ ...hold, believedUntil: Math.min(hold.believedUntil, broken.get(hold.token ?? -1) ?? Infinity) }))
    .filter(({ granted, believedUntil }) => believedUntil > granted.time)
  const locks = groupBy(believed, ({ acquire, name }) => `${acquire.workload}/${name}`)
  return [...locks.values()].flatMap((lock) => findingsOf(lock, limits, operations))
}

/** When holds were broken by an operator who said that their holders need not be waited for. */
function brokenAtOnce(operations: readonly Operation[]): ReadonlyMap<number, number> {
  const forced = operations.filter(
    ({ f, invoke, outcome }) => f === 'force' && outcome !== 'fail' && invoke.value.now === true,
  )
  return new Map(forced.map(({ invoke }) => [invoke.value.token ?? -1, invoke.time]))
}

function findingsOf(lock: readonly Hold[], limits: SemaphoreLimits, operations: readonly Operation[]): Finding[] {
  const findings: Finding[] = []
  let open: Hold[] = []
  for (const hold of [...lock].sort((a, b) => a.granted.time - b.granted.time)) {
    open = open.filter(({ believedUntil }) => believedUntil > hold.granted.time)
    open.push(hold)
    const inOrder = [...open].sort((a, b) => (a.token ?? 0) - (b.token ?? 0))
    for (let last = inOrder.indexOf(hold); last < inOrder.length; last += 1) {
      const wrong = tooMany(inOrder.slice(0, last + 1), limits)
      if (wrong === null) continue
      findings.push(finding(wrong, operations))
      // One finding a hold: those that follow would say the same.
      open.pop()
      break
    }
  }
  return findings
}

/** Those that must not believe together, in the order of their grants; null if all may. */
function tooMany(together: readonly Hold[], limits: SemaphoreLimits): readonly Hold[] | null {
  const last = together.at(-1)
  if (last === undefined) return null
  const { acquire, granted, name, amount } = last
  const asked = typeof amount === 'string' ? 0 : amount.limit
  const limit = limits.largest(acquire.workload, name, asked, acquire.invoke.time, granted.time)
  const pair = together.find((other) => other !== last && exclude(other.amount, amount, limit))
  if (pair !== undefined) return [pair, last]
  const permits = together.reduce((sum, hold) => sum + permitsOf(hold.amount), 0)
  return permits > 0 && permits > limit ? together : null
}

function finding(holds: readonly Hold[], operations: readonly Operation[]): Finding {
  const [first] = holds
  const last = holds.at(-1)
  const until = Math.min(...holds.map(({ believedUntil }) => believedUntil))
  const ms = ((until - Math.max(...holds.map(({ granted }) => granted.time))) / 1e6).toFixed(1)
  const resizes = operations.filter(
    ({ f, workload, name }) => f === 'resize' && workload === first?.acquire.workload && name === first.name,
  )
  const describe = ({ amount }: Hold): string =>
    typeof amount === 'string' ? amount : `${amount.permits} of ${amount.limit}`
  return {
    check: 'beliefs',
    what: `${first?.name}: ${holds.length} clients (${holds.map(describe).join(', ')}) believed for ${ms} ms to hold it, until ${textOf(last?.endNote ?? null, 'why') ?? 'the end'}`,
    events: [...holds.flatMap(eventsOfHold), ...resizes.flatMap(eventsOf)],
  }
}
