import { type ClientContext, type ClientLives, pause } from '../clients/client.js'
import { ClientGroup } from '../clients/client-group.js'
import { type Habits, liveWithLibrary } from '../clients/lives.js'
import type { Finding, HistoryEvent, Workload, WorkloadRun } from '../types.js'
import { judgeLocks } from './judgement.js'

const NAMES = ['resume-1', 'resume-2', 'resume-3']
const MAX_THINK_MS = 500
/** Between two breaks of a client's connection. */
const BREAK_INTERVAL_MS = [20, 2_000] as const

/** Long enough to be resumed at several nodes, while holding and while waiting. */
const habits: Habits = {
  waitMs: ({ random, leaseMs }) => random.int(3 * leaseMs),
  holdMs: ({ random, leaseMs }) => random.float() * 1.5 * leaseMs,
  thinkMs: ({ random }) => random.float() * MAX_THINK_MS,
}

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
  nomad: (context: ClientContext) =>
    liveWithLibrary(context, habits, async (client) => {
      while (!context.stopping.aborted) {
        await pause(context, context.random.logBetween(...BREAK_INTERVAL_MS))
        await client.breakLink()
      }
    }),
} satisfies ClientLives<string>
