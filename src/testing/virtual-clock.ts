import type { Clock, Timer } from '../platform.js'
import { VirtualTime } from './virtual-time.js'

const WALL_ORIGIN_MS = 1_700_000_000_000

/** Virtual time as processes see it that run on one perfect clock. Promises settle between two events. */
export class VirtualClock extends VirtualTime {
  /** `settle` resolves when every promise has run that can run now: `() => new Promise(setImmediate)`. */
  constructor(private readonly settle: () => Promise<unknown>) {
    super()
  }

  /** Runs until `done` or for `limitMs` of virtual time; false if the time ran out. */
  async until(done: () => boolean, limitMs: number): Promise<boolean> {
    const endMs = this.nowMs + limitMs
    for (;;) {
      if (done()) return true
      const event = this.next(endMs)
      if (event === null) return done()
      event.run?.()
      await this.settle()
    }
  }

  async run(ms: number): Promise<void> {
    await this.until(() => false, ms)
  }

  /** A process's view of this clock; after `stop` its timers no longer fire. */
  forProcess(): { readonly clock: Clock; readonly stop: () => void } {
    let isAlive = true
    const after = (delayMs: number, run: () => void): Timer =>
      this.after(delayMs, () => {
        if (isAlive) run()
      })
    const clock: Clock = {
      speakerNow: () => this.nowMs,
      takerNow: () => this.nowMs,
      wallNow: () => WALL_ORIGIN_MS + this.nowMs,
      after,
      soon: (run) => void after(0, run),
    }
    return {
      clock,
      stop: () => {
        isAlive = false
      },
    }
  }
}
