import { type ClientContext, type ClientLives, pause } from '../clients/client.js'
import { FINISHING, FINISHING_WAIT_MS, finish } from '../clients/finishing.js'
import { PlainClient } from '../clients/plain-client.js'
import { PlainWorkload } from './plain-workload.js'

const NAMES = ['semaphore-1', 'semaphore-2']
/** What all ask with; an operator sets others. */
const LIMIT = 3
const LIMITS_SET = [2, 3, 4, 5]
const MAX_WAIT_MS = 2_000
const HOLD_MS = [1, 500] as const
const MAX_THINK_MS = 150
const BREAK_PROBABILITY = 0.05
const RESIZE_MS = [300, 4_000] as const

export const lives = {
  user: async (context: ClientContext) => {
    const client = new PlainClient(context)
    const { random, names, stopping } = context
    while (!stopping.aborted) {
      const amount = { permits: random.pick([1, 1, 2, LIMIT]), limit: LIMIT }
      const sent = (): void => {
        if (random.chance(BREAK_PROBABILITY)) client.breakLink()
      }
      const waitMs = random.chance(0.3) ? 0 : random.int(MAX_WAIT_MS)
      const [lock] = (await client.take([{ name: random.pick(names), amount }], { waitMs, sent })) ?? []
      if (lock !== undefined) {
        await pause(context, random.logBetween(...HOLD_MS))
        await client.release(lock)
      }
      await pause(context, random.float() * MAX_THINK_MS)
    }
    await finish(context, async (name) => {
      const ask = { name, amount: { permits: 1, limit: LIMIT } }
      const [lock] = (await client.take([ask], { waitMs: FINISHING_WAIT_MS, about: FINISHING })) ?? []
      if (lock !== undefined) await client.release(lock)
      return lock !== undefined
    })
    client.close()
  },

  /** Sets limits, smaller ones than what is held too. */
  operator: async (context: ClientContext) => {
    const client = new PlainClient(context)
    const { random, names, stopping } = context
    while (!stopping.aborted) {
      await pause(context, random.logBetween(...RESIZE_MS))
      const [name, limit] = [random.pick(names), random.pick(LIMITS_SET)]
      await client.operate('resize', { name, limit }, '.resize', { name, limit })
    }
    client.close()
  },
} satisfies ClientLives<string>

/** So many at once as there are permits, while the limit changes. */
export class SemaphoreWorkload extends PlainWorkload<keyof typeof lives> {
  constructor() {
    super({ name: 'semaphore', module: import.meta.url, lives, names: NAMES, users: 'user', operator: 'operator' })
  }
}
