/** Virtual time for a whole cluster, and randomness that a seed replays. */
import type { Random, Timer } from '../../../src/platform.js'

/** What an event happens to: while it is paused its events wait, once it has crashed they are lost. */
export interface Process {
  readonly crashed: boolean
  readonly pausedUntilMs: number
}

interface Event {
  readonly atMs: number
  readonly order: number
  readonly node: Process | null
  readonly run: () => void
  cancelled: boolean
}

export class World {
  nowMs = 0
  #order = 0
  #events: Event[] = []

  /** Runs `run` after `delayMs`, or when `node` is no longer paused. Dropped if that node has crashed meanwhile. */
  after(delayMs: number, node: Process | null, run: () => void): Timer {
    const event: Event = { atMs: this.nowMs + delayMs, order: this.#order++, node, run, cancelled: false }
    this.#push(event)
    return {
      cancel: () => {
        event.cancelled = true
      },
    }
  }

  advance(ms: number): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      const [event] = this.#events
      if (event === undefined || event.atMs > untilMs) break
      this.#pop()
      this.nowMs = Math.max(this.nowMs, event.atMs)
      if (event.cancelled || event.node?.crashed) continue
      if (event.node !== null && event.node.pausedUntilMs > this.nowMs) {
        this.#push({
          ...event,
          atMs: event.node.pausedUntilMs,
          get cancelled() {
            return event.cancelled
          },
        })
      } else event.run()
    }
    this.nowMs = untilMs
  }

  /** Advances until `condition` holds; fails loudly when it does not within `withinMs` of virtual time. */
  until(condition: () => boolean, withinMs = 60_000, stepMs = 5): void {
    for (let passed = 0; !condition(); passed += stepMs) {
      if (passed > withinMs) throw new Error(`not within ${withinMs} ms: ${condition.toString()}`)
      this.advance(stepMs)
    }
  }

  #before(one: Event, other: Event): boolean {
    return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)
  }

  #push(event: Event): void {
    const heap = this.#events
    let place = heap.length
    heap.push(event)
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || !this.#before(event, parent)) break
      heap[place] = parent
      place = above
    }
    heap[place] = event
  }

  #pop(): void {
    const heap = this.#events
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let place = 0
    for (;;) {
      let below = 2 * place + 1
      let child = heap[below]
      const right = heap[below + 1]
      if (child !== undefined && right !== undefined && this.#before(right, child)) {
        child = right
        below++
      }
      if (child === undefined || !this.#before(child, last)) break
      heap[place] = child
      place = below
    }
    heap[place] = last
  }
}

/** A small generator with good enough mixing; a seed replays a run exactly. */
export class SeededRandom implements Random {
  constructor(private state: number) {}
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  int(bound: number): number {
    return Math.floor(this.next() * bound)
  }
  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.int(256))
  }
  chance(probability: number): boolean {
    return this.next() < probability
  }
  pick<T>(items: readonly T[]): T {
    const item = items[this.int(items.length)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }
}
