/** A caller who gives up is told at once, whatever becomes of the request. */
import { CANCEL_PATIENCE_MS, WAIT_MARGIN_MS } from './limits.js'
import type { Lock } from './lock.js'
import { after } from './long-timer.js'

/**
 * Rejects at once when `signal` aborts, and with `late` when `waitMs` has passed and the cluster does not say so itself,
 * in an outage for example. A lock that comes all the same is released.
 */
export function abandonable(
  asked: Promise<Lock>,
  signal: AbortSignal | undefined,
  waitMs: number,
  late: () => unknown,
): Promise<Lock> {
  return new Promise((resolve, reject) => {
    let abandoned = false
    const settled = (): void => {
      stopTimer()
      signal?.removeEventListener('abort', aborted)
    }
    const abandon = (reason: unknown): void => {
      settled()
      abandoned = true
      reject(reason)
    }
    const aborted = (): void => abandon(signal?.reason)
    const patienceMs = waitMs + WAIT_MARGIN_MS + CANCEL_PATIENCE_MS
    const stopTimer = after(waitMs > 0 ? patienceMs : Number.POSITIVE_INFINITY, () => abandon(late()))
    signal?.addEventListener('abort', aborted)
    asked.then(
      (lock) => {
        settled()
        if (abandoned) void lock[Symbol.asyncDispose]()
        else resolve(lock)
      },
      (error: unknown) => {
        settled()
        reject(error)
      },
    )
    if (signal?.aborted) aborted()
  })
}
