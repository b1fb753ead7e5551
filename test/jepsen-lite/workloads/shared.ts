import { type ClientContext, type ClientLives, pause } from '../clients/client.js'
import { PlainClient } from '../clients/plain-client.js'
import { finishWith, PlainWorkload } from './plain-workload.js'

const NAMES = ['shared-1', 'shared-2']
const SHARED_PROBABILITY = 0.7
const MAX_WAIT_MS = 2_000
const HOLD_MS = [1, 400] as const
const MAX_THINK_MS = 150
const BREAK_PROBABILITY = 0.05
const CHECK_PROBABILITY = 0.3

export const lives = {
  /** Mostly reads beside others, now and then wants to be alone, and asks whether its token is current. */
  user: async (context: ClientContext) => {
    const client = new PlainClient(context)
    const { random, names, stopping } = context
    const breakSometimes = (): void => {
      if (random.chance(BREAK_PROBABILITY)) client.breakLink()
    }
    let last: { readonly name: string; readonly token: number } | null = null
    while (!stopping.aborted) {
      const amount = random.chance(SHARED_PROBABILITY) ? 'shared' : 'exclusive'
      const waitMs = random.chance(0.3) ? 0 : random.int(MAX_WAIT_MS)
      const [lock] = (await client.take([{ name: random.pick(names), amount }], { waitMs, sent: breakSometimes })) ?? []
      if (lock !== undefined) {
        if (random.chance(CHECK_PROBABILITY)) await check(client, lock, true)
        await pause(context, random.logBetween(...HOLD_MS))
        await client.release(lock, breakSometimes)
        last = lock
      }
      if (last !== null && random.chance(CHECK_PROBABILITY)) await check(client, last, false)
      await pause(context, random.float() * MAX_THINK_MS)
    }
    await finishWith(context, client)
  },
} satisfies ClientLives<string>

/** Whether the token is current; `own`: as far as its client knows, it is. */
export async function check(
  client: PlainClient,
  { name, token }: { name: string; token: number },
  own: boolean,
): Promise<void> {
  await client.operate('check', { name, token, own: own && client.believes(token) }, 'check', { name, token })
}

/** Some read at the same time, others want to be alone. */
export class SharedWorkload extends PlainWorkload<keyof typeof lives> {
  constructor() {
    super({ name: 'shared', module: import.meta.url, lives, names: NAMES, users: 'user' })
  }
}
