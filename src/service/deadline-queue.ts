/** Many deadlines behind one timer: a binary heap that knows where each entry stands, so that it can be cancelled. */
import type { Clock, Timer } from '../platform.js'
import { DUE_PER_TURN_COUNT, TIMER_MAX_MS } from './limits.js'

export interface Deadline<T> {
  readonly item: T
  readonly dueMs: number
  /** Place in the heap; -1 once it has run or was cancelled. */
  place: number
}

export type CountingClock = Pick<Clock, 'takerNow' | 'after' | 'soon'>

/** Deadlines are counted on `takerNow`: whoever takes something away must not be early (rules.md rule 7). */
export class DeadlineQueue<T> {
  readonly #heap: Deadline<T>[] = []
  #timer: Timer | null = null
  #timerDueMs = 0

  constructor(
    private readonly clock: CountingClock,
    private readonly run: (item: T) => void,
  ) {}

  get size(): number {
    return this.#heap.length
  }

  add(item: T, delayMs: number): Deadline<T> {
    const deadline: Deadline<T> = { item, dueMs: this.clock.takerNow() + delayMs, place: this.#heap.length }
    this.#heap.push(deadline)
    this.#rise(deadline)
    this.#arm()
    return deadline
  }

  /** Until it runs; 0 if it is due, or has run. */
  leftMs({ dueMs }: Deadline<T>): number {
    return Math.max(0, dueMs - this.clock.takerNow())
  }

  cancel(deadline: Deadline<T>): void {
    if (deadline.place >= 0) this.#remove(deadline)
  }

  clear(): void {
    for (const deadline of this.#heap) deadline.place = -1
    this.#heap.length = 0
    this.#timer?.cancel()
    this.#timer = null
  }

  #arm(): void {
    const first = this.#heap[0]
    if (first === undefined || (this.#timer !== null && this.#timerDueMs <= first.dueMs)) return
    this.#timer?.cancel()
    const delayMs = Math.min(Math.max(first.dueMs - this.clock.takerNow(), 0), TIMER_MAX_MS)
    this.#timerDueMs = this.clock.takerNow() + delayMs
    // Timers fire before sockets are read: after a pause the sign of life may still lie in a socket (rule 7).
    this.#timer = this.clock.after(Math.ceil(delayMs), () => this.clock.soon(() => this.#fire()))
  }

  #fire(): void {
    this.#timer = null
    const now = this.clock.takerNow()
    // Many may be due at once; the rest come in the turns that follow.
    for (let left = DUE_PER_TURN_COUNT; left > 0; left--) {
      const first = this.#heap[0]
      if (first === undefined || first.dueMs > now) break
      this.#remove(first)
      this.run(first.item)
    }
    this.#arm()
  }

  #remove(deadline: Deadline<T>): void {
    const last = this.#heap.pop()
    if (last !== undefined && last !== deadline) {
      last.place = deadline.place
      this.#heap[last.place] = last
      this.#rise(last)
      this.#sink(last)
    }
    deadline.place = -1
  }

  #rise(deadline: Deadline<T>): void {
    while (deadline.place > 0) {
      const above = this.#heap[(deadline.place - 1) >> 1]
      if (above === undefined || above.dueMs <= deadline.dueMs) return
      this.#swap(deadline, above)
    }
  }

  #sink(deadline: Deadline<T>): void {
    for (;;) {
      const left = this.#heap[2 * deadline.place + 1]
      const right = this.#heap[2 * deadline.place + 2]
      const below = right !== undefined && left !== undefined && right.dueMs < left.dueMs ? right : left
      if (below === undefined || below.dueMs >= deadline.dueMs) return
      this.#swap(deadline, below)
    }
  }

  #swap(one: Deadline<T>, other: Deadline<T>): void {
    const place = one.place
    one.place = other.place
    other.place = place
    this.#heap[one.place] = one
    this.#heap[other.place] = other
  }
}
