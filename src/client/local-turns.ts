interface Waiter {
  readonly go: () => void
}

/**
 * Turns for a name within one process, first come, first served. The cluster knows only sessions and refuses one that
 * asks for a lock twice; two tasks of a process that share a client wait for each other here.
 */
export class LocalTurns {
  /** A name is listed while somebody has its turn, with those who wait for it. */
  private readonly queues = new Map<string, Waiter[]>()

  /** Resolves true when it is this caller's turn, who then calls `done` once; false when `waitMs` has passed. */
  take(name: string, waitMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    const queue = this.queues.get(name)
    if (queue === undefined) {
      this.queues.set(name, [])
      return Promise.resolve(true)
    }
    if (waitMs <= 0) return Promise.resolve(false)
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', aborted)
        const position = queue.indexOf(waiter)
        if (position >= 0) queue.splice(position, 1)
      }
      const waiter: Waiter = {
        go: () => {
          settle()
          resolve(true)
        },
      }
      const aborted = (): void => {
        settle()
        reject(signal?.reason)
      }
      const expired = (): void => {
        settle()
        resolve(false)
      }
      const timer = waitMs <= MAX_TIMEOUT_MS ? setTimeout(expired, waitMs) : undefined
      queue.push(waiter)
      signal?.addEventListener('abort', aborted)
    })
  }

  done(name: string): void {
    const next = this.queues.get(name)?.[0]
    if (next === undefined) this.queues.delete(name)
    else next.go()
  }
}

/** `setTimeout` takes no more; a longer wait is as good as none. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1
