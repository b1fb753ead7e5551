import { type ClientContext, type ClientLives, pause } from '../clients/client.js'
import { PlainClient } from '../clients/plain-client.js'
import { finishWith, PlainWorkload } from './plain-workload.js'
import { drawAsks } from './several.js'

const PREFIX = 'frost-a/'
const NAMES = [`${PREFIX}1`, `${PREFIX}2`, 'frost-b/1']
const MAX_WAIT_MS = 2_500
const HOLD_MS = [1, 300] as const
const MAX_THINK_MS = 150
const BREAK_PROBABILITY = 0.05
const FROZEN_MS = [100, 3_000] as const
const THAWED_MS = [100, 3_000] as const
const RETRY_MS = 300
/** Of the operator, who must not leave anything frozen; as long as all others try to finish. */
const THAW_TRIES = 90

export const lives = {
  user: async (context: ClientContext) => {
    const client = new PlainClient(context)
    const { random, names, stopping } = context
    while (!stopping.aborted) {
      const sent = (): void => {
        if (random.chance(BREAK_PROBABILITY)) client.breakLink()
      }
      const waitMs = random.chance(0.3) ? 0 : random.int(MAX_WAIT_MS)
      const locks = (await client.take(drawAsks(random, names, random.pick([1, 1, 1, 2])), { waitMs, sent })) ?? []
      if (locks.length > 0) await pause(context, random.logBetween(...HOLD_MS))
      for (const lock of locks) await client.release(lock)
      await pause(context, random.float() * MAX_THINK_MS)
    }
    await finishWith(context, client)
  },

  operator: async (context: ClientContext) => {
    const client = new PlainClient(context)
    const { random, stopping } = context
    const thaw = () => client.operate('thaw', { prefix: PREFIX }, '.thaw', { prefix: PREFIX })
    while (!stopping.aborted) {
      await pause(context, random.logBetween(...THAWED_MS))
      await client.operate('freeze', { prefix: PREFIX }, '.freeze', { prefix: PREFIX, reason: 'a test' })
      await pause(context, random.logBetween(...FROZEN_MS))
      await thaw()
    }
    for (let left = THAW_TRIES; left > 0 && (await thaw()) === null; left -= 1) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
    client.close()
  },
} satisfies ClientLives<string>

/** An operator freezes a prefix and thaws it, again and again, while others lock beneath it and beside it. */
export class FreezeWorkload extends PlainWorkload<keyof typeof lives> {
  constructor() {
    super({ name: 'freeze', module: import.meta.url, lives, names: NAMES, users: 'user', operator: 'operator' })
  }
}
