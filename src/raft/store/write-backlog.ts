import type { Clock, Timer } from '../../platform.js'
import { WRITE_DELAY_MS } from '../limits.js'
import type { Database, DatabaseOperation } from './disk.js'
import type { FailureLatch } from './failure-latch.js'
import { SLOTS } from './journal.js'
import type { Plan } from './log-image.js'

/** Half of the slots: the other half takes what comes while LevelDB writes. */
const BATCHES_PER_WRITE = SLOTS / 2

/**
 * What LevelDB has still to write. Batches are collected for a moment and written together, synced: on a small machine
 * LevelDB's own write would otherwise delay the very answers that need not wait for it. After a failure nothing more is
 * written, and every call rejects with it.
 */
export class WriteBacklog {
  #syncedSequence: number
  #waiting: Plan[] = []
  #running: Promise<void> | null = null
  #isDraining = false
  #timer: Timer | undefined
  #failure: { readonly error: unknown } | null = null
  #onFailure: (error: unknown) => void = () => undefined

  constructor(
    private readonly database: Database,
    private readonly latch: FailureLatch,
    private readonly after: Clock['after'],
    syncedSequence: number,
  ) {
    this.#syncedSequence = syncedSequence
  }

  /** Of the last write that LevelDB has synced. */
  get syncedSequence(): number {
    return this.#syncedSequence
  }

  /** At once if it has failed already. */
  onFailure(run: (error: unknown) => void): void {
    this.#onFailure = run
    if (this.#failure !== null) run(this.#failure.error)
  }

  add(plan: Plan): void {
    this.#waiting.push(plan)
    if (this.#waiting.length >= BATCHES_PER_WRITE) this.#start()
    else this.#timer ??= this.after(WRITE_DELAY_MS, () => this.#start())
  }

  /** Waits until the slot that write `sequence` will take is no longer needed. */
  async makeRoom(sequence: number): Promise<void> {
    if (sequence - this.#syncedSequence >= SLOTS) await this.drained()
    this.check()
  }

  async drained(): Promise<void> {
    this.#isDraining = true
    this.#start()
    await this.#running
    this.#isDraining = false
    this.check()
  }

  /** Throws what went wrong in a write that nobody waited for. */
  check(): void {
    if (this.#failure !== null) throw this.#failure.error
  }

  #start(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#waiting.length === 0) return
    // The latch tells every later call of the store; whoever waits for this is told by `drained`.
    this.#running ??= this.latch
      .guard('writing the log', () => this.#run())
      .catch((error: unknown) => {
        this.#failure = { error }
        // An idle node might not write for hours, and would go on as one whose log is sound.
        this.#onFailure(error)
      })
  }

  /** A caller that drains is the only writer (the store's writes run one after another) and waits for everything. */
  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const plans = this.#waiting
      this.#waiting = []
      const operations: DatabaseOperation[] = []
      for (const plan of plans) for (const operation of plan.operations) operations.push(operation)
      await this.database.write(operations, true)
      this.#syncedSequence = plans[plans.length - 1]?.sequence ?? this.#syncedSequence
      if (this.#waiting.length < BATCHES_PER_WRITE && !this.#isDraining) break
    }
    this.#running = null
    if (this.#waiting.length > 0) this.#timer ??= this.after(WRITE_DELAY_MS, () => this.#start())
  }
}
