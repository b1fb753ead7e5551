/**
 * Work that may be asked for without end and must not hold up anything else: answers to `why` and the like, of which each takes
 * a fraction of a millisecond as a rule, and at worst some ten milliseconds. All of it together gets a share of the time. A
 * little can be done at once; what takes more than its share waits until the time has passed that it has had too much.
 */
import type { Clock, Timer } from '../../platform.js'
import { PACED_CREDIT_MAX_MS, PACED_SHARE_OF_TIME, PACED_WAITING_MAX_COUNT } from '../limits.js'

export class PacedWork {
  readonly #waiting: (() => void)[] = []
  #next = 0
  /** Time that may be spent now; below 0: what was spent too much. */
  #creditMs = PACED_CREDIT_MAX_MS
  #countedMs: number
  #timer: Timer | null = null

  constructor(private readonly clock: Clock) {
    this.#countedMs = clock.takerNow()
  }

  /** Does it, now or later, in the order asked. False: too much waits already, and it is never done. */
  add(work: () => void): boolean {
    if (this.#waiting.length - this.#next >= PACED_WAITING_MAX_COUNT) return false
    this.#waiting.push(work)
    if (this.#timer === null) this.#run()
    return true
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#waiting.length = 0
    this.#next = 0
  }

  #run(): void {
    this.#earn()
    while (this.#creditMs > 0) {
      const work = this.#waiting[this.#next]
      if (work === undefined) break
      this.#next += 1
      const beganMs = this.clock.takerNow()
      work()
      this.#creditMs -= this.clock.takerNow() - beganMs
    }
    if (this.#next === this.#waiting.length) {
      this.#waiting.length = 0
      this.#next = 0
      return
    }
    this.#timer = this.clock.after(Math.max(1, -this.#creditMs / PACED_SHARE_OF_TIME), () => {
      this.#timer = null
      this.#run()
    })
  }

  #earn(): void {
    const nowMs = this.clock.takerNow()
    const earnedMs = (nowMs - this.#countedMs) * PACED_SHARE_OF_TIME
    this.#creditMs = Math.min(PACED_CREDIT_MAX_MS, this.#creditMs + earnedMs)
    this.#countedMs = nowMs
  }
}
