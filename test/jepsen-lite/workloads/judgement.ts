import { checkLocks } from '../checker/index.js'
import { stuckClients } from '../clients/finishing.js'
import type { Finding, HistoryEvent } from '../types.js'

/** What has to hold of every workload's locks. */
export function judgeLocks(workload: string, history: readonly HistoryEvent[]): Finding[] {
  const own = history.filter((event) => event.workload === workload)
  return [...stuckClients(workload, own), ...earlyLosses(own), ...checkLocks(own)]
}

/** No cluster takes a lock away while the holder's own mirror of the lease says that it stands. */
function earlyLosses(history: readonly HistoryEvent[]): Finding[] {
  return history.flatMap((event) => {
    const { name = '', token, why, left } = event.value
    if (event.f !== 'hold-end' || why !== 'lost' || typeof left !== 'number' || left <= 0) return []
    const what = `${name}: was taken away ${left.toFixed(0)} ms before the end of its lease`
    const events = history.filter((other) => other.process === event.process && other.value.token === token)
    return [{ check: 'kept', what, events }]
  })
}
