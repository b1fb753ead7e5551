import type { Clock, Random, Timer } from '../../../src/platform.js'

interface Event {
  readonly at: number
  readonly order: number
  readonly run: () => void
  cancelled: boolean
}

/** Virtual time: events run in order of time, then of their making. Promises settle between two events. */
export class FakeClock {
  #events: Event[] = []
  #order = 0
  nowMs = 0

  at(delayMs: number, run: () => void): Timer {
    const event: Event = { at: this.nowMs + Math.max(0, delayMs), order: this.#order++, run, cancelled: false }
    let place = this.#events.length
    while (place > 0) {
      const before = this.#events[place - 1]
      if (before === undefined || before.at < event.at || (before.at === event.at && before.order < event.order)) break
      place--
    }
    this.#events.splice(place, 0, event)
    return {
      cancel: () => {
        event.cancelled = true
      },
    }
  }

  /** Runs until `done` or for `limitMs` of virtual time; false if the time ran out. */
  async until(done: () => boolean, limitMs: number): Promise<boolean> {
    const end = this.nowMs + limitMs
    for (;;) {
      if (done()) return true
      const event = this.#events.shift()
      if (event === undefined || event.at > end) {
        if (event !== undefined) this.#events.unshift(event)
        this.nowMs = end
        return done()
      }
      this.nowMs = event.at
      if (event.cancelled) continue
      event.run()
      await new Promise(setImmediate)
    }
  }

  async run(ms: number): Promise<void> {
    await this.until(() => false, ms)
  }

  /** A node's view of this clock; after `stop` its timers do not fire any more. */
  forNode(): { clock: Clock; stop: () => void } {
    let alive = true
    const guarded = (run: () => void) => () => {
      if (alive) run()
    }
    const clock: Clock = {
      speakerNow: () => this.nowMs,
      takerNow: () => this.nowMs,
      wallNow: () => 1_700_000_000_000 + this.nowMs,
      after: (delayMs, run) => this.at(delayMs, guarded(run)),
      soon: (run) => void this.at(0, guarded(run)),
    }
    return {
      clock,
      stop: () => {
        alive = false
      },
    }
  }
}

/** Small and fast, with a seed that replays (mulberry32). */
export class FakeRandom implements Random {
  #state: number
  constructor(seed: number) {
    this.#state = seed >>> 0
  }
  int(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound)
  }
  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.int(256))
  }
}
