import type { Finding } from '../types.js'
import { eventsOfHold, groupBy, type Hold, lockKey, type ReadHistory } from './operations.js'

/** No two clients rightly believe at the same time that they hold the same lock. */
export function checkOverlap({ holds }: ReadHistory): Finding[] {
  const believed = holds.filter(({ granted, believedUntil }) => believedUntil > granted.time)
  const locks = groupBy(believed, ({ granted }) => lockKey(granted))
  return [...locks.values()].flatMap(overlapsOfLock)
}

function overlapsOfLock(holds: readonly Hold[]): Finding[] {
  const findings: Finding[] = []
  let longest: Hold | undefined
  for (const hold of [...holds].sort((a, b) => a.granted.time - b.granted.time)) {
    if (longest !== undefined && hold.granted.time < longest.believedUntil) {
      const until = Math.min(longest.believedUntil, hold.believedUntil)
      findings.push({
        check: 'overlap',
        what: `${hold.name}: two clients believed for ${milliseconds(until - hold.granted.time)} to hold it`,
        events: [...eventsOfHold(longest), ...eventsOfHold(hold)],
      })
    }
    if (longest === undefined || hold.believedUntil > longest.believedUntil) longest = hold
  }
  return findings
}

const milliseconds = (nanoseconds: number): string => `${(nanoseconds / 1e6).toFixed(1)} ms`
