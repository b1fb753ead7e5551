import type { Fields, Line } from '../../../src/protocol/line.js'
import { formatSeconds, formatWait } from '../../../src/protocol/values.js'
import { type Ask, formatAsk, formatAsks } from '../checker/amounts.js'
import type { HistoryValue } from '../types.js'
import type { ClientContext } from './client.js'
import { SessionHold } from './hold.js'
import { PlainSession, SessionOver } from './plain-session.js'

export interface PlainLock {
  readonly name: string
  readonly token: number
  /** The done-mark that it was asked with. */
  readonly once?: string
}

/** How a request is to be made, and what is noted of it. */
export interface Terms {
  /** Null: for ever. */
  readonly waitMs: number | null
  readonly delayMs?: number
  readonly minHoldMs?: number
  readonly ttlMs?: number
  readonly once?: string
  /** `all` if nothing is said. */
  readonly holding?: string
  /** Marks of the operation. */
  readonly about?: Readonly<Record<string, boolean>>
  /** Called with the number of the request as soon as it is sent. */
  readonly sent?: (request: number) => void
}

export interface AcquireOptions extends Terms {
  readonly name: string
}

/** Refusals after which certainly nothing is held. */
const REFUSALS: ReadonlySet<string | undefined> = new Set([
  'deadlock',
  'limit',
  'limit-mismatch',
  'bad-request',
  'unsupported',
  'frozen',
])

/** A plain session's user, and the record of what it asks, is told and believes. It opens a new session when one is over. */
export class PlainClient {
  #session: PlainSession | null = null
  readonly #holds = new Map<number, SessionHold>()
  /** Every token that it was told. */
  readonly #told = new Set<number>()
  /** Of the open request for several names. */
  #asked: readonly Ask[] = []

  constructor(private readonly context: ClientContext) {}

  /** Null when the client shall finish before any node takes it. */
  async session(): Promise<PlainSession | null> {
    if (this.#session?.isOver === false) return this.#session
    this.#session = await PlainSession.open(this.context)
    if (this.#session !== null) {
      this.#session.onLost = (isLost, reason) => this.#lost(isLost, reason)
      this.#session.onHeld = (held) => this.#found(held)
    }
    return this.#session
  }

  /** Null when it was not granted, or nobody knows. */
  async acquire({ name, ...terms }: AcquireOptions): Promise<PlainLock | null> {
    const [lock = null] = (await this.take([{ name, amount: 'exclusive' }], terms)) ?? []
    return lock
  }

  /** All of them, in this order, or nothing. Null when they were not granted, or nobody knows. */
  async take(asks: readonly Ask[], terms: Terms): Promise<readonly PlainLock[] | null> {
    const session = await this.session()
    if (session === null) return null
    const { journal } = this.context
    const request = session.nextId
    const about = { client: 'plain', session: session.id, request, ...terms.about }
    journal.invoke('acquire', { ...whatIsAsked(asks), ...termsAsked(terms), ...about })
    this.#asked = asks
    let locks: readonly PlainLock[] | null = null
    try {
      const asked = session.ask({
        action: 'lock',
        fields: wordsOf(terms),
        names: asks.map(formatAsk),
        onQueued: (line) => {
          journal.note('queued', { name: line.get('name') ?? '', position: line.number('position') ?? null })
        },
        onAnswer: (answer) => {
          locks = this.#answered(session, asks, terms, answer)
        },
      })
      terms.sent?.(request)
      this.#noteAnswer(session, request, asks, await asked)
    } catch (error) {
      this.#sessionOver(error)
    }
    this.#asked = []
    return locks
  }

  async release(lock: PlainLock, sent: (request: number) => void = () => {}, done = false): Promise<boolean> {
    const session = this.#session
    if (session === null) return false
    const { name, token, once } = lock
    const { journal } = this.context
    this.#holds.get(token)?.end(session.remainingMs() > 0 ? 'released' : 'deadline')
    this.#holds.delete(token)
    const request = session.nextId
    const mark = once === undefined ? {} : { once, done }
    journal.invoke('release', { name, token, session: session.id, request, ...mark })
    try {
      const fields = { name, token, done: done ? 'yes' : undefined }
      const asked = session.ask({ action: 'release', fields })
      sent(request)
      const [line] = await asked
      if (line === undefined) throw new Error('an answer without a line')
      this.#noteAnswer(session, request, [{ name, amount: 'exclusive' }], [line])
      if (line.action === 'released') journal.ok()
      else if (line.get('code') === 'not-holder') journal.fail({ reason: 'not-holder' })
      else journal.unknown({ reason: `${line.action},${line.rest}` })
      return line.action === 'released'
    } catch (error) {
      this.#sessionOver(error)
      return false
    }
  }

  /** Any other request, as one operation, and its answer. Null if nobody knows what came of it. */
  async operate(f: string, value: HistoryValue, action: string, fields: Fields): Promise<Line | null> {
    const session = await this.session()
    if (session === null) return null
    const { journal } = this.context
    journal.invoke(f, value)
    try {
      const [line] = await session.ask({ action, fields })
      const code = line?.get('code')
      if (line === undefined || code === 'no-quorum' || code === 'busy') {
        journal.unknown({ reason: code ?? 'nothing' })
        return null
      }
      const valid = f === 'check' ? { valid: line.action === 'valid' } : {}
      if (line.action === 'err') journal.fail({ reason: code ?? '' })
      else journal.ok({ answer: `${line.action},${line.rest}`, ...valid })
      return line
    } catch (error) {
      this.#sessionOver(error)
    }
    return null
  }

  /** It has not been lost or released, as far as this client knows. */
  believes(token: number): boolean {
    return this.#holds.get(token)?.believedUntil() != null
  }

  /** Gives up the open request. What comes of it is its own answer. */
  cancel(name: string, request: number): void {
    this.context.journal.note('cancel', { name })
    this.#session?.ask({ action: 'cancel', fields: { request } }).catch((error) => {
      if (!(error instanceof SessionOver)) throw error
    })
  }

  /** Asks again what has been answered; the answer is noted and has to be the same. */
  async repeat(request: number, asks: readonly Ask[]): Promise<void> {
    const session = this.#session
    if (session === null || session.isOver) return
    try {
      this.#noteAnswer(session, request, asks, await session.repeat(request))
    } catch (error) {
      if (!(error instanceof SessionOver)) throw error
    }
  }

  /** The connection ends with a reset; the session goes on at another node. */
  breakLink(): void {
    const { journal } = this.context
    if (this.#session === null) return
    journal.note('link-reset', { session: this.#session.id })
    this.#session.breakLink()
  }

  close(): void {
    this.#session?.close()
  }

  #answered(session: PlainSession, asks: readonly Ask[], terms: Terms, answer: readonly Line[]): PlainLock[] | null {
    const { journal } = this.context
    const last = answer.at(-1)
    const code = last?.get('code')
    if (last?.action !== 'ok') {
      if (last?.action === 'not-granted') journal.fail({ reason: last.get('reason') })
      else if (last?.action === 'done') {
        journal.fail({ reason: 'done', holder: last.get('holder'), since: last.get('since') })
      } else if (REFUSALS.has(code)) journal.fail({ reason: code })
      else journal.unknown({ reason: `${last?.action},${last?.rest}` })
      return null
    }
    const tokens = answer.map((line) => line.number('token') ?? 0)
    const until = journal.ok(asks.length > 1 ? { tokens: tokens.join(' ') } : { token: tokens[0] ?? 0 })
    return answer.map((line, index) => {
      const token = tokens[index] ?? 0
      const name = line.get('name') ?? ''
      this.#told.add(token)
      // What had ended before its answer was repeated was never believed.
      if (session.wasLost(token)) journal.note('hold-end', { name, token, why: 'lost', until, left: 0 })
      else this.#holds.set(token, new SessionHold(journal, { name, token }, () => session.remainingMs()))
      return { name, token, ...(terms.once === undefined ? {} : { once: terms.once }) }
    })
  }

  #noteAnswer(session: PlainSession, request: number, asks: readonly Ask[], lines: readonly Line[]): void {
    const answer = lines.map((line) => `${line.action},${line.rest}`).join(' ')
    const token = lines[0]?.number('token')
    const granted = token === undefined ? {} : { token }
    this.context.journal.note('answer', { name: formatAsks(asks), session: session.id, request, answer, ...granted })
  }

  #lost(isLost: (token: number) => boolean, reason: string): void {
    for (const [token, hold] of this.#holds) {
      if (!isLost(token)) continue
      hold.end('lost', reason)
      this.#holds.delete(token)
    }
  }

  /** A resume found the answer to a request, which is not repeated yet: all of its names, or none. */
  #found(held: ReadonlyMap<number, string>): void {
    if (this.#asked.length < 2) return
    const names = this.#asked.map(({ name }) => name)
    const found = [...held].filter(([token, name]) => !this.#told.has(token) && names.includes(name))
    if (found.length === 0 || found.length === names.length) return
    this.context.journal.note('held-in-part', { names: formatAsks(this.#asked), found: found.join(' ') })
  }

  #sessionOver(error: unknown): void {
    if (!(error instanceof SessionOver)) throw error
    if (this.context.journal.isOpen) this.context.journal.unknown({ reason: error.message })
  }
}

function whatIsAsked(asks: readonly Ask[]): HistoryValue {
  const [first] = asks
  if (asks.length > 1 || first === undefined) return { names: formatAsks(asks) }
  const [name = '', amount] = formatAsk(first).split('@')
  return amount === undefined ? { name } : { name, amount }
}

function termsAsked({ waitMs, delayMs, minHoldMs, ttlMs, once, holding }: Terms): HistoryValue {
  return {
    wait: waitMs,
    ...(delayMs === undefined ? {} : { delay: delayMs }),
    ...(minHoldMs === undefined ? {} : { minHold: minHoldMs }),
    ...(ttlMs === undefined ? {} : { ttl: ttlMs }),
    ...(once === undefined ? {} : { once }),
    ...(holding === undefined ? {} : { holding }),
  }
}

function wordsOf({ waitMs, delayMs, minHoldMs, ttlMs, once, holding }: Terms): Fields {
  const seconds = (ms: number | undefined) => (ms === undefined ? undefined : formatSeconds(ms))
  return {
    wait: formatWait(waitMs ?? Number.POSITIVE_INFINITY),
    delay: seconds(delayMs),
    'min-hold': seconds(minHoldMs),
    ttl: seconds(ttlMs),
    once,
    holding,
  }
}
