import { type ClientContext, type ClientLives, pause } from '../clients/client.js'
import { PlainClient } from '../clients/plain-client.js'
import { finishWith, PlainWorkload } from './plain-workload.js'

const NAMES = ['times-1', 'times-2', 'times-3']
const SHARED_PROBABILITY = 0.3
const MAX_WAIT_MS = 3_000
const HOLD_MS = [1, 4_000] as const
const MAX_THINK_MS = 200
const BREAK_PROBABILITY = 0.05
/** Each of the three, so that they meet in one hold too. */
const TERM_PROBABILITY = 0.3
const DELAY_MS = [200, 2_000] as const
const MIN_HOLD_MS = [100, 2_000] as const
const TTL_MS = [300, 3_000] as const

export const lives = {
  user: async (context: ClientContext) => {
    const client = new PlainClient(context)
    const { random, names, stopping } = context
    const drawTime = (bounds: readonly [number, number]): number => Math.round(random.logBetween(...bounds))
    while (!stopping.aborted) {
      const terms = {
        waitMs: random.int(MAX_WAIT_MS),
        sent: () => void (random.chance(BREAK_PROBABILITY) && client.breakLink()),
        ...(random.chance(TERM_PROBABILITY) ? { delayMs: drawTime(DELAY_MS) } : {}),
        ...(random.chance(TERM_PROBABILITY) ? { minHoldMs: drawTime(MIN_HOLD_MS) } : {}),
        ...(random.chance(TERM_PROBABILITY) ? { ttlMs: drawTime(TTL_MS) } : {}),
      }
      const amount = random.chance(SHARED_PROBABILITY) ? 'shared' : 'exclusive'
      const [lock] = (await client.take([{ name: random.pick(names), amount }], terms)) ?? []
      if (lock !== undefined) {
        const endMs = performance.now() + random.logBetween(...HOLD_MS)
        while (client.believes(lock.token) && performance.now() < endMs) await pause(context, 20)
        await client.release(lock)
      }
      await pause(context, random.float() * MAX_THINK_MS)
    }
    await finishWith(context, client)
  },
} satisfies ClientLives<string>

/** Holds that leave something behind, and such as end by themselves. */
export class TimesWorkload extends PlainWorkload<keyof typeof lives> {
  constructor() {
    super({ name: 'times', module: import.meta.url, lives, names: NAMES, users: 'user' })
  }
}
