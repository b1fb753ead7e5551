/** What the auth file demands of whoever asks for a name (`policies:`), looked at when a lock is asked for. */
import { type Ask, EXCLUSIVE, SHARED } from '../../../locks/commands/commands.js'
import type { Policy, TermsRefusal } from '../../access/policy.js'

export interface AskedOf {
  readonly asks: readonly Ask[]
  readonly ttlMs: number
  readonly meta: string
  readonly waitMs: number
}

/** Null: all names may be asked for like that. `waitersOf`: places in the queue of a name now, as this node knows it. */
export function refusalByRules(
  policy: Policy,
  { asks, ttlMs, meta, waitMs }: AskedOf,
  waitersOf: (name: string) => number,
): TermsRefusal | null {
  // Without an auth file there are no rules, and this is asked for every lock.
  if (policy.hash === null) return null
  for (const { name, amount } of asks) {
    const terms = { mode: modeOf(amount), ttlMs, meta, waits: waitMs !== 0, waiters: () => waitersOf(name) }
    const refusal = policy.refusalOfTerms(terms, name)
    if (refusal !== null) return refusal
  }
  return null
}

function modeOf(amount: number): 'exclusive' | 'shared' | 'semaphore' {
  if (amount === EXCLUSIVE) return 'exclusive'
  return amount === SHARED ? 'shared' : 'semaphore'
}
