import { type ClientContext, type ClientLives, pause } from '../clients/client.js'
import { ClientGroup } from '../clients/client-group.js'
import { FINISHING, FINISHING_WAIT_MS, finish } from '../clients/finishing.js'
import { PlainClient, type PlainLock } from '../clients/plain-client.js'
import type { Finding, HistoryEvent, Workload, WorkloadRun } from '../types.js'
import { judgeLocks } from './judgement.js'

const NAMES = ['fifo-1', 'fifo-2']
const HOLD_MS = [1, 200] as const
const MAX_THINK_MS = 200
const SHORT_WAIT_MS = [50, 2_000] as const
const CANCEL_PROBABILITY = 0.2
const MAX_PATIENCE_MS = 1_000
const BREAK_PROBABILITY = 0.05

/** Long queues, in which some wait for ever, some only for a while, and some give up or lose their connection. */
export class FifoWorkload implements Workload {
  readonly name = 'fifo'
  #group: ClientGroup<keyof typeof lives> | null = null

  start(run: WorkloadRun): void {
    this.#group = new ClientGroup(run, { module: import.meta.url, lives, names: NAMES })
    const half = Math.ceil(run.clients / 2)
    this.#group.addHere('waiter', half)
    this.#group.addApart('waiter', half)
  }

  async stop(): Promise<void> {
    await this.#group?.stop()
  }

  check(history: readonly HistoryEvent[]): Finding[] {
    return judgeLocks(this.name, history)
  }
}

export const lives = {
  waiter: async (context: ClientContext) => {
    const client = new PlainClient(context)
    const { random, names, stopping } = context
    while (!stopping.aborted) {
      const lock = await queue(context, client, random.pick(names))
      if (lock !== null) {
        await pause(context, random.logBetween(...HOLD_MS))
        await client.release(lock)
      }
      await pause(context, random.float() * MAX_THINK_MS)
    }
    await finish(context, async (name) => {
      const lock = await client.acquire({ name, waitMs: FINISHING_WAIT_MS, about: FINISHING })
      if (lock !== null) await client.release(lock)
      return lock !== null
    })
    client.close()
  },
} satisfies ClientLives<string>

async function queue({ random }: ClientContext, client: PlainClient, name: string): Promise<PlainLock | null> {
  const waitMs = random.pick([null, 0, Math.round(random.logBetween(...SHORT_WAIT_MS))])
  let patience: NodeJS.Timeout | undefined
  const sent = (request: number): void => {
    if (random.chance(BREAK_PROBABILITY)) client.breakLink()
    if (random.chance(CANCEL_PROBABILITY)) {
      patience = setTimeout(() => client.cancel(name, request), random.float() * MAX_PATIENCE_MS)
    }
  }
  try {
    return await client.acquire({ name, waitMs, sent })
  } finally {
    clearTimeout(patience)
  }
}
