import type { Finding } from '../types.js'
import { eventsOf, groupBy, type Hold, type ReadHistory } from './operations.js'

type Numbered = Hold & { readonly token: number }

/** Every token is greater than those of all grants that were answered before this one was asked for, of any lock; and no two grants have the same. */
export function checkTokens({ holds }: ReadHistory): Finding[] {
  const numbered = holds.filter((hold): hold is Numbered => hold.token !== null)
  return [...checkUnique(numbered), ...checkOrder(numbered)]
}

function checkUnique(holds: readonly Numbered[]): Finding[] {
  return [...groupBy(holds, ({ token }) => String(token))]
    .filter(([, group]) => group.length > 1)
    .map(([token, group]) => finding(`token ${token} was given to ${group.length} grants`, group))
}

function checkOrder(holds: readonly Numbered[]): Finding[] {
  const byGrant = [...holds].sort((a, b) => a.granted.time - b.granted.time)
  const byInvoke = [...holds].sort((a, b) => a.acquire.invoke.time - b.acquire.invoke.time)
  const findings: Finding[] = []
  let answered = 0
  let greatest: Numbered | undefined
  for (const hold of byInvoke) {
    for (; ; answered++) {
      const earlier = byGrant[answered]
      if (earlier === undefined || earlier.granted.time >= hold.acquire.invoke.time) break
      if (greatest === undefined || earlier.token > greatest.token) greatest = earlier
    }
    if (greatest !== undefined && hold.token < greatest.token) {
      const what = `token ${hold.token} of ${hold.name} was granted after token ${greatest.token} of ${greatest.name}`
      findings.push(finding(what, [greatest, hold]))
    }
  }
  return findings
}

const finding = (what: string, holds: readonly Hold[]): Finding => ({
  check: 'tokens',
  what,
  events: holds.flatMap(({ acquire }) => eventsOf(acquire)),
})
