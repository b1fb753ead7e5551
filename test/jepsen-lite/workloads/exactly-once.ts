import { type ClientContext, type ClientLives, pause } from '../clients/client.js'
import { ClientGroup } from '../clients/client-group.js'
import { FINISHING, FINISHING_WAIT_MS, finish } from '../clients/finishing.js'
import { PlainClient } from '../clients/plain-client.js'
import type { PlainSession } from '../clients/plain-session.js'
import type { Finding, HistoryEvent, Workload, WorkloadRun } from '../types.js'
import { judgeLocks } from './judgement.js'

const NAMES = ['once-1', 'once-2', 'once-3']
const MAX_WAIT_MS = 1_000
const MAX_HOLD_MS = 50
const MAX_THINK_MS = 200
/** Of a connection, while a request or its answer is under way. */
const BREAK_PROBABILITY = 0.2
const MAX_ANSWER_MS = 15
const REPEAT_PROBABILITY = 0.5
/** So many answered requests are kept for repetition before they are acknowledged. */
const MAX_KEPT = 20

interface Answered {
  readonly session: PlainSession
  readonly request: number
  readonly name: string
}

/** Clients lose answers and ask again, on other connections and at other nodes: nothing may happen twice. */
export class ExactlyOnceWorkload implements Workload {
  readonly name = 'exactly-once'
  #group: ClientGroup<keyof typeof lives> | null = null

  start(run: WorkloadRun): void {
    this.#group = new ClientGroup(run, { module: import.meta.url, lives, names: NAMES })
    const half = Math.ceil(run.clients / 2)
    this.#group.addHere('repeater', half)
    this.#group.addApart('repeater', half)
  }

  async stop(): Promise<void> {
    await this.#group?.stop()
  }

  check(history: readonly HistoryEvent[]): Finding[] {
    return judgeLocks(this.name, history)
  }
}

export const lives = {
  repeater: async (context: ClientContext) => {
    const repeater = new Repeater(context)
    const { random, names, stopping } = context
    while (!stopping.aborted) {
      await repeater.turn(random.pick(names), random.chance(0.5) ? 0 : random.int(MAX_WAIT_MS))
      await pause(context, random.float() * MAX_THINK_MS)
    }
    await finish(context, (name) => repeater.turn(name, FINISHING_WAIT_MS, FINISHING))
    repeater.close()
  },
} satisfies ClientLives<string>

class Repeater {
  readonly #client: PlainClient
  #answered: Answered[] = []

  constructor(private readonly context: ClientContext) {
    this.#client = new PlainClient(context)
  }

  /** Takes and releases a lock, and asks some of the past again in between. */
  async turn(name: string, waitMs: number, about = {}): Promise<boolean> {
    const { random } = this.context
    const session = await this.#client.session()
    if (session === null) return false
    const breakSometimes = (request: number): void => {
      if (random.chance(BREAK_PROBABILITY)) setTimeout(() => this.#client.breakLink(), random.float() * MAX_ANSWER_MS)
      this.#answered.push({ session, request, name })
    }
    const lock = await this.#client.acquire({ name, waitMs, about, sent: breakSometimes })
    await this.#repeatSome()
    if (lock !== null) {
      await pause(this.context, random.float() * MAX_HOLD_MS)
      await this.#client.release(lock, breakSometimes)
      await this.#repeatSome()
    }
    return lock !== null
  }

  close(): void {
    this.#client.close()
  }

  async #repeatSome(): Promise<void> {
    const { random } = this.context
    const session = await this.#client.session()
    this.#answered = this.#answered.filter((answered) => answered.session === session)
    const last = this.#answered.at(-1)
    if (session === null || last === undefined) return
    if (this.#answered.length > MAX_KEPT) {
      session.acknowledge(last.request)
      this.#answered = []
    } else if (random.chance(REPEAT_PROBABILITY)) {
      if (random.chance(BREAK_PROBABILITY)) this.#client.breakLink()
      const { request, name } = random.pick(this.#answered)
      await this.#client.repeat(request, [{ name, amount: 'exclusive' }])
    }
  }
}
