/** Virtual time: a queue of events. Whoever owns it decides when the next one happens; nothing here waits. */
import type { Timer } from '../platform.js'

export interface VirtualEvent {
  readonly atMs: number
  /** Events of one moment happen in the order in which they were made. */
  readonly order: number
  /** Null once it was cancelled. */
  run: (() => void) | null
}

export class VirtualTime {
  nowMs = 0
  #order = 0
  readonly #heap: VirtualEvent[] = []

  after(delayMs: number, run: () => void): Timer {
    const event: VirtualEvent = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, run }
    this.#push(event)
    return {
      cancel: () => {
        event.run = null
      },
    }
  }

  /** Takes the next event out of the queue and moves the time to it. Null: none is due until `endMs`, which is now. */
  next(endMs: number): VirtualEvent | null {
    for (;;) {
      const event = this.#heap[0]
      if (event === undefined || event.atMs > endMs) {
        this.nowMs = Math.max(this.nowMs, endMs)
        return null
      }
      this.#pop()
      if (event.run === null) continue
      this.nowMs = Math.max(this.nowMs, event.atMs)
      return event
    }
  }

  /** When the next event happens, for whoever has to wait for it; null if none will. */
  nextAtMs(): number | null {
    for (;;) {
      const event = this.#heap[0]
      if (event === undefined) return null
      if (event.run !== null) return event.atMs
      this.#pop()
    }
  }

  #push(event: VirtualEvent): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || !isBefore(event, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      const left = heap[below]
      const right = heap[below + 1]
      if (left === undefined) break
      let child = left
      if (right !== undefined && isBefore(right, left)) {
        child = right
        below++
      }
      if (!isBefore(child, last)) break
      heap[at] = child
      at = below
    }
    heap[at] = last
  }
}

const isBefore = (one: VirtualEvent, other: VirtualEvent): boolean =>
  one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)
