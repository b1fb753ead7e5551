import { ClassicClient, type ClassicLock } from '../clients/classic-client.js'
import { type ClientContext, type ClientLives, pause } from '../clients/client.js'
import { ClientGroup } from '../clients/client-group.js'
import { CommandClient } from '../clients/command-client.js'
import { FINISHING, FINISHING_WAIT_MS, finish } from '../clients/finishing.js'
import { LibraryClient } from '../clients/library-client.js'
import { originalClient } from '../clients/original-client.js'
import type { Finding, HistoryEvent, Workload, WorkloadRun } from '../types.js'
import { judgeLocks } from './judgement.js'

const NAMES = ['mutex-1', 'mutex-2', 'mutex-3']
const MAX_WAIT_MS = 3_000
const MAX_THINK_MS = 400
const MAX_COMMAND_THINK_MS = 2_000
const HOLD_MS = [1, 500] as const
/** Some holds outlast a lease. */
const LONG_HOLD_PROBABILITY = 0.02
const LONG_HOLD_LEASES = 1.5

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
  session: async (context: ClientContext) => {
    const client = await LibraryClient.connect(context)
    if (client === null) return
    const { random, names, stopping } = context
    const take = async (name: string, waitMs: number, holdMs: number, about = {}): Promise<boolean> => {
      const taken = await client.acquire(name, waitMs, about)
      if (taken === null) return false
      await pause(context, holdMs)
      await client.release(taken)
      return true
    }
    while (!stopping.aborted) {
      await take(random.pick(names), someWait(context), someHold(context))
      await pause(context, random.float() * MAX_THINK_MS)
    }
    await finish(context, (name) => take(name, FINISHING_WAIT_MS, 0, FINISHING))
    await client.close()
  },

  classic: async (context: ClientContext) => {
    const client = new ClassicClient(context)
    const { random, names, stopping } = context
    const end = async (lock: ClassicLock): Promise<void> => {
      if (random.chance(0.8)) await client.release(lock)
      else client.leave(lock, 'left')
    }
    while (!stopping.aborted) {
      const lock = await client.acquire(random.pick(names), someWait(context))
      if (lock !== null && (await client.hold(lock, someHold(context)))) await end(lock)
      await pause(context, random.float() * MAX_THINK_MS)
    }
    await finish(context, async (name) => {
      const lock = await client.acquire(name, FINISHING_WAIT_MS, FINISHING)
      if (lock !== null) await client.release(lock)
      return lock !== null
    })
  },
} satisfies ClientLives<string>

/** Slow and dear: one at a time. */
async function runCommands(run: WorkloadRun, context: ClientContext): Promise<void> {
  const client = new CommandClient(run, context)
  const { random, names, stopping } = context
  while (!stopping.aborted) {
    await client.runOnce(random.pick(names), someWait(context), someHold(context))
    await pause(context, random.float() * MAX_COMMAND_THINK_MS)
  }
  await finish(context, (name) => client.runOnce(name, FINISHING_WAIT_MS, 0, FINISHING))
}

function someWait({ random }: ClientContext): number {
  return random.chance(0.3) ? 0 : Math.round(random.float() * MAX_WAIT_MS)
}

function someHold({ random, leaseMs }: ClientContext): number {
  return random.chance(LONG_HOLD_PROBABILITY) ? LONG_HOLD_LEASES * leaseMs : random.logBetween(...HOLD_MS)
}
