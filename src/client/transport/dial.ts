/** Finding a node that takes the session: endpoints, redirects, refusals (docs/protocol.md). */
import { AddressError, formatHostPort, type HostPort, parseHostPort } from '../../address.js'
import { formatLine, type Line } from '../../protocol/line.js'
import {
  ClassicServerError,
  type EndpointFailure,
  InsecureConnectionError,
  NoEndpointError,
  NoQuorumError,
  RefusedError,
  SessionExpiredError,
  TlsError,
  UnauthorizedError,
} from '../errors.js'
import {
  MAX_REDIRECT_HOPS,
  MAX_ROUND_PAUSE_MS,
  MIN_ROUND_PAUSE_MS,
  REFUSED_LOOKUP_PATIENCE_MS,
  TIMER_GRAIN_MS,
} from '../limits.js'
import { pause } from '../long-timer.js'
import { type Instant, instantNow } from '../session/local-lease.js'
import { ConnectRace, type FailedAttempt } from './connect-race.js'
import type { EndpointResolver } from './endpoints.js'
import { Link, LinkError, type Trouble } from './link.js'
import type { Connect, DialAddress } from './link-socket.js'

export interface DialPlan<Welcome> {
  readonly addresses: EndpointResolver
  /** Plain text and this thread, unless given. */
  readonly connect?: Connect | undefined
  /** Awaited before each round. */
  readonly beforeRound?: (() => Promise<void>) | undefined
  /** Tried before the endpoints, for example where `moved` pointed. */
  readonly first?: DialAddress | undefined
  /** HOST:PORT of the node that was just left: the others come before it. */
  readonly last?: string | undefined
  /** Only a node of this cluster will do. Without it: of any, but a redirect must not lead out of the cluster that gave it. */
  readonly cluster?: string | null
  /** The first line. `stay`: a redirect has led nowhere; ask this node itself to serve. May throw LinkError: nothing is said there. */
  opening(link: Link, stay: boolean): string
  /** After `welcome`: reads what else belongs to the opening. */
  welcomed(link: Link, welcome: Line, sentAt: Instant): Welcome | Promise<Welcome>
  /** Awaited when a connection stands and nothing has been sent on it. */
  beforeOpening?: ((link: Link) => Promise<void>) | undefined
  /** Takes a connection on which the opening was sent and not answered to the end; otherwise it is reset. */
  unanswered?: ((link: Link) => void) | undefined
  /** Told when a node has applied a later `resume`, with the number of that. */
  superseded?: ((attempt: number) => void) | undefined
  /** Told after each round over the endpoints that found no node. */
  roundFailed?: ((failures: readonly EndpointFailure[]) => void) | undefined
  /** In all; 0: every endpoint is tried once. */
  readonly budgetMs: number
  /** Gives up after a round in which nothing listened anywhere. */
  readonly refusalIsFinal?: boolean | undefined
  /**
   * Gives up where another try would meet the same: for who begins. Who has a session goes on for as long as it lives, since
   * certificates and accounts are mended like other things.
   */
  readonly hopelessIsFinal?: boolean | undefined
  /** For one endpoint: to connect, and then to say its first word. For a redirect: both together. */
  readonly answerTimeoutMs: number
  readonly signal: AbortSignal
}

interface Open<Welcome> {
  readonly link: Link
  readonly welcome: Welcome
}

type Outcome<Welcome> =
  | ({ readonly kind: 'open' } & Open<Welcome>)
  | { readonly kind: 'redirect'; readonly to: DialAddress; readonly cluster: string | null }
  | { readonly kind: 'failed'; readonly reason: string; readonly trouble: Trouble | null; readonly quorum: boolean }

/**
 * Resolves with an open connection. Rejects with NoEndpointError or NoQuorumError when the budget is used up, with
 * SessionExpiredError, ClassicServerError, RefusedError or UnauthorizedError as soon as a node says so, and with TlsError or
 * InsecureConnectionError when that is what is in the way everywhere.
 */
export function reach<Welcome>(plan: DialPlan<Welcome>): Promise<Open<Welcome>> {
  return new Search(plan).run()
}

class Search<Welcome> {
  readonly #startedAt = performance.now()
  /** The last failure of each address, by address. */
  readonly #failures = new Map<string, FailedAttempt>()
  #quorumMissing = false
  #connectedAnywhere = false
  /** A redirect has led nowhere. */
  #stay = false

  constructor(private readonly plan: DialPlan<Welcome>) {}

  async run(): Promise<Open<Welcome>> {
    const { plan } = this
    let pauseMs = MIN_ROUND_PAUSE_MS
    for (let isFirst = true; ; isFirst = false) {
      await plan.beforeRound?.()
      const { open, looksUp } = await this.#round(isFirst)
      if (open !== null) return open
      this.#giveUpIfHopeless(looksUp)
      if (this.#nobodyListens(looksUp) || plan.budgetMs === 0 || this.#isOver) throw this.#exhausted()
      plan.roundFailed?.(this.#told)
      await pause(Math.min(pauseMs * (0.5 + Math.random()), this.#leftMs()), plan.signal)
      if (this.#isOver) throw this.#exhausted()
      pauseMs = Math.min(pauseMs * 2, MAX_ROUND_PAUSE_MS)
    }
  }

  /** Each address once. `looksUp`: there are names that have not been looked up yet. */
  async #round(isFirst: boolean): Promise<{ open: Open<Welcome> | null; looksUp: boolean }> {
    const { plan } = this
    const race = new ConnectRace({
      addresses: plan.addresses,
      connect: plan.connect,
      first: isFirst ? plan.first : undefined,
      last: plan.last,
      connectTimeoutMs: plan.answerTimeoutMs,
      budgetMs: this.#leftMs(),
      signal: plan.signal,
      failed: (attempt) => this.#note(attempt),
    })
    try {
      for (;;) {
        const next = await race.next()
        if (next === null) return { open: null, looksUp: race.looksUp }
        const open = await this.#follow(next.link, next.address, isFirst && isSame(next.address, plan.first))
        if (open !== null) return { open, looksUp: race.looksUp }
        if (this.#isOver) return { open: null, looksUp: race.looksUp }
      }
    } finally {
      race.close()
    }
  }

  /** From a connection to an endpoint over its redirects. `led`: another node named this one. */
  async #follow(own: Link, ownAddress: DialAddress, led: boolean): Promise<Open<Welcome> | null> {
    let address = ownAddress
    let cluster = this.plan.cluster ?? null
    let outcome = await this.#converse(own, address, cluster, led)
    for (let hops = 1; outcome.kind === 'redirect' && hops <= MAX_REDIRECT_HOPS && !this.#isOver; hops += 1) {
      address = outcome.to
      cluster ??= outcome.cluster
      outcome = await this.#goTo(address, cluster)
      // One of our own endpoints has to serve.
      if (outcome.kind === 'failed') this.#stay = true
    }
    if (outcome.kind === 'open') return outcome
    // The redirects went round in circles.
    if (outcome.kind === 'redirect') this.#stay = true
    else {
      this.#quorumMissing ||= outcome.quorum
      // Where another node has sent us may be hopeless; our own endpoint has yet to be asked to serve.
      const trouble = address === ownAddress || outcome.trouble === 'refused' ? outcome.trouble : null
      this.#note({ address: formatHostPort(address), reason: outcome.reason, trouble })
    }
    return null
  }

  async #goTo(address: DialAddress, cluster: string | null): Promise<Outcome<Welcome>> {
    const startedAt = performance.now()
    try {
      const link = await Link.dial(
        address,
        this.#boundedMs(this.plan.answerTimeoutMs),
        this.plan.signal,
        this.plan.connect,
      )
      return await this.#converse(link, address, cluster, true, performance.now() - startedAt)
    } catch (error) {
      if (!(error instanceof LinkError)) throw error
      return failed(error.message, error.trouble)
    }
  }

  /** Opens on this connection, which is given up unless the outcome is `open`. */
  async #converse(
    link: Link,
    address: DialAddress,
    cluster: string | null,
    led: boolean,
    passedMs = 0,
  ): Promise<Outcome<Welcome>> {
    const { plan } = this
    this.#connectedAnywhere = true
    let sent = false
    try {
      await plan.beforeOpening?.(link)
      const opening = plan.opening(link, this.#stay)
      const sentAt = instantNow()
      sent = true
      link.send(opening)
      const line = await link.nextLine(this.#boundedMs(plan.answerTimeoutMs - passedMs), plan.signal)
      const stranger = strangeCluster(line, cluster)
      if (line.action === 'welcome' && stranger === null) {
        const welcome = await plan.welcomed(link, line, sentAt)
        return { kind: 'open', link, welcome }
      }
      if (line.action === 'welcome') leaveForeignSession(link)
      else link.reset()
      if (line.get('code') === 'superseded') plan.superseded?.(line.number('attempt') ?? 0)
      return stranger === null ? judgeRefusal(line, led, plan.hopelessIsFinal === true) : failed(stranger)
    } catch (error) {
      if (sent && plan.unanswered !== undefined) plan.unanswered(link)
      else link.reset()
      if (!(error instanceof LinkError)) throw error
      const whence = led ? ` (${formatHostPort(address)} was named by another node)` : ''
      return failed(`${error.message}${whence}`, error.trouble)
    }
  }

  #note(attempt: FailedAttempt): void {
    // An attempt that the end of the budget cut short says less than the one before it.
    if (this.plan.budgetMs > 0 && this.#leftMs() < TIMER_GRAIN_MS && this.#failures.has(attempt.address)) return
    this.#failures.set(attempt.address, attempt)
  }

  get #told(): readonly EndpointFailure[] {
    return [...this.#failures.values()].map(({ address, reason, trouble }) => ({
      address,
      reason,
      refused: trouble === 'refused',
    }))
  }

  /** Who waits for as long as it takes waits for certificates too. */
  #giveUpIfHopeless(looksUp: boolean): void {
    const attempts = [...this.#failures.values()]
    const [first] = attempts
    const isEverywhere = attempts.every(({ trouble }) => trouble === first?.trouble)
    if (first === undefined || looksUp || !isEverywhere) return
    if (first.trouble === 'unauthorized') throw new UnauthorizedError(first.reason)
    if (this.plan.hopelessIsFinal !== true || this.plan.budgetMs === Number.POSITIVE_INFINITY) return
    if (first.trouble === 'insecure') throw new InsecureConnectionError(this.#told)
    if (first.trouble === 'tls') throw new TlsError(this.#told)
  }

  /** Everything was refused or out of reach at once, and no name is left that may stand for something else. */
  #nobodyListens(looksUp: boolean): boolean {
    if (!this.plan.refusalIsFinal || this.#connectedAnywhere) return false
    const failures = [...this.#failures.values()]
    const timedOut = failures.some(({ reason }) => reason === Link.CONNECT_TIMEOUT)
    const waits = looksUp && performance.now() - this.#startedAt < REFUSED_LOOKUP_PATIENCE_MS
    return failures.some(({ trouble }) => trouble === 'refused') && !timedOut && !waits
  }

  #exhausted(): unknown {
    if (this.plan.signal.aborted) return this.plan.signal.reason
    const refusal = [...this.#failures.values()].find(({ trouble }) => trouble === 'unauthorized')
    if (refusal !== undefined) return new UnauthorizedError(refusal.reason)
    if (this.#quorumMissing) return new NoQuorumError('the cluster has no leader or no majority now')
    for (const address of this.plan.addresses.unanswered) {
      this.#failures.set(address, { address, reason: 'the name is being looked up still', trouble: null })
    }
    return new NoEndpointError(this.#told)
  }

  get #isOver(): boolean {
    return this.plan.signal.aborted || this.#leftMs() <= 0
  }

  #leftMs(): number {
    if (this.plan.budgetMs === 0) return Number.POSITIVE_INFINITY
    return this.plan.budgetMs - (performance.now() - this.#startedAt)
  }

  #boundedMs(ms: number): number {
    return Math.max(1, Math.min(ms, this.#leftMs()))
  }
}

function isSame(address: HostPort, other: HostPort | undefined): boolean {
  return other !== undefined && formatHostPort(address) === formatHostPort(other)
}

/** Why the node that says `line` is not of `cluster`; null if it is, or if nobody knows better. */
function strangeCluster(line: Line, cluster: string | null): string | null {
  const named = line.get('cluster')
  if (cluster === null || named === cluster) return null
  if (named !== undefined) return `a node of another cluster (${named}, not ${cluster})`
  // Who knows the session to resume is of its cluster, named or not.
  const isNew = line.action === 'welcome' && line.get('resumed') === undefined
  return isNew ? `a node that does not say that it is of the cluster ${cluster}` : null
}

/** It was opened there already: end it, so that nobody has to wait for it to expire. */
function leaveForeignSession(link: Link): void {
  link.send(formatLine('bye'))
  link.finish()
}

/** `led`: what an endpoint may decide for good, a node to which another one sent us may not; it may be a stranger. */
function judgeRefusal(line: Line, led: boolean, hopelessIsFinal: boolean): Outcome<never> {
  if (line.action === 'redirect') {
    try {
      return { kind: 'redirect', to: parseHostPort(line.get('address') ?? ''), cluster: line.get('cluster') ?? null }
    } catch (error) {
      if (!(error instanceof AddressError)) throw error
      return failed(`redirect to a wrong address (${error.message})`)
    }
  }
  const message = line.get('message') ?? line.rest
  const code = line.get('code')
  if (line.action === 'bad-action' && !led) throw new ClassicServerError('the server speaks only the classic dialect')
  if (line.action !== 'err') return failed(`unexpected answer '${line.action}'`)
  // `superseded`: the session lives, only this connection is not wanted.
  if (code === undefined || code === 'no-quorum' || code === 'busy' || code === 'superseded' || led) {
    return { ...failed(message), quorum: /quorum/.test(line.rest) }
  }
  if (code === 'unauthorized') {
    if (hopelessIsFinal) throw new UnauthorizedError(message)
    return failed(message, 'unauthorized')
  }
  throw code === 'session-expired' ? new SessionExpiredError(message) : new RefusedError(code, message)
}

function failed(reason: string, trouble: Trouble | null = null): Outcome<never> & { kind: 'failed' } {
  return { kind: 'failed', reason, trouble, quorum: false }
}
