/** The process of a node: it can stand still and it can die. */
import type { Clock, Timer } from '../platform.js'
import type { Station } from '../testing/memory-tcp.js'
import type { PacedTime } from './paced-time.js'

export class TestProcess implements Station {
  readonly lagMs = 0
  readonly clock: Clock
  #isAlive = true
  #isPaused = false
  /** What came while it stood still, in order. */
  readonly #missed: (() => void)[] = []

  constructor(
    private readonly time: PacedTime,
    readonly name: string,
    readonly address: string,
  ) {
    this.clock = {
      speakerNow: () => time.nowMs,
      takerNow: () => time.nowMs,
      wallNow: () => time.wallNowMs,
      after: (delayMs, run) => this.#after(delayMs, run),
      soon: (run) => void this.#after(0, run),
    }
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  get isRunning(): boolean {
    return this.#isAlive && !this.#isPaused
  }

  deliver(run: () => void): void {
    this.#after(0, run)
  }

  /** As SIGSTOP and SIGCONT do. */
  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    for (const run of this.#missed.splice(0)) this.deliver(run)
  }

  kill(): void {
    this.#isAlive = false
    this.#missed.length = 0
  }

  #after(delayMs: number, run: () => void): Timer {
    let isWanted = true
    const due = (): void => {
      if (!this.#isAlive || !isWanted) return
      if (this.#isPaused) this.#missed.push(due)
      else run()
    }
    const timer = this.time.after(delayMs, due)
    return {
      cancel: () => {
        isWanted = false
        timer.cancel()
      },
    }
  }
}
