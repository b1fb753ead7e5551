/** After all faults are healed every client takes and releases each lock once more. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Finding, HistoryEvent } from '../types.js'
import type { ClientContext } from './client.js'
import type { Journal } from './journal.js'

const STUCK = 'stuck'
const FINISH_TIMEOUT_MS = 30_000
const RETRY_MS = 200

/** Marks the acquires of the finishing work. */
export const FINISHING = { finishing: true }
/** Longer than all clients of a workload need, one after the other. */
export const FINISHING_WAIT_MS = 10_000

/** `take`: takes and releases a lock, and says whether it got it. */
export async function finish(context: ClientContext, take: (name: string) => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + FINISH_TIMEOUT_MS
  for (const name of context.names) {
    while (!(await take(name))) {
      if (performance.now() > deadlineMs) return noteStuck(context.journal, `${name} cannot be had`)
      await sleep(RETRY_MS)
    }
  }
}

export function noteStuck(journal: Journal, error: unknown): void {
  journal.note(STUCK, { error: String(error) })
}

/** Clients that did not come to their end, although everything was healed. */
export function stuckClients(workload: string, history: readonly HistoryEvent[]): Finding[] {
  return history
    .filter((event) => event.workload === workload && event.f === STUCK)
    .map((event) => ({ check: 'finish', what: `${workload}: ${event.value.error}`, events: [event] }))
}
