import type { ClientContext, ClientLives } from '../clients/client.js'
import { ClientGroup } from '../clients/client-group.js'
import { FINISHING, FINISHING_WAIT_MS, finish } from '../clients/finishing.js'
import type { PlainClient } from '../clients/plain-client.js'
import type { Finding, HistoryEvent, Workload, WorkloadRun } from '../types.js'
import { judgeClaims } from './judgement.js'

export interface PlainPlan<Life extends string> {
  readonly name: string
  /** URL of the file that exports `lives`. */
  readonly module: string
  readonly lives: ClientLives<Life>
  readonly names: readonly string[]
  /** Half of the clients lead it here, half of them in a process of their own. */
  readonly users: Life
  /** One client beside them, which no fault kills. */
  readonly operator?: Life
}

/** Locks of all kinds, used over plain sessions. */
export class PlainWorkload<Life extends string> implements Workload {
  readonly name: string
  #group: ClientGroup<Life> | null = null

  constructor(private readonly plan: PlainPlan<Life>) {
    this.name = plan.name
  }

  start(run: WorkloadRun): void {
    const { users, operator } = this.plan
    const group = new ClientGroup(run, this.plan)
    const half = Math.ceil(run.clients / 2)
    group.addHere(users, half)
    group.addApart(users, half)
    if (operator !== undefined) group.addHere(operator, 1)
    this.#group = group
  }

  async stop(): Promise<void> {
    await this.#group?.stop()
  }

  check(history: readonly HistoryEvent[]): Finding[] {
    return judgeClaims(this.name, history)
  }
}

/** Takes each name exclusively and gives it back, and goes. */
export async function finishWith(context: ClientContext, client: PlainClient): Promise<void> {
  await finish(context, async (name) => {
    const lock = await client.acquire({ name, waitMs: FINISHING_WAIT_MS, about: FINISHING })
    if (lock !== null) await client.release(lock)
    return lock !== null
  })
  client.close()
}
