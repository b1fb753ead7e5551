import { setTimeout as sleep } from 'node:timers/promises'
import { askStatus } from '../../src/cli/admin/status.js'
import type { StatusReport } from '../../src/service/status.js'
import type { History } from './history.js'

const INTERVAL_MS = 250
const ASK_TIMEOUT_MS = 1_000

/** What the node says of itself, or null if it does not. */
export async function statusOf(endpoint: string): Promise<StatusReport | null> {
  const state = await askStatus(endpoint, undefined, ASK_TIMEOUT_MS)
  return 'report' in state ? state.report : null
}

/** Asks every node again and again, and notes each new leader. */
export class Observer {
  readonly #loops: Promise<void>[]
  #stopped = false
  #lastLeader = ''

  /** `endpoints`: of the nodes themselves, past all links. */
  constructor(
    endpoints: readonly string[],
    private readonly history: History,
  ) {
    this.#loops = endpoints.map((endpoint) => this.#watch(endpoint))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#loops)
  }

  async #watch(endpoint: string): Promise<void> {
    while (!this.#stopped) {
      const report = await statusOf(endpoint)
      if (report?.role === 'leader') this.#leads(report)
      await sleep(INTERVAL_MS)
    }
  }

  #leads({ node, term }: StatusReport): void {
    const leader = `${node} in term ${term}`
    if (leader === this.#lastLeader) return
    this.#lastLeader = leader
    this.history.observe('leader', { node, term })
  }
}
