import { after } from './long-timer.js'

interface Waiter {
  readonly go: () => void
  readonly fail: (reason: unknown) => void
}

/**
 * Turns for a name within one process, first come, first served. The cluster knows only sessions and refuses one that
 * asks for a lock twice; two tasks of a process that share a client wait for each other here.
 */
export class LocalTurns {
  /** A name is listed while somebody has its turn, with those who wait for it. */
  readonly #queues = new Map<string, Waiter[]>()

  /** Resolves true when it is this caller's turn, who then calls `done` once; false when `waitMs` has passed. */
  take(name: string, waitMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    const queue = this.#queues.get(name)
    if (queue === undefined) {
      this.#queues.set(name, [])
      return Promise.resolve(true)
    }
    if (waitMs <= 0) return Promise.resolve(false)
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        stop()
        signal?.removeEventListener('abort', aborted)
        queue.splice(queue.indexOf(waiter), 1)
      }
      const end = (itsTurn: boolean): void => {
        leave()
        resolve(itsTurn)
      }
      const fail = (reason: unknown): void => {
        leave()
        reject(reason)
      }
      const waiter: Waiter = { go: () => end(true), fail }
      const aborted = (): void => fail(signal?.reason)
      const stop = after(waitMs, () => end(false))
      queue.push(waiter)
      signal?.addEventListener('abort', aborted)
    })
  }

  done(name: string): void {
    const next = this.#queues.get(name)?.[0]
    if (next === undefined) this.#queues.delete(name)
    else next.go()
  }

  /** All who wait are rejected with `reason`. */
  fail(reason: unknown): void {
    for (const queue of this.#queues.values()) for (const waiter of [...queue]) waiter.fail(reason)
  }
}
