/** Whether the terms of an ask fit the rules for its name (`policies:` of the auth file). */
import { formatSeconds } from '../../protocol/values.js'
import type { AskedTerms, TermsRefusal } from './policy.js'
import type { NameRules } from './policy-data.js'

/** `prefix`: where the rules stand, for the text. */
export function judgeTerms(rules: NameRules, terms: AskedTerms, prefix: string): TermsRefusal | null {
  const { maxHoldMs, modes, maxWaiters } = rules
  const where = prefix === '' ? 'here' : `under ${prefix}`
  const never = (text: string): TermsRefusal => ({ code: 'unauthorized', text: `${text} (policies of this cluster)` })
  if (modes !== null && !modes.has(terms.mode)) return never(`only ${[...modes].join(' and ')} locks ${where}`)
  const tooLong = maxHoldMs === null ? null : tooLongOf(terms, maxHoldMs, where)
  if (tooLong !== null) return never(`${tooLong} of at most ${formatSeconds(maxHoldMs ?? 0)} seconds`)
  const lack = lackOfMetadata(rules, terms.meta)
  if (lack !== null) return never(`meta: locks ${where} need ${lack}`)
  if (maxWaiters !== null && terms.waits && terms.waiters() >= maxWaiters) {
    return { code: 'limit', text: `wait: at most ${maxWaiters} may wait for one lock ${where}` }
  }
  return null
}

/** What would keep others out for longer; null: nothing. A tail does so just as the hold did that left it. */
function tooLongOf({ ttlMs, minHoldMs, delayMs }: AskedTerms, maxMs: number, where: string): string | null {
  if (ttlMs === 0 || ttlMs > maxMs) return `ttl: locks ${where} need one`
  if (minHoldMs > maxMs) return `min-hold: locks ${where} may have one`
  return delayMs > maxMs ? `delay: locks ${where} may have one` : null
}

function lackOfMetadata({ metadata }: NameRules, meta: string): string | null {
  if (metadata === 'free') return null
  if (metadata === 'needed') return meta === '' ? 'metadata' : null
  const values = objectOf(meta)
  if (values === null) return `a JSON object with ${metadata.join(', ')}`
  const missing = metadata.filter((key) => !Object.hasOwn(values, key) || values[key] === '' || values[key] === null)
  return missing.length === 0 ? null : `${missing.join(', ')} in their JSON`
}

function objectOf(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
  } catch {
    return null
  }
}
