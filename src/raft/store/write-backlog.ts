import type { Database, DatabaseOperation } from './disk.js'
import type { Plan } from './log-image.js'
import { SLOTS } from './mark.js'

/**
 * What LevelDB has still to write. One synced batch is under way at a time, and everything that came meanwhile is the next
 * one. After a failure nothing more is written, and every call rejects with it.
 */
export class WriteBacklog {
  #syncedSequence: number
  #waiting: Plan[] = []
  #running: Promise<void> | null = null
  #failure: { readonly error: unknown } | null = null

  constructor(
    private readonly database: Database,
    syncedSequence: number,
  ) {
    this.#syncedSequence = syncedSequence
  }

  /** Of the last write that LevelDB has synced. */
  get syncedSequence(): number {
    return this.#syncedSequence
  }

  add(plan: Plan): void {
    this.#waiting.push(plan)
    this.#running ??= this.#run().catch((error: unknown) => {
      this.#failure = { error }
    })
  }

  /** Waits until the slot that write `sequence` will take is not needed any more. */
  async makeRoom(sequence: number): Promise<void> {
    if (sequence - this.#syncedSequence >= SLOTS) await this.drained()
    this.check()
  }

  async drained(): Promise<void> {
    await this.#running
    this.check()
  }

  /** Throws what went wrong behind the back of those who did not wait. */
  check(): void {
    if (this.#failure !== null) throw this.#failure.error
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const plans = this.#waiting
      this.#waiting = []
      const operations: DatabaseOperation[] = []
      for (const plan of plans) for (const operation of plan.operations) operations.push(operation)
      await this.database.write(operations, true)
      this.#syncedSequence = plans[plans.length - 1]?.sequence ?? this.#syncedSequence
    }
    this.#running = null
  }
}
