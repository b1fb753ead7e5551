/** One request for locks, from its line to its last answer: `ok` comes once for each name. */
import { SESSION_LINE_MAX_BYTES } from '../../protocol/limits.js'
import { type Fields, formatLine, type Line } from '../../protocol/line.js'
import { formatSeconds, formatWait } from '../../protocol/values.js'
import { type Amount, type Ask, formatAsk, isSameAmount } from '../asks.js'
import type { LostReason, TcpNetLockError } from '../errors.js'
import { HOLDING_LEVEL, HOLDING_MAX_COUNT, NUMBERS_MAX_BYTES } from '../limits.js'
import type { Grant, Kept, LockTerms } from './lock-session.js'
import { readGrant, readRefusal } from './session-replies.js'

export class LockAsking {
  /** By name: after a reconnect the first of them come a second time. */
  readonly #granted = new Map<string, Grant>()
  /** Told before the last `ok` was: a repeated answer says at once what has ended since. */
  readonly #lost = new Map<number, LostReason>()

  constructor(
    readonly asks: readonly Ask[],
    private readonly terms: LockTerms,
  ) {}

  /** `level`: of the cluster; what it may lack is left out if the request means the same without. */
  fields(level: number): Fields {
    const { waitMs, meta, holding, delayMs, minHoldMs, ttlMs, loose, once, onceTtlMs } = this.terms
    const fields = {
      ...namesOf(this.asks),
      wait: formatWait(waitMs),
      delay: secondsOf(delayMs),
      'min-hold': secondsOf(minHoldMs),
      ttl: secondsOf(ttlMs),
      loose: loose === true ? 'yes' : undefined,
      once,
      'once-ttl': secondsOf(onceTtlMs),
      meta,
    }
    if (holding === undefined || level < HOLDING_LEVEL) return fields
    return { ...fields, holding: formatHolding(holding, fields) }
  }

  /** The grants of all names, or why there are none; null while further lines are to come. */
  take(line: Line): readonly Grant[] | TcpNetLockError | null {
    if (line.action === 'queued') {
      this.terms.onQueued?.(line.get('name') ?? this.#first, line.number('position') ?? null)
      return null
    }
    if (line.action !== 'ok') return this.isMoot(line) ? null : readRefusal(line, this.#first)
    const name = line.get('name') ?? this.#first
    if (this.asks.some((ask) => ask.name === name))
      this.#granted.set(name, { ...readGrant(line, name), loose: this.terms.loose })
    if (this.#granted.size < this.asks.length) return null
    return this.asks.flatMap((ask) => this.#granted.get(ask.name) ?? [])
  }

  /** A hold of this request that the node says is lost, though not all of it has been granted yet. */
  lose(name: string | undefined, token: number | undefined, reason: LostReason): void {
    const grant = this.#granted.get(name ?? '')
    if (token !== undefined && grant?.token === token) this.#lost.set(token, reason)
  }

  /** How a grant was lost before all were told; null if it was not. */
  lossOf({ token }: Grant): LostReason | null {
    return token === null ? null : (this.#lost.get(token) ?? null)
  }

  get #first(): string {
    return this.asks[0]?.name ?? ''
  }

  /** `released` between two `ok`: somebody else has ended that hold since. */
  private isMoot(line: Line): boolean {
    if (line.action !== 'released') return false
    const grant = this.#granted.get(line.get('name') ?? '')
    if (grant?.token != null) this.#lost.set(grant.token, 'lease-expired')
    return true
  }
}

/** `mode` or `limit` for the line where all names are asked for alike; else each says it itself. */
function namesOf(asks: readonly Ask[]): Fields {
  const amount: Amount = asks[0]?.amount ?? 'exclusive'
  if (!asks.every((ask) => isSameAmount(ask.amount, amount))) return { name: asks.map(formatAsk) }
  const name = asks.map((ask) => ask.name)
  if (amount === 'exclusive') return { name }
  return amount === 'shared' ? { name, mode: 'shared' } : { name, limit: amount.limit, permits: amount.permits }
}

/** The last ones, which are the innermost, as far as the line has room beside `fields`. */
function formatHolding(holding: readonly Kept[], fields: Fields): readonly string[] {
  if (holding.length === 0) return ['none']
  const words: string[] = []
  let roomBytes = SESSION_LINE_MAX_BYTES - NUMBERS_MAX_BYTES - Buffer.byteLength(formatLine('lock', fields))
  for (const { name, token } of holding.slice(-HOLDING_MAX_COUNT).reverse()) {
    const word = `${name}@${token}`
    roomBytes -= Buffer.byteLength(formatLine('', { holding: word }))
    if (roomBytes < 0) break
    words.unshift(word)
  }
  return words
}

function secondsOf(ms: number | undefined): number | undefined {
  return ms === undefined || ms === 0 ? undefined : formatSeconds(ms)
}
