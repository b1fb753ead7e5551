/** The last events, so that a watch can go on where another node, or an earlier connection, left off. */
import type { LockEvent } from '../../locks/effects.js'
import { isBefore, type Position } from './positions.js'

export class EventLog {
  readonly #events: LockEvent[] = []
  /** Number of the oldest that is there, and of the next to come: the event with number n lies at n modulo the capacity. */
  #oldest = 0
  #next = 0
  /** Every event behind it is here; null: nobody has said where the log begins. */
  #completeFrom: Position | null = null

  constructor(private readonly capacity: number) {}

  get next(): number {
    return this.#next
  }

  /** What has happened up to this position is not here. Says nothing new of a log that has begun. */
  begin(position: Position): void {
    this.#completeFrom ??= position
  }

  add(event: LockEvent): void {
    // Whatever came before it was done by a process of before, or by a snapshot.
    this.begin({ index: event.index - 1, place: Number.POSITIVE_INFINITY })
    if (this.#next - this.#oldest === this.capacity) {
      const gone = this.at(this.#oldest)
      if (gone !== undefined) this.#completeFrom = gone
      this.#oldest += 1
    }
    this.#events[this.#next % this.capacity] = event
    this.#next += 1
  }

  /** By its number; undefined if it is not there any longer, or not yet. */
  at(number: number): LockEvent | undefined {
    return number < this.#oldest || number >= this.#next ? undefined : this.#events[number % this.capacity]
  }

  get last(): LockEvent | undefined {
    return this.at(this.#next - 1)
  }

  /** The number of the first event behind `position`; null if some of those are not here. */
  firstBehind(position: Position): number | null {
    if (this.#completeFrom === null || isBefore(position, this.#completeFrom)) return null
    let low = this.#oldest
    let high = this.#next
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const event = this.at(middle)
      if (event !== undefined && !isBefore(position, event)) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Events were missed: what is here says nothing of what led to `position`. */
  beginAnew(position: Position): void {
    this.#oldest = this.#next
    this.#completeFrom = position
  }
}
