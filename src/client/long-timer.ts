/** Timers for any length: the runtime fires a delay of more than 31 bits of milliseconds (24.8 days) at once. */
import { MAX_TIMER_MS } from './limits.js'

/** Calls `due` once after `ms`; never for Infinity. Returns what stops it. */
export function after(ms: number, due: () => void): () => void {
  if (ms === Number.POSITIVE_INFINITY) return () => {}
  const dueAt = performance.now() + ms
  const arm = (leftMs: number): NodeJS.Timeout =>
    setTimeout(
      () => {
        const stillMs = dueAt - performance.now()
        if (leftMs > MAX_TIMER_MS && stillMs > 0) timer = arm(stillMs)
        else due()
      },
      Math.min(leftMs, MAX_TIMER_MS),
    )
  let timer = arm(ms)
  return () => clearTimeout(timer)
}

/** Resolves after `ms`, or at once when `signal` aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve()
      return
    }
    const over = (): void => {
      stop()
      signal?.removeEventListener('abort', over)
      resolve()
    }
    const stop = after(ms, over)
    signal?.addEventListener('abort', over)
  })
}
