/**
 * What a new leader has to begin, some of it a turn: of 100,000 holds or sessions all at once would delay its first heartbeats, and
 * it would not be leader for long. What is begun later is counted from then on, some milliseconds too long.
 */
import type { Clock, Timer } from '../../platform.js'
import { BEGUN_PER_TURN_COUNT } from '../limits.js'

export class Slices {
  #next: Timer | null = null

  constructor(private readonly clock: Clock) {}

  /** `items` is walked while the state goes on changing: an iterator that bears it, as those of a Map do, or a list. */
  begin<T>(items: Iterable<T>, run: (item: T) => void): void {
    this.cancel()
    this.#go(items[Symbol.iterator](), run)
  }

  cancel(): void {
    this.#next?.cancel()
    this.#next = null
  }

  #go<T>(items: Iterator<T>, run: (item: T) => void): void {
    const { clock } = this
    this.#next = null
    for (let left = BEGUN_PER_TURN_COUNT; left > 0; left--) {
      const { value, done } = items.next()
      if (done === true) return
      run(value)
    }
    this.#next = clock.after(0, () => clock.soon(() => this.#go(items, run)))
  }
}
