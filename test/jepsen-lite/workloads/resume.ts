import { type ClientContext, type ClientLives, pause } from '../clients/client.js'
import { ClientGroup } from '../clients/client-group.js'
import { FINISHING, FINISHING_WAIT_MS, finish } from '../clients/finishing.js'
import { LibraryClient } from '../clients/library-client.js'
import type { Finding, HistoryEvent, Workload, WorkloadRun } from '../types.js'
import { judgeLocks } from './judgement.js'

const NAMES = ['resume-1', 'resume-2', 'resume-3']
/** Long enough to be resumed at several nodes. */
const MAX_HOLD_LEASES = 1.5
const MAX_WAIT_LEASES = 3
const MAX_THINK_MS = 500
/** Between two breaks of a client's connection. */
const BREAK_INTERVAL_MS = [20, 2_000] as const

/** Connections break all the time, while their clients hold and wait: the sessions go on elsewhere, with all that they have. */
export class ResumeWorkload implements Workload {
  readonly name = 'resume'
  #group: ClientGroup<keyof typeof lives> | null = null

  start(run: WorkloadRun): void {
    this.#group = new ClientGroup(run, { module: import.meta.url, lives, names: NAMES })
    const half = Math.ceil(run.clients / 2)
    this.#group.addHere('nomad', half)
    this.#group.addApart('nomad', half)
  }

  async stop(): Promise<void> {
    await this.#group?.stop()
  }

  check(history: readonly HistoryEvent[]): Finding[] {
    return judgeLocks(this.name, history)
  }
}

export const lives = {
  nomad: async (context: ClientContext) => {
    const client = await LibraryClient.connect(context)
    if (client === null) return
    const { random, names, stopping, leaseMs } = context
    const breaking = keepBreaking(context, client)
    const take = async (name: string, waitMs: number, holdMs: number, about = {}): Promise<boolean> => {
      const taken = await client.acquire(name, waitMs, about)
      if (taken === null) return false
      await pause(context, holdMs)
      await client.release(taken)
      return true
    }
    while (!stopping.aborted) {
      const waitMs = random.int(MAX_WAIT_LEASES * leaseMs)
      await take(random.pick(names), waitMs, random.float() * MAX_HOLD_LEASES * leaseMs)
      await pause(context, random.float() * MAX_THINK_MS)
    }
    await breaking
    await finish(context, (name) => take(name, FINISHING_WAIT_MS, 0, FINISHING))
    await client.close()
  },
} satisfies ClientLives<string>

async function keepBreaking(context: ClientContext, client: LibraryClient): Promise<void> {
  while (!context.stopping.aborted) {
    await pause(context, context.random.logBetween(...BREAK_INTERVAL_MS))
    await client.breakLink()
  }
}
