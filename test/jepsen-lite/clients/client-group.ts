import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import type { WorkloadRun } from '../types.js'
import type { ClientContext, ClientLife, ClientLives, ClientSettings, Recorder } from './client.js'
import { noteStuck } from './finishing.js'
import { Journal } from './journal.js'
import { ReportedProcess } from './reported-process.js'
import type { WorkerOrder } from './worker-messages.js'

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url))
const RESTART_PAUSE_MS = 500
/** Of the clients: their own ends of connections are what the node sees, which no link or relay lets through unchanged. */
const DIRECT_SHARE = 0.25

export interface GroupOptions<Name extends string> {
  /** URL of the file that exports `lives`. */
  readonly module: string
  readonly lives: ClientLives<Name>
  readonly names: readonly string[]
  readonly registerPort?: number
}

/** The clients of a workload, here and in processes of their own. */
export class ClientGroup<Name extends string> {
  readonly #recorder: Recorder
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>[] = []

  constructor(
    private readonly run: WorkloadRun,
    private readonly options: GroupOptions<Name>,
  ) {
    this.#recorder = {
      record: (entry, time) => run.record(entry, time),
      nextProcess: () => run.nextProcess(),
    }
  }

  /** Clients in the process of the harness, which no fault hits. */
  addHere(life: Name, count: number): void {
    for (let number = 0; number < count; number += 1) this.add(this.options.lives[life])
  }

  /** Any life, also one that only this process can lead. */
  add(life: ClientLife): void {
    const context = this.#newContext()
    this.#running.push(life(context).catch((error: unknown) => noteStuck(context.journal, error)))
  }

  /** Clients in one process, which is started again when a fault has killed it. */
  addApart(life: Name, count: number): void {
    if (count === 0) return
    this.addProcess(() => {
      const settings = Array.from({ length: count }, () => this.#newSettings())
      const order: WorkerOrder = { module: this.options.module, life, settings }
      return [process.execPath, ['--import', 'tsx', WORKER, JSON.stringify(order)]]
    })
  }

  /** `command`: asked anew for every start. */
  addProcess(command: () => readonly [file: string, words: readonly string[]]): void {
    this.#running.push(this.#keepRunning(command))
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#running)
  }

  async #keepRunning(command: () => readonly [string, readonly string[]]): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const reported = new ReportedProcess(this.#recorder, ...command())
      this.run.adopt(reported.child)
      const finish = (): void => reported.finish()
      this.#stopping.signal.addEventListener('abort', finish)
      const status = await reported.ended
      this.#stopping.signal.removeEventListener('abort', finish)
      if (status !== 0 && status !== null) noteStuck(this.#newContext().journal, reported.stderr)
      await sleep(RESTART_PAUSE_MS, undefined, { signal: this.#stopping.signal }).catch(() => {})
    }
  }

  #newSettings(): ClientSettings {
    const { direct, leaseMs, lingerMs, random, startedAt } = this.run
    const { names, registerPort = 0 } = this.options
    const endpoints = random.chance(DIRECT_SHARE) ? direct : this.run.endpoints
    const seed = random.int(2 ** 31)
    return { endpoints, leaseMs, lingerMs, names, registerPort, seed, startedAt: String(startedAt) }
  }

  #newContext(): ClientContext {
    const settings = this.#newSettings()
    return {
      ...settings,
      random: new SeededRandom(settings.seed),
      journal: new Journal(this.#recorder, this.run.startedAt),
      stopping: this.#stopping.signal,
      isOwnProcess: false,
    }
  }
}
