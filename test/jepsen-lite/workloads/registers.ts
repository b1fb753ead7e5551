import { ClassicClient } from '../clients/classic-client.js'
import { type ClientContext, type ClientLives, pause } from '../clients/client.js'
import { ClientGroup } from '../clients/client-group.js'
import { FINISHING, FINISHING_WAIT_MS, finish } from '../clients/finishing.js'
import { LibraryClient } from '../clients/library-client.js'
import { RegisterServer } from '../clients/register.js'
import { RegisterClient } from '../clients/register-client.js'
import type { Finding, HistoryEvent, Workload, WorkloadRun } from '../types.js'
import { judgeLocks } from './judgement.js'

const MAX_WAIT_MS = 3_000
const MAX_THINK_MS = 200
const MAX_WRITES = 3
/** Between the read and the write. */
const PAUSE_MS = [1, 150] as const
/** Of the writes in a process of their own: it is frozen until its locks have long been given to others. */
const FREEZE_PROBABILITY = 0.01
/** The node waits a lease for a sign of life, and the session then remains resumable for another. */
const FREEZE_LEASES = [2.2, 3.5] as const

/**
 * A resource that is read, thought about and written under a lock. One register is written by whoever
 * believes to hold, and is right as long as nobody believes wrongly. The other compares tokens, and is always right.
 */
export class RegisterWorkload implements Workload {
  #register: RegisterServer | null = null
  #group: Promise<ClientGroup<keyof typeof lives>> | null = null

  constructor(readonly name: 'register-belief' | 'register-fenced') {}

  start(run: WorkloadRun): void {
    this.#group = this.#begin(run)
  }

  async stop(): Promise<void> {
    const group = await this.#group
    await group?.stop()
    this.#register?.close()
  }

  check(history: readonly HistoryEvent[]): Finding[] {
    return judgeLocks(this.name, history)
  }

  async #begin(run: WorkloadRun): Promise<ClientGroup<keyof typeof lives>> {
    const isFenced = this.name === 'register-fenced'
    this.#register = await RegisterServer.open(isFenced)
    const names = [`${this.name}-1`, `${this.name}-2`]
    const group = new ClientGroup(run, { module: import.meta.url, lives, names, registerPort: this.#register.port })
    const half = Math.ceil(run.clients / 2)
    if (isFenced) {
      const quarter = Math.ceil(run.clients / 4)
      group.addHere('fenced', half - quarter)
      group.addHere('fencedClassic', quarter)
      group.addApart('fenced', quarter)
      group.addApart('fencedClassic', quarter)
    } else {
      group.addHere('believing', half)
      group.addApart('believing', half)
    }
    return group
  }
}

export const lives = {
  /** Writes only while it believes to hold the lock. */
  believing: (context: ClientContext) => writeUnderSessions(context, 'write'),
  /** Trusts the register to refuse it. */
  fenced: (context: ClientContext) => writeUnderSessions(context, 'write-fenced'),

  fencedClassic: async (context: ClientContext) => {
    const client = new ClassicClient(context)
    const { random, names, stopping } = context
    const writer = await Writer.open(context, 'write-fenced')
    const turn = async (name: string, waitMs: number, writes: number, about = {}): Promise<boolean> => {
      const lock = await client.acquire(name, waitMs, about)
      if (lock === null) return false
      for (let count = 0; count < writes; count += 1) await writer.write(lock)
      await client.release(lock)
      return true
    }
    while (!stopping.aborted) {
      await turn(random.pick(names), random.int(MAX_WAIT_MS), 1 + random.int(MAX_WRITES))
      await pause(context, random.float() * MAX_THINK_MS)
    }
    await finish(context, (name) => turn(name, FINISHING_WAIT_MS, 1, FINISHING))
    writer.close()
  },
} satisfies ClientLives<string>

async function writeUnderSessions(context: ClientContext, f: 'write' | 'write-fenced'): Promise<void> {
  const client = await LibraryClient.connect(context)
  if (client === null) return
  const { random, names, stopping } = context
  const writer = await Writer.open(context, f)
  const turn = async (name: string, waitMs: number, writes: number, about = {}): Promise<boolean> => {
    const taken = await client.acquire(name, waitMs, about)
    if (taken === null) return false
    const { lock, hold } = taken
    const believes = (): boolean => hold.believedUntil() !== null
    for (let count = 0; count < writes; count += 1) await writer.write(lock, f === 'write' ? believes : undefined)
    await client.release(taken)
    return true
  }
  while (!stopping.aborted) {
    await turn(random.pick(names), random.int(MAX_WAIT_MS), 1 + random.int(MAX_WRITES))
    await pause(context, random.float() * MAX_THINK_MS)
  }
  await finish(context, (name) => turn(name, FINISHING_WAIT_MS, 1, FINISHING))
  await client.close()
  writer.close()
}

/** Reads, thinks and writes under a lock. */
class Writer {
  private constructor(
    private readonly context: ClientContext,
    private readonly f: 'write' | 'write-fenced',
    private readonly register: RegisterClient,
  ) {}

  static async open(context: ClientContext, f: 'write' | 'write-fenced'): Promise<Writer> {
    return new Writer(context, f, await RegisterClient.open(context.registerPort))
  }

  /** `mayWrite`: asked at the last moment before the write, and perhaps before a freeze. */
  async write({ name, token }: { name: string; token: number }, mayWrite: () => boolean = () => true): Promise<void> {
    const { journal, random, isOwnProcess, stopping } = this.context
    journal.invoke(this.f, { name, token })
    const read = await this.register.ask({ f: 'read', name, token })
    if (read.isRefused) return journal.fail({ reason: 'token is old' })
    await pause(this.context, random.logBetween(...PAUSE_MS))
    if (!mayWrite()) return journal.fail({ reason: 'lost' })
    const frozen = isOwnProcess && !stopping.aborted && random.chance(FREEZE_PROBABILITY)
    if (frozen) freeze(random.between(...FREEZE_LEASES) * this.context.leaseMs)
    const written = await this.register.ask({ f: 'write', name, token })
    if (written.isRefused) journal.fail({ reason: 'token is old', frozen })
    else journal.ok({ read: read.version, version: written.version, frozen })
  }

  close(): void {
    this.register.close()
  }
}

/** Stops the whole process, as SIGSTOP or a long garbage collection would. */
function freeze(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
