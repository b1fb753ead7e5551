/**
 * What a new leader has to begin, some of it a turn: of 100,000 holds or sessions all at once would delay its first heartbeats, and
 * it would not be leader for long.
 */
import type { Clock, Timer } from '../../platform.js'
import { BEGUN_PER_TURN_COUNT } from '../limits.js'

export class Slices {
  #next: Timer | null = null

  constructor(private readonly clock: Clock) {}

  /** `run` is told for how long the item has waited for its turn: what it counts has gone on meanwhile. */
  begin<T>(items: readonly T[], run: (item: T, waitedMs: number) => void): void {
    this.cancel()
    this.#go(items, 0, this.clock.takerNow(), run)
  }

  cancel(): void {
    this.#next?.cancel()
    this.#next = null
  }

  #go<T>(items: readonly T[], from: number, sinceMs: number, run: (item: T, waitedMs: number) => void): void {
    const { clock } = this
    const to = from + BEGUN_PER_TURN_COUNT
    const waitedMs = clock.takerNow() - sinceMs
    for (const item of items.slice(from, to)) run(item, waitedMs)
    this.#next = to >= items.length ? null : clock.after(0, () => clock.soon(() => this.#go(items, to, sinceMs, run)))
  }
}
