import { setTimeout as sleep } from 'node:timers/promises'
import { parseHostPort } from '../../../src/address.js'
import { TcpNetLockError } from '../../../src/client/errors.js'
import { ANSWER_TIMEOUT_MS, KEEPALIVES_PER_LEASE } from '../../../src/client/limits.js'
import { KeepAlive } from '../../../src/client/session/keep-alive.js'
import { type Instant, LocalLease } from '../../../src/client/session/local-lease.js'
import { readWelcome, type Welcome } from '../../../src/client/session/session-replies.js'
import { reach } from '../../../src/client/transport/dial.js'
import { EndpointResolver } from '../../../src/client/transport/endpoints.js'
import { type Link, LinkError } from '../../../src/client/transport/link.js'
import { type Fields, formatLine, type Line } from '../../../src/protocol/line.js'
import { formatSeconds } from '../../../src/protocol/values.js'
import type { ClientContext } from './client.js'
import { connectAsAsked } from './way.js'

const RETRY_MS = 200
/** Longer than a session can be resumed. */
const RESUME_BUDGET_LEASES = 3
/** So many answers can be asked for again. A node keeps 1,024 at most, and then refuses. */
const ANSWERS_KEPT = 256

export class SessionOver extends Error {
  override readonly name = 'SessionOver'
}

/** What a session is asked. */
export interface Question {
  readonly action: string
  readonly fields?: Fields
  /** Several of one key. */
  readonly names?: readonly string[]
  readonly onQueued?: (line: Line) => void
  /** Called with the answer before anything else is heard of it. */
  readonly onAnswer?: (answer: readonly Line[]) => void
}

interface Request {
  readonly line: string
  /** So many `ok` are one answer. */
  readonly names: number
  readonly onQueued: (line: Line) => void
  readonly onAnswer: (answer: readonly Line[]) => void
  sends: number
  oks: Line[]
  settle: ((answer: readonly Line[]) => void) | null
  readonly fail: (error: Error) => void
}

/**
 * A client of the session dialect that shows what the library hides: its answers word by word, requests that are repeated
 * although they were answered, connections that it breaks itself.
 */
export class PlainSession {
  readonly id: string
  /** Called with what tells the tokens of lost locks from others, and what the node said of the loss. */
  onLost: (isLost: (token: number) => boolean, reason: string) => void = () => {}
  /** Called with the names and tokens that a resume found held. */
  onHeld: (held: ReadonlyMap<number, string>) => void = () => {}
  readonly #secret: string
  readonly #localLease: LocalLease
  readonly #requests = new Map<number, Request>()
  readonly #keepAlive: KeepAlive
  readonly #over = new AbortController()
  #link: Link | null = null
  #lastId = 0
  #acknowledged = 0
  #attempt = 0
  /** An answer to a request that was sent again, whose `lost` may follow in the same write. */
  #unconfirmed: { readonly request: Request; readonly answer: readonly Line[] } | null = null
  /** Tokens that were lost; those of answers that are not confirmed yet are looked for here. */
  readonly #lost = new Set<number>()

  /** Null when the client shall finish before any node takes it; one that is finishing already tries once. */
  static async open(context: ClientContext): Promise<PlainSession | null> {
    const addresses = new EndpointResolver(context.endpoints.map((text) => parseHostPort(text)))
    const lease = formatSeconds(context.leaseMs)
    const linger = context.lingerMs > 0 ? formatSeconds(context.lingerMs) : undefined
    const signal = context.stopping.aborted ? new AbortController().signal : context.stopping
    do {
      try {
        const { link, welcome } = await reach({
          connect: connectAsAsked,
          addresses,
          opening: (opened) => formatLine('hello', { version: 2, lease, linger, redirect: 'no', from: opened.from }),
          welcomed: (_, line, sentAt) => readWelcome(line, context.leaseMs, sentAt),
          budgetMs: context.leaseMs,
          answerTimeoutMs: ANSWER_TIMEOUT_MS,
          signal,
        })
        return new PlainSession(addresses, link, welcome)
      } catch (error) {
        if (!(error instanceof TcpNetLockError) && !context.stopping.aborted) throw error
        await sleep(RETRY_MS)
      }
    } while (!context.stopping.aborted)
    return null
  }

  private constructor(
    private readonly addresses: EndpointResolver,
    link: Link,
    welcome: Welcome,
  ) {
    this.id = welcome.id
    this.#secret = welcome.secret
    this.#localLease = new LocalLease(welcome.leaseMs, welcome.sentAt)
    this.#keepAlive = new KeepAlive(welcome.leaseMs / KEEPALIVES_PER_LEASE, undefined, {
      send: () => this.#link?.send(formatLine('.keepalive')),
      confirmed: (sentAt) => this.#confirm(sentAt),
      overdue: () => this.breakLink(),
    })
    this.#adopt(link)
  }

  get isOver(): boolean {
    return this.#over.signal.aborted
  }

  remainingMs(): number {
    return this.isOver ? 0 : this.#localLease.remainingMs()
  }

  /** The number that the next request will have. */
  get nextId(): number {
    return this.#lastId + 1
  }

  /** Resolves with the last answer, however often the connection breaks before. Rejects with SessionOver. */
  ask({
    action,
    fields = {},
    names = [],
    onQueued = () => {},
    onAnswer = () => {},
  }: Question): Promise<readonly Line[]> {
    this.#acknowledgeOld()
    this.#lastId += 1
    const id = this.#lastId
    const ack = this.#acknowledged > 0 ? this.#acknowledged : undefined
    const several = names.map((name) => `,name:${name}`).join('')
    const line = formatLine(action, { id, ...fields, ack }).replace(/\n$/, `${several}\n`)
    return this.#send(id, { line, names: Math.max(1, names.length), onQueued, onAnswer })
  }

  /** Sends a request once more that has been answered and not acknowledged. */
  repeat(id: number): Promise<readonly Line[]> {
    const request = this.#requests.get(id)
    if (request === undefined || request.settle !== null) throw new Error(`request ${id} cannot be repeated`)
    const { line, names } = request
    return this.#send(id, { line, names, onQueued: () => {}, onAnswer: () => {} })
  }

  wasLost(token: number): boolean {
    return this.#lost.has(token)
  }

  /** The answers to requests up to `id` are not needed any more; the next request says so. */
  acknowledge(id: number): void {
    this.#acknowledged = id
    for (const known of this.#requests.keys()) if (known <= id) this.#requests.delete(known)
  }

  /** Leaves the connection by a reset, and resumes at another node. */
  breakLink(): void {
    const link = this.#link
    if (link === null) return
    this.#link = null
    this.#keepAlive.stop()
    link.reset()
    void this.#resume(link.address)
  }

  close(): void {
    this.#link?.send(formatLine('bye'))
    this.#link?.finish()
    this.#link = null
    this.#end('closed')
  }

  #acknowledgeOld(): void {
    if (this.#lastId - this.#acknowledged < 2 * ANSWERS_KEPT) return
    const open = [...this.#requests].find(([, { settle }]) => settle !== null)?.[0] ?? this.#lastId + 1
    const old = Math.min(open - 1, this.#lastId - ANSWERS_KEPT)
    if (old > this.#acknowledged) this.acknowledge(old)
  }

  #send(id: number, of: Pick<Request, 'line' | 'names' | 'onQueued' | 'onAnswer'>): Promise<readonly Line[]> {
    return new Promise((settle, fail) => {
      if (this.isOver) return fail(new SessionOver('over before it was asked'))
      const request: Request = { ...of, sends: 0, oks: [], settle, fail }
      this.#requests.set(id, request)
      if (this.#link !== null) this.#sendOn(this.#link, request)
    })
  }

  #sendOn(link: Link, request: Request): void {
    request.sends += 1
    request.oks = []
    link.send(request.line)
  }

  #adopt(link: Link): void {
    this.#link = link
    link.attach({ line: (line) => this.#received(line), closed: () => this.breakLink() })
    if (this.#link !== link) return
    this.#unconfirmed = null
    for (const request of this.#requests.values()) if (request.settle !== null) this.#sendOn(link, request)
    this.#keepAlive.start()
  }

  #received(line: Line): void {
    if (line.action === 'lost') {
      const lost = line.number('token')
      if (lost !== undefined) this.#lost.add(lost)
      this.onLost((token) => token === lost, line.get('reason') ?? '')
      return
    }
    if (this.#isReleasedSince(line)) return
    this.#confirmAnswer(line)
    if (line.action === 'alive') this.#keepAlive.answered()
    else if (line.action === 'moved') this.breakLink()
    else this.#answered(line)
  }

  #requestOf(line: Line): Request | undefined {
    return this.#requests.get(line.number('id') ?? 0)
  }

  #answered(line: Line): void {
    const request = this.#requestOf(line)
    if (request === undefined) return
    if (line.action === 'queued') {
      request.onQueued(line)
      return
    }
    // After a resume the node may tell its answer unasked, and then once more.
    const isCopy = request.oks.some((ok) => ok.rest === line.rest)
    if (line.action === 'ok' && !isCopy) request.oks.push(line)
    if (line.action === 'ok' && request.oks.length < request.names) return
    const answer = line.action === 'ok' ? request.oks : [...request.oks, line]
    if (line.action === 'ok' && request.sends > 1) this.#unconfirmed = { request, answer }
    else this.#settle(request, answer)
  }

  /** What was granted to a request that was sent again has been released meanwhile. */
  #isReleasedSince(line: Line): boolean {
    const waiting = this.#unconfirmed
    if (waiting === null || line.action !== 'released' || this.#requestOf(line) !== waiting.request) return false
    const grant = waiting.answer.find((ok) => ok.get('name') === line.get('name'))
    this.#lost.add(grant?.number('token') ?? 0)
    return true
  }

  /** Whatever is said next was written later than the answer, and than the `lost` of what had ended before it was repeated. */
  #confirmAnswer(next: Line): void {
    const waiting = this.#unconfirmed
    if (waiting === null || (next.action === 'ok' && this.#requestOf(next) === waiting.request)) return
    this.#unconfirmed = null
    this.#settle(waiting.request, waiting.answer)
  }

  #settle(request: Request, answer: readonly Line[]): void {
    if (request.settle === null) return
    request.onAnswer(answer)
    request.settle(answer)
    request.settle = null
  }

  /** A limit that has passed is not undone. */
  #confirm(sentAt: Instant): void {
    if (this.#localLease.remainingMs() > 0) this.#localLease.confirm(sentAt)
    else this.#end('the lease has run out')
  }

  async #resume(left: string): Promise<void> {
    try {
      const { link, welcome } = await reach<Instant>({
        connect: connectAsAsked,
        addresses: this.addresses,
        last: left,
        opening: (opened) => this.#resumeLine(opened),
        welcomed: (opened, _, sentAt) => this.#readResumed(opened, sentAt),
        budgetMs: RESUME_BUDGET_LEASES * this.#localLease.leaseMs,
        answerTimeoutMs: ANSWER_TIMEOUT_MS,
        signal: this.#over.signal,
      })
      this.#confirm(welcome)
      if (this.isOver) link.reset()
      else this.#adopt(link)
    } catch (error) {
      this.#end(String(error))
    }
  }

  #resumeLine({ from }: Link): string {
    this.#attempt += 1
    return formatLine('resume', { session: this.id, secret: this.#secret, attempt: this.#attempt, from })
  }

  async #readResumed(link: Link, sentAt: Instant): Promise<Instant> {
    const held = new Map<number, string>()
    for (;;) {
      const line = await link.nextLine(ANSWER_TIMEOUT_MS, this.#over.signal)
      const token = line.number('token')
      if (line.action === 'ready') {
        this.onLost((known) => !held.has(known), 'not held')
        this.onHeld(held)
        return sentAt
      }
      if (line.action === 'err') throw new LinkError(line.rest)
      if (line.action === 'held' && token !== undefined) held.set(token, line.get('name') ?? '')
      if (line.action === 'lost' && token !== undefined) this.#lost.add(token)
    }
  }

  #end(why: string): void {
    if (this.isOver) return
    this.#over.abort()
    this.#keepAlive.stop()
    this.#link?.reset()
    this.#link = null
    this.onLost(() => true, why)
    for (const { settle, fail } of this.#requests.values()) if (settle !== null) fail(new SessionOver(why))
  }
}
