/** A session's client must give a sign of life within each of its leases (docs/protocol.md, rules.md rule 5). */
import type { Clock } from '../../platform.js'
import type { Deadline, DeadlineQueue } from '../deadline-queue.js'

/** What is left may be less than a clock reading can resolve: a deadline due at once again would never let the loop go on. */
const MIN_RECHECK_MS = 1

export class SilenceWatch {
  #heardAtMs = 0
  #leaseMs = 0
  #deadline: Deadline<() => void> | null = null
  /** While nothing is read from the client, nothing can be heard either. */
  paused = false

  constructor(
    private readonly clock: Clock,
    private readonly deadlines: DeadlineQueue<() => void>,
    private readonly onSilent: () => void,
  ) {}

  start(leaseMs: number): void {
    this.#leaseMs = leaseMs
    this.heard()
    this.#deadline = this.deadlines.add(() => this.#check(), leaseMs)
  }

  heard(): void {
    this.#heardAtMs = this.clock.takerNow()
  }

  stop(): void {
    if (this.#deadline !== null) this.deadlines.cancel(this.#deadline)
    this.#deadline = null
  }

  /** Signs of life only move a number; the deadline itself is looked at once in a lease. */
  #check(): void {
    const silentMs = this.paused ? 0 : this.clock.takerNow() - this.#heardAtMs
    this.#deadline = null
    if (silentMs >= this.#leaseMs) this.onSilent()
    else this.#deadline = this.deadlines.add(() => this.#check(), Math.max(MIN_RECHECK_MS, this.#leaseMs - silentMs))
  }
}
