/** What the auth file demands of whoever asks for a name (`policies:`), looked at when a lock is asked for. */
import { type Ask, EXCLUSIVE, SHARED } from '../../../locks/commands/commands.js'
import type { TermsRefusal } from '../../access/policy.js'
import type { ConnectionContext } from '../connection-context.js'
import type { DialectConnection } from '../dialect.js'

export interface AskedOf {
  readonly asks: readonly Ask[]
  readonly ttlMs: number
  readonly minHoldMs: number
  readonly delayMs: number
  readonly meta: string
  readonly waitMs: number
}

/** Null: all names may be asked for like that. What is refused is written down, as every refusal by the auth file is. */
export function refusalByRules(
  { access, audit, reads }: Pick<ConnectionContext, 'access' | 'audit' | 'reads'>,
  { caller, remote }: Pick<DialectConnection, 'caller' | 'remote'>,
  { asks, waitMs, ...terms }: AskedOf,
): TermsRefusal | null {
  const { policy } = access
  // Without an auth file there are no rules, and this is asked for every lock.
  if (policy.hash === null) return null
  for (const { name, amount } of asks) {
    // Places in the queue now, as this node knows it.
    const waiters = (): number => reads.reports.who(name, 0).waiterCount
    const refusal = policy.refusalOfTerms({ ...terms, mode: modeOf(amount), waits: waitMs !== 0, waiters }, name)
    if (refusal === null) continue
    audit.record({ caller, remote, action: 'lock', name, result: 'refused', reason: refusal.text })
    return refusal
  }
  return null
}

function modeOf(amount: number): 'exclusive' | 'shared' | 'semaphore' {
  if (amount === EXCLUSIVE) return 'exclusive'
  return amount === SHARED ? 'shared' : 'semaphore'
}
