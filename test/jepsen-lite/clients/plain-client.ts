import type { Line } from '../../../src/protocol/line.js'
import { formatWait } from '../../../src/protocol/values.js'
import type { ClientContext } from './client.js'
import { SessionHold } from './hold.js'
import { PlainSession, SessionOver } from './plain-session.js'

export interface PlainLock {
  readonly name: string
  readonly token: number
}

export interface AcquireOptions {
  readonly name: string
  /** Null: for ever. */
  readonly waitMs: number | null
  /** Marks of the operation. */
  readonly about?: Readonly<Record<string, boolean>>
  /** Called with the number of the request as soon as it is sent. */
  readonly sent?: (request: number) => void
}

/** A plain session's user, and the record of what it asks, is told and believes. It opens a new session when one is over. */
export class PlainClient {
  #session: PlainSession | null = null
  readonly #holds = new Map<number, SessionHold>()

  constructor(private readonly context: ClientContext) {}

  /** Null when the client shall finish before any node takes it. */
  async session(): Promise<PlainSession | null> {
    if (this.#session?.isOver === false) return this.#session
    this.#session = await PlainSession.open(this.context)
    if (this.#session !== null) this.#session.onLost = (isLost) => this.#lost(isLost)
    return this.#session
  }

  /** Null when it was not granted, or nobody knows. */
  async acquire({ name, waitMs, about, sent }: AcquireOptions): Promise<PlainLock | null> {
    const session = await this.session()
    if (session === null) return null
    const { journal } = this.context
    const request = session.nextId
    journal.invoke('acquire', { name, client: 'plain', wait: waitMs, session: session.id, request, ...about })
    const wait = formatWait(waitMs ?? Number.POSITIVE_INFINITY)
    try {
      const asked = session.ask('lock', { name, wait }, (line) => {
        journal.note('queued', { name, position: line.number('position') ?? null })
      })
      sent?.(request)
      const line = await asked
      const token = line.number('token')
      this.#noteAnswer(session, request, name, line)
      if (line.action === 'ok' && token !== undefined) {
        journal.ok({ token })
        this.#holds.set(token, new SessionHold(journal, { name, token }, () => session.remainingMs()))
        return { name, token }
      }
      if (line.action === 'not-granted') journal.fail({ reason: line.get('reason') })
      else journal.unknown({ reason: `${line.action},${line.rest}` })
    } catch (error) {
      this.#sessionOver(error)
    }
    return null
  }

  async release({ name, token }: PlainLock, sent: (request: number) => void = () => {}): Promise<void> {
    const session = this.#session
    if (session === null) return
    const { journal } = this.context
    this.#holds.get(token)?.end(session.remainingMs() > 0 ? 'released' : 'deadline')
    this.#holds.delete(token)
    const request = session.nextId
    journal.invoke('release', { name, token, session: session.id, request })
    try {
      const asked = session.ask('release', { name, token })
      sent(request)
      const line = await asked
      this.#noteAnswer(session, request, name, line)
      if (line.action === 'released') journal.ok()
      else if (line.get('code') === 'not-holder') journal.fail({ reason: 'not-holder' })
      else journal.unknown({ reason: `${line.action},${line.rest}` })
    } catch (error) {
      this.#sessionOver(error)
    }
  }

  /** Gives up the open request. What comes of it is its own answer. */
  cancel(name: string, request: number): void {
    this.context.journal.note('cancel', { name })
    this.#session?.ask('cancel', { request }).catch((error) => {
      if (!(error instanceof SessionOver)) throw error
    })
  }

  /** Asks again what has been answered; the answer is noted and has to be the same. */
  async repeat(request: number, name: string): Promise<void> {
    const session = this.#session
    if (session === null || session.isOver) return
    try {
      this.#noteAnswer(session, request, name, await session.repeat(request))
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

  #noteAnswer(session: PlainSession, request: number, name: string, line: Line): void {
    const token = line.number('token')
    const answer = `${line.action},${line.rest}`
    const granted = token === undefined ? {} : { token }
    this.context.journal.note('answer', { name, session: session.id, request, answer, ...granted })
  }

  close(): void {
    this.#session?.close()
  }

  #lost(isLost: (token: number) => boolean): void {
    for (const [token, hold] of this.#holds) {
      if (!isLost(token)) continue
      hold.end('lost')
      this.#holds.delete(token)
    }
  }

  #sessionOver(error: unknown): void {
    if (!(error instanceof SessionOver)) throw error
    this.context.journal.unknown({ reason: error.message })
  }
}
