import type { ClientContext, ClientLives } from '../clients/client.js'
import { ClientGroup } from '../clients/client-group.js'
import { type Habits, liveClassic, liveWithLibrary } from '../clients/lives.js'
import type { Finding, HistoryEvent, Workload, WorkloadRun } from '../types.js'
import { judgeLocks } from './judgement.js'

const MAX_THINK_MS = 300

const habits: Habits = {
  waitMs: ({ random, leaseMs }) => random.int(3 * leaseMs),
  holdMs: ({ random, leaseMs }) => random.logBetween(0.3, 5) * leaseMs,
  thinkMs: ({ random }) => random.float() * MAX_THINK_MS,
}

/** Locks are held for several leases, so that faults meet holders: who is cut off must not be told that he still holds. */
export class LongHoldWorkload implements Workload {
  readonly name = 'long-hold'
  #group: ClientGroup<keyof typeof lives> | null = null

  start(run: WorkloadRun): void {
    const half = Math.ceil(run.clients / 2)
    // As many as there are clients of one kind: there is a holder of each kind, and a queue behind it.
    const names = Array.from({ length: half }, (_, number) => `long-${number + 1}`)
    this.#group = new ClientGroup(run, { module: import.meta.url, lives, names })
    this.#group.addHere('session', half)
    this.#group.addHere('classic', half)
  }

  async stop(): Promise<void> {
    await this.#group?.stop()
  }

  check(history: readonly HistoryEvent[]): Finding[] {
    return judgeLocks(this.name, history)
  }
}

export const lives = {
  session: (context: ClientContext) => liveWithLibrary(context, habits),
  classic: (context: ClientContext) => liveClassic(context, habits),
} satisfies ClientLives<string>
