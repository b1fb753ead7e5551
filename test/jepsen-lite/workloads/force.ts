import { type ClientContext, type ClientLives, pause } from '../clients/client.js'
import { PlainClient, type PlainLock } from '../clients/plain-client.js'
import { finishWith, PlainWorkload } from './plain-workload.js'
import { drawAsks } from './several.js'
import { check } from './shared.js'

const NAMES = ['force-1', 'force-2', 'force-3']
const MAX_WAIT_MS = 3_000
const HOLD_LEASES = [0.1, 2] as const
const CHECK_MS = [20, 500] as const
const MAX_THINK_MS = 150
const BREAK_PROBABILITY = 0.05
const FORCE_MS = [200, 2_000] as const
/** Two may hold then, and the operator has said so. */
const NOW_PROBABILITY = 0.2
/** Of a token that is not held any more. */
const OLD_PROBABILITY = 0.1

/** What the clients of this process hold; the operator knows no others. */
const held = new Map<number, string>()
let lastReleased: PlainLock | null = null

export const lives = {
  /** Holds one or two for long, and looks now and then whether they are still its own. */
  holder: async (context: ClientContext) => {
    const client = new PlainClient(context)
    const { random, names, stopping, leaseMs } = context
    const sent = (): void => {
      if (random.chance(BREAK_PROBABILITY)) client.breakLink()
    }
    while (!stopping.aborted) {
      const asks = drawAsks(random, names, random.pick([1, 1, 2]))
      const locks = (await client.take(asks, { waitMs: random.int(MAX_WAIT_MS), sent })) ?? []
      for (const { name, token } of locks) held.set(token, name)
      const endMs = performance.now() + random.logBetween(...HOLD_LEASES) * leaseMs
      while (locks.some(({ token }) => client.believes(token)) && performance.now() < endMs && !stopping.aborted) {
        await pause(context, random.logBetween(...CHECK_MS))
        await check(client, random.pick(locks), true)
      }
      for (const lock of locks) {
        held.delete(lock.token)
        // Who has lost it may say that it is done, which lets the next one in at once, or be silent until its lease is over.
        if (client.believes(lock.token) || random.chance(0.5)) await client.release(lock, sent)
        lastReleased = lock
      }
      await pause(context, random.float() * MAX_THINK_MS)
    }
    await finishWith(context, client)
  },

  operator: async (context: ClientContext) => {
    const client = new PlainClient(context)
    const { random, stopping } = context
    while (!stopping.aborted) {
      await pause(context, random.logBetween(...FORCE_MS))
      const tokens = [...held].map(([token, name]) => ({ name, token }))
      const lock = random.chance(OLD_PROBABILITY) ? lastReleased : tokens.length > 0 ? random.pick(tokens) : null
      if (lock === null) continue
      const { name, token } = lock
      const now = random.chance(NOW_PROBABILITY)
      const fields = { name, token, reason: 'a test', now: now ? 'yes' : undefined }
      await client.operate('force', { name, token, now }, '.force-release', fields)
    }
    client.close()
  },
} satisfies ClientLives<string>

/** An operator breaks holds, while their holders look whether they still have them. */
export class ForceWorkload extends PlainWorkload<keyof typeof lives> {
  constructor() {
    super({ name: 'force', module: import.meta.url, lives, names: NAMES, users: 'holder', operator: 'operator' })
  }
}
