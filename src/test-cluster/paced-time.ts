/** Virtual time that keeps pace with this machine's clock, and that a test can move ahead. It never stands still or goes back. */
import { VirtualTime } from '../testing/virtual-time.js'
import { IDLE_LOOK_MS } from './limits.js'

export class PacedTime extends VirtualTime {
  readonly #startedAt = performance.now()
  /** Wall time at the beginning. */
  readonly #wallStartMs = Date.now()
  #aheadMs = 0
  #running: Promise<void> | null = null
  #timer: NodeJS.Timeout | null = null
  #isStopped = false

  get wallNowMs(): number {
    return this.#wallStartMs + Math.floor(this.nowMs)
  }

  /** Something happened outside, and what follows from it may be due. */
  kick(): void {
    if (this.#isStopped || this.#running !== null) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#running = this.#run().finally(() => {
      this.#running = null
      this.#sleep()
    })
  }

  /** Resolves when all that is due has happened, and what follows from it. */
  async settle(): Promise<void> {
    this.kick()
    await this.#running
  }

  async advance(ms: number): Promise<void> {
    this.#aheadMs += ms
    await this.settle()
  }

  stop(): void {
    this.#isStopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const event = this.next(performance.now() - this.#startedAt + this.#aheadMs)
      if (event === null) return
      event.run?.()
      // Before time goes on every promise settles that can, and sockets are read: what follows from that is of this moment too.
      if (this.nextAtMs() !== this.nowMs) await new Promise(setImmediate)
    }
  }

  #sleep(): void {
    if (this.#isStopped) return
    const nextAtMs = this.nextAtMs() ?? Number.POSITIVE_INFINITY
    const inMs = nextAtMs - (performance.now() - this.#startedAt + this.#aheadMs)
    this.#timer = setTimeout(() => this.kick(), Math.max(1, Math.min(inMs, IDLE_LOOK_MS)))
  }
}
