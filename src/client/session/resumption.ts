/** How a session is opened, and finds a node again after its connection broke (docs/protocol.md; rules.md rules 4 and 5). */
import type { HostPort } from '../../address.js'
import { PROTOCOL_VERSION } from '../../protocol/limits.js'
import { formatLine, type Line } from '../../protocol/line.js'
import { formatSeconds } from '../../protocol/values.js'
import type { EndpointFailure } from '../errors.js'
import type { HeartbeatThread } from '../heartbeat/heartbeat-thread.js'
import { ANSWER_TIMEOUT_MS, MIN_RESUME_ANSWER_MS } from '../limits.js'
import { Credentials } from '../security/credentials.js'
import { reach } from '../transport/dial.js'
import { EndpointResolver } from '../transport/endpoints.js'
import { type Link, LinkError } from '../transport/link.js'
import { type Connect, openSocket } from '../transport/link-socket.js'
import type { Instant } from './local-lease.js'
import type { SessionHooks } from './lock-session.js'
import { readLevel, readWelcome, type Welcome } from './session-replies.js'

export interface SessionOptions {
  readonly endpoints: readonly HostPort[]
  /** Plain text and nobody in particular, unless given. */
  readonly credentials?: Credentials | undefined
  readonly clientId?: string | undefined
  readonly leaseMs: number
  readonly lingerMs: number
  /** In all, until a node has welcomed the session; 0: every endpoint is tried once; Infinity: forever. */
  readonly reachMs: number
  /** For how long a session that lost its connection looks for a node; at least its lease. Unless given, `reachMs`. */
  readonly resumeMs?: number | undefined
  /** Does not look further when nothing listens at any endpoint. */
  readonly refusalIsFinal?: boolean | undefined
  /** Shortens the keepalive interval; a sixth of the lease at most. */
  readonly keepAliveMs?: number | undefined
  /** Has the connections and sends the keepalives; this thread, unless given. */
  readonly thread?: HeartbeatThread | undefined
}

export interface Resumed {
  /** When `resume` was sent. */
  readonly sentAt: Instant
  /** What the cluster lists as held. */
  readonly tokens: ReadonlySet<number>
  /** Of the cluster. */
  readonly level: number
}

export interface ResumeCircumstances {
  /** HOST:PORT of the node that was left. */
  readonly left: string
  /** Where `moved` pointed. */
  readonly next: HostPort | undefined
  /** Those of the moment: they change when a lock is granted. */
  hooks(): SessionHooks
  readonly signal: AbortSignal
  /** Takes connections on which `resume` was sent and not answered. */
  unanswered(link: Link): void
}

/** Rejects like `dial`. With `cluster`, only a node of that one will do. */
export async function openSession(
  options: SessionOptions,
  hooks: SessionHooks,
  signal: AbortSignal,
  cluster: string | null,
): Promise<{ link: Link; welcome: Welcome; resumption: Resumption }> {
  const credentials = credentialsOf(options)
  const addresses = new EndpointResolver(options.endpoints, undefined, credentials.usesTls)
  const { link, welcome } = await reach<Welcome>({
    addresses,
    connect: connectOf(options),
    beforeRound: () => credentials.refresh(),
    cluster,
    opening: (opened, stay) =>
      formatLine('hello', {
        version: PROTOCOL_VERSION,
        'client-id': options.clientId,
        lease: formatSeconds(options.leaseMs),
        linger: options.lingerMs > 0 ? formatSeconds(options.lingerMs) : undefined,
        redirect: stay ? 'no' : undefined,
        from: opened.from,
        auth: credentials.authOn(opened),
      }),
    welcomed: (_, line, sentAt) => readWelcome(line, options.leaseMs, sentAt),
    beforeOpening: (opened) => hooks.beforeOpening?.(opened) ?? Promise.resolve(),
    roundFailed: tellOnce(() => hooks),
    budgetMs: options.reachMs,
    refusalIsFinal: options.refusalIsFinal,
    hopelessIsFinal: true,
    answerTimeoutMs: ANSWER_TIMEOUT_MS,
    signal,
  })
  return { link, welcome, resumption: new Resumption(options, addresses, welcome) }
}

export class Resumption {
  /** Higher with every `resume` that was sent: a node that wakes and reads an abandoned one displaces nobody. */
  #attempt = 0
  readonly #answerTimeoutMs: number

  constructor(
    private readonly options: SessionOptions,
    private readonly addresses: EndpointResolver,
    private readonly welcome: Welcome,
  ) {
    this.#answerTimeoutMs = Math.min(ANSWER_TIMEOUT_MS, Math.max(MIN_RESUME_ANSWER_MS, welcome.leaseMs / 4))
  }

  /** Resolves with a connection that serves the session. Rejects like `dial`. */
  async find(circumstances: ResumeCircumstances): Promise<{ link: Link; resumed: Resumed }> {
    const { left, next, hooks, signal, unanswered } = circumstances
    const { leaseMs, clusterId: cluster } = this.welcome
    const credentials = credentialsOf(this.options)
    const { link, welcome } = await reach<Resumed>({
      addresses: this.addresses,
      connect: connectOf(this.options),
      beforeRound: () => credentials.refresh(),
      first: next,
      last: left,
      cluster,
      opening: (opened) => this.#line(opened.from, credentials.authOn(opened)),
      welcomed: (opened, line, sentAt) => this.#read(opened, line, sentAt, signal),
      beforeOpening: (opened) => hooks().beforeOpening?.(opened) ?? Promise.resolve(),
      unanswered,
      superseded: (attempt) => this.#applied(attempt),
      roundFailed: tellOnce(hooks),
      // The session stays resumable for its lease, and so long is it worth trying.
      budgetMs: Math.max(this.options.resumeMs ?? this.options.reachMs, leaseMs),
      answerTimeoutMs: this.#answerTimeoutMs,
      signal,
    })
    return { link, resumed: welcome }
  }

  #line(from: string, auth: string | undefined): string {
    this.#attempt += 1
    const { id: session, secret } = this.welcome
    return formatLine('resume', { session, secret, attempt: this.#attempt, from, auth })
  }

  async #read(link: Link, welcome: Line, sentAt: Instant, signal: AbortSignal): Promise<Resumed> {
    this.#applied(welcome.number('attempt') ?? 0)
    const tokens = new Set<number>()
    for (;;) {
      const line = await link.nextLine(this.#answerTimeoutMs, signal)
      const token = line.number('token')
      if (line.action === 'ready') return { sentAt, tokens, level: readLevel(welcome) }
      if (line.action === 'err') throw new LinkError(line.get('message') ?? line.rest)
      if (line.action === 'held' && token !== undefined) tokens.add(token)
    }
  }

  /** Another process may know the session too: only a higher number will do. */
  #applied(attempt: number): void {
    if (Number.isSafeInteger(attempt)) this.#attempt = Math.max(this.#attempt, attempt)
  }
}

const credentialsOf = ({ credentials = Credentials.NONE }: SessionOptions): Credentials => credentials

export function connectOf({ thread, credentials = Credentials.NONE }: SessionOptions): Connect {
  return (address, opening) =>
    thread === undefined
      ? openSocket(address, credentials.material, opening)
      : thread.connect(address, credentials.material, opening)
}

function tellOnce(hooks: () => SessionHooks): (failures: readonly EndpointFailure[]) => void {
  let told = false
  return (failures) => {
    if (told) return
    told = true
    hooks().tryingOn?.(`no node answers (${failures.map(({ address, reason }) => `${address}: ${reason}`).join('; ')})`)
  }
}
