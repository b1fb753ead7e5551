import { type ClientContext, type ClientLives, pause } from '../clients/client.js'
import { ClientGroup } from '../clients/client-group.js'
import { CommandClient } from '../clients/command-client.js'
import { FINISHING, FINISHING_WAIT_MS, finish } from '../clients/finishing.js'
import { type Habits, liveClassic, liveWithLibrary } from '../clients/lives.js'
import { originalClient } from '../clients/original-client.js'
import type { Finding, HistoryEvent, Workload, WorkloadRun } from '../types.js'
import { judgeLocks } from './judgement.js'

const NAMES = ['mutex-1', 'mutex-2', 'mutex-3']
const MAX_WAIT_MS = 3_000
const MAX_THINK_MS = 400
const MAX_COMMAND_THINK_MS = 2_000
const HOLD_MS = [1, 500] as const

const habits: Habits = {
  waitMs: ({ random }) => (random.chance(0.3) ? 0 : random.int(MAX_WAIT_MS)),
  holdMs: ({ random }) => random.logBetween(...HOLD_MS),
  thinkMs: ({ random }) => random.float() * MAX_THINK_MS,
}

/** Few locks, many clients of every kind: each takes a lock, holds it for a moment, and releases it. */
export class MutexWorkload implements Workload {
  readonly name = 'mutex'
  #group: ClientGroup<keyof typeof lives> | null = null

  start(run: WorkloadRun): void {
    const group = new ClientGroup(run, { module: import.meta.url, lives, names: NAMES })
    const quarter = Math.ceil(run.clients / 4)
    group.addHere('session', quarter)
    group.addHere('classic', quarter)
    group.addApart('session', quarter)
    group.addApart('classic', quarter)
    group.add((context) => runCommands(run, context))
    const original = originalClient(run, NAMES)
    if (original !== null) group.addProcess(original)
    this.#group = group
  }

  async stop(): Promise<void> {
    await this.#group?.stop()
  }

  check(history: readonly HistoryEvent[]): Finding[] {
    return judgeLocks(this.name, history)
  }
}

export const lives = {
  session: (context: ClientContext) => liveWithLibrary(context, habits),
  classic: (context: ClientContext) => liveClassic(context, habits),
} satisfies ClientLives<string>

/** Slow and dear: one at a time. */
async function runCommands(run: WorkloadRun, context: ClientContext): Promise<void> {
  const client = new CommandClient(run, context)
  const { random, names, stopping } = context
  while (!stopping.aborted) {
    await client.runOnce(random.pick(names), habits.waitMs(context), habits.holdMs(context))
    await pause(context, random.float() * MAX_COMMAND_THINK_MS)
  }
  await finish(context, (name) => client.runOnce(name, FINISHING_WAIT_MS, 0, FINISHING))
}
