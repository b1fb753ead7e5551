/** Asking until the wait is over, where the cluster lets nobody wait: a request of whose names some are frozen (docs/protocol.md). */
import type { Ask } from '../asks.js'
import { NotGrantedError } from '../errors.js'
import { FROZEN_RETRY_INTERVAL_MS } from '../limits.js'
import { pause } from '../long-timer.js'
import type { Grant, LockSession, LockTerms } from './lock-session.js'

/** As `session.ask`. */
export async function askPatiently(
  session: Pick<LockSession, 'ask'>,
  asks: readonly Ask[],
  terms: LockTerms,
): Promise<readonly Grant[]> {
  const { waitMs, signal } = terms
  const askedAt = performance.now()
  for (;;) {
    const leftMs = Math.max(0, waitMs - (performance.now() - askedAt))
    try {
      return await session.ask(asks, { ...terms, waitMs: leftMs })
    } catch (error) {
      const stillMs = waitMs - (performance.now() - askedAt)
      if (!(error instanceof NotGrantedError) || error.reason !== 'frozen' || !(stillMs > 0)) throw error
      await pause(Math.min(stillMs, FROZEN_RETRY_INTERVAL_MS), signal)
      signal?.throwIfAborted()
    }
  }
}
