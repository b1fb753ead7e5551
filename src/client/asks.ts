/** What is asked of a lock: its name, and how much of it (docs/protocol.md). */
import { parseAsk } from '../protocol/asks.js'
import { InvalidOptionError } from './errors.js'
import { NAMES_PER_REQUEST_MAX_COUNT, PERMITS_MAX_COUNT } from './limits.js'
import { assertLockName } from './names.js'

export interface Permits {
  readonly permits: number
  /** Of the whole semaphore. */
  readonly limit: number
}

export type Amount = 'exclusive' | 'shared' | Permits

export interface Ask {
  readonly name: string
  readonly amount: Amount
}

/** How much is asked of every name that does not say it itself. */
export interface AmountOptions {
  readonly mode?: 'exclusive' | 'shared' | undefined
  readonly limit?: number | undefined
  readonly permits?: number | undefined
}

/** Throws InvalidOptionError. */
export function readAmount({ mode, limit, permits }: AmountOptions): Amount {
  if (mode !== undefined && mode !== 'exclusive' && mode !== 'shared') {
    throw new InvalidOptionError(`mode: '${mode}' is neither exclusive nor shared`)
  }
  if (limit === undefined) {
    if (permits !== undefined) throw new InvalidOptionError('permits are of a limit, which is missing')
    return mode ?? 'exclusive'
  }
  if (mode !== undefined) throw new InvalidOptionError('a lock has a mode, a semaphore a limit: not both')
  return checkedPermits('', permits ?? 1, limit)
}

/** `NAME`, `NAME@shared`, `NAME@exclusive` or `NAME@P/L`; without one of these words it is asked for as `standard`. */
export function readAsk(text: string, standard: Amount): Ask {
  const parsed = parseAsk(text)
  if (parsed === 'ask') {
    throw new InvalidOptionError(`'${text}': after @ stands shared, exclusive, or permits and limit as 2/5`)
  }
  if (parsed === 'name') {
    assertLockName(text.split('@')[0] ?? '')
    throw new InvalidOptionError(`'${text}' names no lock`)
  }
  const { name, own } = parsed
  if (own === null) return { name, amount: standard }
  return { name, amount: 'mode' in own ? own.mode : checkedPermits(`'${text}': `, own.permits, own.limit) }
}

/** All or nothing: the names of one request. Throws InvalidOptionError. */
export function readAsks(texts: readonly string[], standard: Amount): readonly Ask[] {
  if (texts.length === 0) throw new InvalidOptionError('no lock name')
  if (texts.length > NAMES_PER_REQUEST_MAX_COUNT) {
    throw new InvalidOptionError(`${texts.length} lock names: at most ${NAMES_PER_REQUEST_MAX_COUNT} in one request`)
  }
  const asks = texts.map((text) => readAsk(text, standard))
  const names = new Set<string>()
  for (const { name } of asks) {
    if (names.has(name)) throw new InvalidOptionError(`the lock name '${name}' is there twice`)
    names.add(name)
  }
  return asks
}

/** As `readAsk` reads it: `x`, `x@shared`, `x@2/5`. */
export function formatAsk({ name, amount }: Ask): string {
  if (amount === 'exclusive') return name
  return amount === 'shared' ? `${name}@shared` : `${name}@${amount.permits}/${amount.limit}`
}

/** For people: `x`, or `x and 2 more`. */
export function describeNames(names: readonly string[]): string {
  const [first = '', ...others] = names
  return others.length === 0 ? `'${first}'` : `'${first}' and ${others.length} more`
}

export function isSameAmount(one: Amount, other: Amount): boolean {
  if (typeof one === 'string' || typeof other === 'string') return one === other
  return one.permits === other.permits && one.limit === other.limit
}

function checkedPermits(where: string, permits: number, limit: number): Permits {
  for (const [word, value] of [
    ['permits', permits],
    ['limit', limit],
  ] as const) {
    if (!Number.isInteger(value) || value < 1 || value > PERMITS_MAX_COUNT) {
      throw new InvalidOptionError(`${where}${word}: ${value} is not from 1 to ${PERMITS_MAX_COUNT}`)
    }
  }
  if (permits > limit) throw new InvalidOptionError(`${where}${permits} permits of a limit of ${limit}`)
  return { permits, limit }
}
