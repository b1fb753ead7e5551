/** Virtual time: one queue of events, one seed. Promises settle between two events, so a seed replays exactly. */
import type { Timer } from '../../src/platform.js'
import { SimRandom } from './random.js'

interface Event {
  readonly atMs: number
  readonly order: number
  run: (() => void) | null
}

/** So many events without any time passing are a loop that nothing ends. */
const LIVELOCK_EVENTS = 200_000
/** Notes kept for the report of a violation. */
const NOTES_KEPT = 60

export class World {
  readonly random: SimRandom
  /** How often each fault, failpoint and noteworthy event happened. */
  readonly coverage = new Map<string, number>()
  nowMs = 0
  eventCount = 0
  violation: string | null = null
  readonly lastNotes: string[] = []
  #hash = 0x811c9dc5
  readonly #heap: Event[] = []
  #order = 0

  constructor(
    readonly seed: number,
    private readonly trace: ((line: string) => void) | null = null,
  ) {
    this.random = new SimRandom(seed)
  }

  /** Equal for two runs of one seed. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0')
  }

  after(delayMs: number, run: () => void): Timer {
    const event: Event = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, run }
    this.#push(event)
    return {
      cancel: () => {
        event.run = null
      },
    }
  }

  /** Something worth a line in the trace; enters the hash. */
  note(text: string): void {
    for (let at = 0; at < text.length; at++) this.#mix(text.charCodeAt(at))
    const line = `${this.nowMs.toFixed(2).padStart(10)} ${text}`
    this.lastNotes.push(line)
    if (this.lastNotes.length > NOTES_KEPT) this.lastNotes.shift()
    this.trace?.(line)
  }

  /** For the trace alone: too much for the hash and the report. */
  tell(text: () => string): void {
    this.trace?.(`${this.nowMs.toFixed(2).padStart(10)} ${text()}`)
  }

  count(what: string, times = 1): void {
    this.coverage.set(what, (this.coverage.get(what) ?? 0) + times)
  }

  /** The first violation ends the run. It is not thrown: the code under test would catch it. */
  fail(what: string): void {
    if (this.violation !== null) return
    this.violation = what
    this.note(`VIOLATION ${what}`)
  }

  /** Runs until `done`, a violation, or for `limitMs`; false if the time ran out. */
  async until(done: () => boolean, limitMs: number): Promise<boolean> {
    const endMs = this.nowMs + limitMs
    let eventsNow = 0
    for (;;) {
      if (this.violation !== null || done()) return true
      const event = this.#heap[0]
      if (event === undefined || event.atMs > endMs) {
        this.nowMs = endMs
        return done()
      }
      this.#pop()
      if (event.run === null) continue
      eventsNow = event.atMs === this.nowMs ? eventsNow + 1 : 0
      if (eventsNow > LIVELOCK_EVENTS) this.fail('a livelock: events go on and time stands still')
      this.nowMs = event.atMs
      this.eventCount++
      this.#mix(event.order)
      this.#mix(event.atMs * 1000)
      event.run()
      await settle()
    }
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ (value | 0), 0x01000193)
  }

  #push(event: Event): void {
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

const isBefore = (one: Event, other: Event): boolean =>
  one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)

/** All microtasks are done when an immediate runs. */
const settle = (): Promise<void> => new Promise(setImmediate)
