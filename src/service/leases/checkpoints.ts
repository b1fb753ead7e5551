/**
 * Time that a leader counts is lost when it goes: while leaders changed every five seconds, a dead client's lock of ten was
 * never freed. So the leader tells the state now and then how much is left (rules.md rule 4), and the next one goes
 * on from there: whenever a quarter has passed of what the state knows, and before it hands over.
 *
 * What was proposed is a truth about the past by the time that it is applied: time is counted too little, never too much.
 * A proposal that is dropped, or left out because there are too many, costs the next leader that quarter.
 */
import type { Clock } from '../../platform.js'
import { type Deadline, DeadlineQueue } from '../deadline-queue.js'
import {
  CHECKPOINT_LEAST_MS,
  CHECKPOINTS_AT_HANDOVER_COUNT,
  CHECKPOINTS_PER_SECOND_COUNT,
  SHARE_OF_TIME_BETWEEN_CHECKPOINTS,
} from '../limits.js'

/** Something that ends at `endMs` by `takerNow`. */
export interface Countdown<T> {
  readonly item: T
  readonly endMs: number
  next: Deadline<Countdown<T>> | null
}

const SECOND_MS = 1_000

export class Checkpoints<T> {
  readonly #due: DeadlineQueue<Countdown<T>>
  readonly #running = new Set<Countdown<T>>()
  #secondBeganMs = Number.NEGATIVE_INFINITY
  #proposedInSecond = 0

  constructor(
    private readonly clock: Clock,
    private readonly propose: (item: T, leftMs: number) => void,
  ) {
    this.#due = new DeadlineQueue(clock, (countdown) => this.#onDue(countdown))
  }

  /** From now on `item` is counted, of which `forMs` are left. */
  begin(item: T, forMs: number): Countdown<T> {
    const countdown: Countdown<T> = { item, endMs: this.clock.takerNow() + forMs, next: null }
    this.#running.add(countdown)
    this.#arm(countdown, forMs)
    return countdown
  }

  end(countdown: Countdown<T>): void {
    this.#running.delete(countdown)
    if (countdown.next !== null) this.#due.cancel(countdown.next)
  }

  /** This leader is about to go. */
  tellAll(): void {
    let count = 0
    for (const countdown of this.#running) {
      if (count++ >= CHECKPOINTS_AT_HANDOVER_COUNT) return
      const leftMs = this.#leftMs(countdown)
      if (leftMs > 0) this.propose(countdown.item, leftMs)
    }
  }

  clear(): void {
    this.#due.clear()
    this.#running.clear()
  }

  #onDue(countdown: Countdown<T>): void {
    const leftMs = this.#leftMs(countdown)
    if (leftMs <= 0) {
      this.#running.delete(countdown)
      return
    }
    if (this.#mayPropose()) this.propose(countdown.item, leftMs)
    this.#arm(countdown, leftMs)
  }

  /** The last one comes at the end: then nothing is left to tell. */
  #arm(countdown: Countdown<T>, leftMs: number): void {
    const delayMs = Math.max(CHECKPOINT_LEAST_MS, leftMs * SHARE_OF_TIME_BETWEEN_CHECKPOINTS)
    countdown.next = this.#due.add(countdown, Math.min(delayMs, leftMs))
  }

  #leftMs({ endMs }: Countdown<T>): number {
    return Math.ceil(endMs - this.clock.takerNow())
  }

  #mayPropose(): boolean {
    const now = this.clock.takerNow()
    if (now - this.#secondBeganMs >= SECOND_MS) {
      this.#secondBeganMs = now
      this.#proposedInSecond = 0
    }
    return this.#proposedInSecond++ < CHECKPOINTS_PER_SECOND_COUNT
  }
}
