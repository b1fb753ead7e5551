/**
 * One round over the endpoints: their names are looked up side by side, and connections are made without waiting for an
 * address that hangs. Connects may race, openings may not (rules.md rule 4): the caller gets one connection at a time.
 */
import { formatHostPort } from '../../address.js'
import { CONNECT_STAGGER_MS, LOOKUP_PATIENCE_MS } from '../limits.js'
import { after } from '../long-timer.js'
import type { EndpointResolver } from './endpoints.js'
import { Link, LinkError, type Trouble } from './link.js'
import type { Connect, DialAddress } from './link-socket.js'

export interface FailedAttempt {
  readonly address: string
  readonly reason: string
  /** Null: another try may do better. */
  readonly trouble: Trouble | null
}

export interface RaceOptions {
  readonly addresses: EndpointResolver
  /** Plain text and this thread, unless given. */
  readonly connect?: Connect | undefined
  /** Tried before the endpoints. */
  readonly first?: DialAddress | undefined
  /** HOST:PORT that is tried after all others. */
  readonly last?: string | undefined
  /** For one connection. */
  readonly connectTimeoutMs: number
  /** For the whole round. */
  readonly budgetMs: number
  readonly signal: AbortSignal
  failed(attempt: FailedAttempt): void
}

export class ConnectRace {
  /** Not dialled yet, next first. */
  readonly #waiting: DialAddress[] = []
  readonly #waitingAtTheEnd: DialAddress[] = []
  readonly #connected: { readonly link: Link; readonly address: DialAddress }[] = []
  #dialling = 0
  #lookingUp = 0
  #anyAddress = false
  #lastDialAt = 0
  readonly #startedAt = performance.now()
  readonly #over = new AbortController()
  #changed: () => void = () => {}

  constructor(private readonly options: RaceOptions) {
    const { first } = options
    if (first !== undefined) this.#found(first)
    const lookups = options.addresses.look({
      found: (address) => {
        if (first === undefined || formatHostPort(address) !== formatHostPort(first)) this.#found(address)
      },
      unresolved: (address, reason) => {
        if (!this.#over.signal.aborted) options.failed({ address, reason, trouble: null })
      },
    })
    for (const asked of lookups) {
      this.#lookingUp += 1
      void asked.then(() => {
        this.#lookingUp -= 1
        this.#changed()
      })
    }
    options.signal.addEventListener('abort', this.#aborted)
  }

  /** A name is being looked up still: the round may end without its addresses. */
  get looksUp(): boolean {
    return this.#lookingUp > 0
  }

  /** The next connection, on which nothing has been sent; null when the round is over. */
  async next(): Promise<{ link: Link; address: DialAddress } | null> {
    for (;;) {
      const next = this.#connected.shift()
      if (next !== undefined) return next
      if (this.#over.signal.aborted || this.#leftMs() <= 0) return null
      const staggerMs = this.#lastDialAt + CONNECT_STAGGER_MS - performance.now()
      if (this.#dialling === 0 || staggerMs <= 0) this.#dialNext()
      if (this.#dialling === 0 && this.#lookupPatienceMs() <= 0) return null
      const wakeMs = this.#dialling > 0 ? Math.max(1, staggerMs) : this.#lookupPatienceMs()
      await this.#change(Math.min(this.#dialling > 0 && !this.#anyWaiting ? this.#leftMs() : wakeMs, this.#leftMs()))
    }
  }

  /** Gives up every connection that `next` has not handed out. */
  close(): void {
    this.options.signal.removeEventListener('abort', this.#aborted)
    this.#over.abort()
    for (const { link } of this.#connected.splice(0)) link.reset()
  }

  readonly #aborted = (): void => {
    this.#over.abort()
    this.#changed()
  }

  get #anyWaiting(): boolean {
    return this.#waiting.length + this.#waitingAtTheEnd.length > 0
  }

  #found(address: DialAddress): void {
    this.#anyAddress = true
    const queue = formatHostPort(address) === this.options.last ? this.#waitingAtTheEnd : this.#waiting
    queue.push(address)
    this.#changed()
  }

  #dialNext(): void {
    const address = this.#waiting.shift() ?? this.#waitingAtTheEnd.shift()
    if (address === undefined) return
    this.#dialling += 1
    this.#lastDialAt = performance.now()
    const timeoutMs = Math.min(this.options.connectTimeoutMs, this.#leftMs())
    Link.dial(address, timeoutMs, this.#over.signal, this.options.connect)
      .then(
        (link) => {
          if (this.#over.signal.aborted) link.reset()
          else this.#connected.push({ link, address })
        },
        (error: unknown) => {
          if (!(error instanceof LinkError) || this.#over.signal.aborted) return
          this.options.failed({ address: formatHostPort(address), reason: error.message, trouble: error.trouble })
        },
      )
      .finally(() => {
        this.#dialling -= 1
        this.#changed()
      })
  }

  /** Where nothing else is left to try a lookup may take the whole budget; where there was an address, a moment. */
  #lookupPatienceMs(): number {
    if (this.#lookingUp === 0) return 0
    const limitMs = this.#anyAddress ? LOOKUP_PATIENCE_MS : this.options.connectTimeoutMs
    return this.#startedAt + limitMs - performance.now()
  }

  #leftMs(): number {
    return this.#startedAt + this.options.budgetMs - performance.now()
  }

  #change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const stop = after(Math.max(0, ms), resolve)
      this.#changed = () => {
        stop()
        resolve()
      }
    })
  }
}
