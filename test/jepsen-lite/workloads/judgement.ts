import { checkClaims, checkLocks } from '../checker/index.js'
import { numberOf, readHistory } from '../checker/operations.js'
import { stuckClients } from '../clients/finishing.js'
import type { Finding, HistoryEvent } from '../types.js'

/** What has to hold of every workload whose locks are exclusive, and asked for one by one. */
export function judgeLocks(workload: string, history: readonly HistoryEvent[]): Finding[] {
  const own = history.filter((event) => event.workload === workload)
  return [...stuckClients(workload, own), ...earlyLosses(own), ...checkLocks(own)]
}

/** The same of one with locks of all kinds. */
export function judgeClaims(workload: string, history: readonly HistoryEvent[]): Finding[] {
  const own = history.filter((event) => event.workload === workload)
  return [...stuckClients(workload, own), ...earlyLosses(own), ...checkClaims(own)]
}

/** No cluster takes a lock away while the holder's own mirror of the lease says that it stands, but for what was asked for. */
function earlyLosses(history: readonly HistoryEvent[]): Finding[] {
  const { operations, holds } = readHistory(history)
  const mayEnd = new Set([
    ...operations.flatMap(({ f, invoke }) => (f === 'force' ? [invoke.value.token] : [])),
    ...holds.flatMap(({ acquire, token }) => (numberOf(acquire.invoke, 'ttl') === null ? [] : [token])),
  ])
  return history.flatMap((event) => {
    const { name = '', token, why, left } = event.value
    if (event.f !== 'hold-end' || why !== 'lost' || typeof left !== 'number' || left <= 0 || mayEnd.has(token))
      return []
    const what = `${name}: was taken away ${left.toFixed(0)} ms before the end of its lease`
    const events = history.filter((other) => other.process === event.process && other.value.token === token)
    return [{ check: 'kept', what, events }]
  })
}
