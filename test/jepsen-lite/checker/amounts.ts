/** How much of a lock somebody asks for or has, as the protocol writes it behind a name: `x`, `x@shared`, `x@2/5`. */

/** `limit`: of the semaphore, as the client knows it. */
export type Amount = 'exclusive' | 'shared' | { readonly permits: number; readonly limit: number }

export interface Ask {
  readonly name: string
  readonly amount: Amount
}

export function formatAsk({ name, amount }: Ask): string {
  if (amount === 'exclusive') return name
  return amount === 'shared' ? `${name}@shared` : `${name}@${amount.permits}/${amount.limit}`
}

export function parseAsk(text: string): Ask {
  const [name = '', amount = 'exclusive'] = text.split('@')
  if (amount === 'exclusive' || amount === 'shared') return { name, amount }
  const [permits, limit] = amount.split('/').map(Number)
  if (!Number.isInteger(permits) || !Number.isInteger(limit)) throw new Error(`no ask: ${text}`)
  return { name, amount: { permits: Number(permits), limit: Number(limit) } }
}

/** In a history several asks are one value. */
export const formatAsks = (asks: readonly Ask[]): string => asks.map(formatAsk).join(' ')
export const parseAsks = (text: string): Ask[] => text.split(' ').map(parseAsk)

export const permitsOf = (amount: Amount): number => (typeof amount === 'string' ? 0 : amount.permits)

/** Two that cannot both have the lock, whoever else has it. `limit`: of a semaphore, now in force. */
export function exclude(one: Amount, other: Amount, limit: number): boolean {
  if (one === 'exclusive' || other === 'exclusive') return true
  if (one === 'shared' || other === 'shared') return one !== other
  return one.permits + other.permits > limit
}
