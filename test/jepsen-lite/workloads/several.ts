import type { Ask } from '../checker/amounts.js'
import { type ClientContext, type ClientLives, pause } from '../clients/client.js'
import { PlainClient, type PlainLock } from '../clients/plain-client.js'
import type { Random } from '../types.js'
import { finishWith, PlainWorkload } from './plain-workload.js'

const NAMES = ['several-1', 'several-2', 'several-3', 'several-4']
const SHARED_PROBABILITY = 0.3
const MAX_WAIT_MS = 2_000
const HOLD_MS = [1, 300] as const
const MAX_THINK_MS = 200
const BREAK_PROBABILITY = 0.1
/** Who has some asks for one more: two that do so crosswise would wait for each other, and one is refused. */
const NESTED_PROBABILITY = 0.15
const NESTED_WAIT_MS = 1_500

export const lives = {
  user: async (context: ClientContext) => {
    const client = new PlainClient(context)
    const { random, stopping } = context
    while (!stopping.aborted) {
      const sent = (): void => {
        if (random.chance(BREAK_PROBABILITY)) client.breakLink()
      }
      const waitMs = random.chance(0.2) ? 0 : random.int(MAX_WAIT_MS)
      const locks = [
        ...((await client.take(drawAsks(random, NAMES, random.pick([1, 2, 2, 3])), { waitMs, sent })) ?? []),
      ]
      if (locks.length > 0) {
        await pause(context, random.logBetween(...HOLD_MS))
        if (random.chance(NESTED_PROBABILITY)) locks.push(...(await oneMore(client, random, locks)))
        for (const lock of random.shuffled(locks)) await client.release(lock)
      }
      await pause(context, random.float() * MAX_THINK_MS)
    }
    await finishWith(context, client)
  },
} satisfies ClientLives<string>

async function oneMore(
  client: PlainClient,
  random: Random,
  locks: readonly PlainLock[],
): Promise<readonly PlainLock[]> {
  const others = NAMES.filter((name) => !locks.some((lock) => lock.name === name))
  return (await client.take(drawAsks(random, others, 1), { waitMs: NESTED_WAIT_MS })) ?? []
}

/** So many names, each in a mode of its own. */
export function drawAsks(random: Random, names: readonly string[], count: number): Ask[] {
  return random
    .shuffled(names)
    .slice(0, count)
    .map((name) => ({ name, amount: random.chance(SHARED_PROBABILITY) ? 'shared' : 'exclusive' }))
}

/** All or nothing, some of it shared; and crosswise. */
export class SeveralWorkload extends PlainWorkload<keyof typeof lives> {
  constructor() {
    super({ name: 'several', module: import.meta.url, lives, names: NAMES, users: 'user' })
  }
}
