import { type ClientContext, type ClientLives, pause } from '../clients/client.js'
import { PlainClient } from '../clients/plain-client.js'
import { finishWith, PlainWorkload } from './plain-workload.js'

const NAMES = ['marks-1', 'marks-2']
/** A new key every so often, as a job that is started on every host at the same time of day. */
const PERIOD_MS = 1_500
const MAX_WAIT_MS = 2_000
const WORK_MS = [1, 300] as const
const MAX_THINK_MS = 300
/** Of the work, which then leaves no mark. */
const FAILURE_PROBABILITY = 0.15
const BREAK_PROBABILITY = 0.1
const NS_PER_MS = 1e6

export const lives = {
  host: async (context: ClientContext) => {
    const client = new PlainClient(context)
    const { random, names, stopping, journal } = context
    const breakSometimes = (): void => {
      if (random.chance(BREAK_PROBABILITY)) client.breakLink()
    }
    while (!stopping.aborted) {
      const name = random.pick(names)
      const once = `${name}-${Math.floor(journal.now() / NS_PER_MS / PERIOD_MS)}`
      const terms = { waitMs: random.int(MAX_WAIT_MS), once, sent: breakSometimes }
      const [lock] = (await client.take([{ name, amount: 'exclusive' }], terms)) ?? []
      if (lock !== undefined) {
        await pause(context, random.logBetween(...WORK_MS))
        const hasSuccess = !random.chance(FAILURE_PROBABILITY)
        if (hasSuccess) journal.note('run', { once, name, token: lock.token })
        await client.release(lock, breakSometimes, hasSuccess)
      }
      await pause(context, random.float() * MAX_THINK_MS)
    }
    await finishWith(context, client)
  },
} satisfies ClientLives<string>

/** Many hosts start one job; one of them runs it. */
export class MarksWorkload extends PlainWorkload<keyof typeof lives> {
  constructor() {
    super({ name: 'marks', module: import.meta.url, lives, names: NAMES, users: 'host' })
  }
}
