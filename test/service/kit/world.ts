/** Virtual time for a whole cluster whose nodes may stand still or crash. */
import type { Timer } from '../../../src/platform.js'
import { VirtualTime } from '../../../src/testing/virtual-time.js'

/** What an event happens to: while it is paused its events wait, once it has crashed they are lost. */
export interface Process {
  readonly crashed: boolean
  readonly pausedUntilMs: number
}

export class World {
  readonly #time = new VirtualTime()

  get nowMs(): number {
    return this.#time.nowMs
  }

  /** Time passes in the midst of an event, as it does when a process stands still. */
  leap(ms: number): void {
    this.#time.nowMs += ms
  }

  /** Runs `run` after `delayMs`, or when `node` is no longer paused. Dropped if that node has crashed meanwhile. */
  after(delayMs: number, node: Process | null, run: () => void): Timer {
    let isCancelled = false
    const fire = (): void => {
      if (isCancelled || node?.crashed === true) return
      const pausedForMs = (node?.pausedUntilMs ?? 0) - this.nowMs
      if (pausedForMs > 0) this.#time.after(pausedForMs, fire)
      else run()
    }
    this.#time.after(delayMs, fire)
    return {
      cancel: () => {
        isCancelled = true
      },
    }
  }

  advance(ms: number): void {
    const untilMs = this.nowMs + ms
    for (let event = this.#time.next(untilMs); event !== null; event = this.#time.next(untilMs)) event.run?.()
  }

  /** Advances until `condition` holds; fails loudly when it does not within `withinMs` of virtual time. */
  until(condition: () => boolean, withinMs = 60_000, stepMs = 5): void {
    for (let passed = 0; !condition(); passed += stepMs) {
      if (passed > withinMs) throw new Error(`not within ${withinMs} ms: ${condition.toString()}`)
      this.advance(stepMs)
    }
  }
}
