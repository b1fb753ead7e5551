/**
 * The sessions of one client. One is enough as a rule. Further ones are opened when so much is asked for at once that a
 * session cannot take it, and to set idle locks aside: the end of a connection frees locks in milliseconds only if no
 * answer is on its way to a process that dies (its kernel resets the connection then, and the lease has to run out).
 */
import { RefusedError } from '../errors.js'
import { IDLE_HOLD_MS, MAX_REFUSALS, MAX_SESSIONS, MAX_SESSIONS_SET_ASIDE, SET_ASIDE_INTERVAL_MS } from '../limits.js'
import type { SessionHooks } from './lock-session.js'
import { ClientSession, type SessionOptions } from './session.js'

export class SessionPool {
  readonly #sessions = new Set<ClientSession>()
  /** They keep the locks that they have and get no further ones. */
  readonly #setAside = new Set<ClientSession>()
  /** A node refused them a further lock; until one was released. */
  readonly #full = new Set<ClientSession>()
  #lastSetAsideAt = Number.NEGATIVE_INFINITY
  /** Where the next request goes. */
  #current: ClientSession | null = null
  #opening: Promise<void> | null = null
  /** Of the cluster, as the last session to be opened was told. */
  #level = 1
  /** Called when there may be room. */
  #waiting: (() => void)[] = []

  constructor(
    private readonly options: SessionOptions,
    private readonly hooks: Pick<SessionHooks, 'lost'>,
    /** Aborted when the client is closed. */
    private readonly closed: AbortSignal,
  ) {}

  /**
   * Calls `use` with a session that takes a request at that moment. `preferred` is taken if it can be. Rejects like
   * `ClientSession.open`, and with the reason of `signal`.
   */
  async use<Result>(
    use: (session: ClientSession) => Promise<Result>,
    preferred: ClientSession | null = null,
    signal?: AbortSignal,
  ): Promise<Result> {
    for (let refusals = 0; ; ) {
      this.closed.throwIfAborted()
      signal?.throwIfAborted()
      const session = preferred !== null && this.#takesRequests(preferred) ? preferred : this.#ready()
      if (session === null) await (this.#sessions.size < MAX_SESSIONS ? this.#more() : this.#room(signal))
      else {
        try {
          // Nothing may come between looking and asking, or thousands of callers would find the same session empty.
          return await use(session)
        } catch (error) {
          if (!isFull(error, session) || refusals === MAX_REFUSALS) throw error
          refusals += 1
          this.#full.add(session)
        }
      }
    }
  }

  /** After something of `session` was released: a session that is no longer needed ends with its last lock. */
  settled(session: ClientSession): void {
    this.#full.delete(session)
    if (session !== this.#current && session.idle && !session.ended) void session.close()
  }

  /** The feature level of the cluster, which only rises. */
  get level(): number {
    for (const { level } of this.#sessions) this.#level = Math.max(this.#level, level)
    return this.#level
  }

  get ids(): readonly string[] {
    return [...this.#sessions].map(({ id }) => id)
  }

  async close(): Promise<void> {
    this.#wake()
    await Promise.all([...this.#sessions].map((session) => session.close()))
  }

  #ready(): ClientSession | null {
    const current = this.#current
    if (current !== null && this.#takesRequests(current) && !this.#shouldSetAside(current)) return current
    for (const session of this.#sessions) {
      if (session !== current && this.#takesRequests(session) && !this.#setAside.has(session)) {
        this.#current = session
        return session
      }
    }
    return null
  }

  /** Idle locks and busy ones go separate ways; not too often, or tasks that hold for seconds would open one after the other. */
  #shouldSetAside(session: ClientSession): boolean {
    if (this.#setAside.has(session)) return true
    const now = performance.now()
    if (!session.busy || session.oldestHoldMs < IDLE_HOLD_MS) return false
    if (now - this.#lastSetAsideAt < SET_ASIDE_INTERVAL_MS || this.#setAside.size >= MAX_SESSIONS_SET_ASIDE)
      return false
    this.#lastSetAsideAt = now
    this.#setAside.add(session)
    return true
  }

  #more(): Promise<void> {
    this.#opening ??= this.#open().finally(() => {
      this.#opening = null
    })
    return this.#opening
  }

  async #open(): Promise<void> {
    const hooks: SessionHooks = {
      ...this.hooks,
      ended: () => this.#ended(session),
      eased: () => this.#wake(),
    }
    const session = await this.openApart(hooks)
    this.#sessions.add(session)
    const previous = this.#current
    this.#current = session
    if (previous !== null) this.settled(previous)
  }

  /** A session of the same cluster that is not among those that take requests. */
  openApart(hooks: SessionHooks): Promise<ClientSession> {
    return ClientSession.open(this.options, hooks, this.closed, this.#cluster)
  }

  /** Locks of one client must not be spread over two clusters, wherever its endpoints lead by now. */
  get #cluster(): string | null {
    for (const { clusterId } of this.#sessions) if (clusterId !== null) return clusterId
    return null
  }

  #ended(session: ClientSession): void {
    this.#sessions.delete(session)
    this.#setAside.delete(session)
    this.#full.delete(session)
    this.#wake()
  }

  #takesRequests(session: ClientSession): boolean {
    return !session.ended && !session.crowded && !this.#full.has(session)
  }

  #room(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        signal?.removeEventListener('abort', go)
        resolve()
      }
      this.#waiting.push(go)
      signal?.addEventListener('abort', go)
    })
  }

  #wake(): void {
    for (const go of this.#waiting.splice(0)) go()
  }
}

/** The node's bound is a setting that this side does not know. A session with nothing in it is not what is too full. */
function isFull(error: unknown, session: ClientSession): boolean {
  return error instanceof RefusedError && error.serverCode === 'limit' && !session.idle
}
