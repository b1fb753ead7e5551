/** Finding a node that takes the session: endpoints in turn, redirects, refusals (contract §2.2, §3). */
import { setTimeout as sleep } from 'node:timers/promises'
import { AddressError, formatHostPort, type HostPort, parseHostPort } from '../address.js'
import type { AddressBook } from './endpoints.js'
import {
  ClassicServerError,
  type EndpointFailure,
  NoEndpointError,
  NoQuorumError,
  RefusedError,
  SessionExpiredError,
} from './errors.js'
import { MAX_REDIRECT_HOPS, MAX_ROUND_PAUSE_MS, MIN_ROUND_PAUSE_MS } from './limits.js'
import type { Line } from './line-codec.js'
import { Link, LinkError } from './link.js'
import { type Instant, instantNow } from './mirror.js'

export interface ReachPlan<Welcome> {
  readonly addresses: AddressBook
  /** Tried before the endpoints, for example where `moved` pointed. */
  readonly first?: HostPort | undefined
  /** HOST:PORT of the node that was just left: the others come before it. */
  readonly last?: string | undefined
  /** The first line. `stay`: a redirect has led nowhere, this node itself shall serve. */
  opening(stay: boolean): string
  /** After `welcome`: reads what else belongs to the opening. */
  welcomed(link: Link, welcome: Line, sentAt: Instant): Welcome | Promise<Welcome>
  /** Awaited when a connection stands and nothing has been sent on it. */
  beforeOpening?: ((link: Link) => Promise<void>) | undefined
  /** In all; 0: every endpoint is tried once. */
  readonly budgetMs: number
  /** Gives up after a round in which nothing listened anywhere. */
  readonly refusalIsFinal?: boolean | undefined
  /** For one endpoint, from the start of the connection to its first word. */
  readonly answerTimeoutMs: number
  readonly signal: AbortSignal
}

type Outcome<Welcome> =
  | { readonly kind: 'open'; readonly link: Link; readonly welcome: Welcome }
  | { readonly kind: 'redirect'; readonly to: HostPort }
  | {
      readonly kind: 'failed'
      readonly failure: EndpointFailure
      readonly quorum: boolean
      readonly connected: boolean
    }

/**
 * Resolves with an open connection. Rejects with NoEndpointError or NoQuorumError when the budget is used up, with
 * SessionExpiredError, ClassicServerError or RefusedError as soon as a node says so.
 */
export async function reach<Welcome>(plan: ReachPlan<Welcome>): Promise<{ link: Link; welcome: Welcome }> {
  const startedAt = performance.now()
  const failures = new Map<string, EndpointFailure>()
  let quorumMissing = false
  let reachedAny = false
  let stay = false
  let pauseMs = MIN_ROUND_PAUSE_MS
  const leftMs = (): number => plan.budgetMs - (performance.now() - startedAt)

  do {
    const own = await plan.addresses.addresses((host, reason) => {
      failures.set(host, { address: host, reason, refused: false })
    })
    for (const endpoint of inOrder(own, failures.size === 0 ? plan.first : undefined, plan.last)) {
      let target: HostPort | null = endpoint
      for (let hops = 0; target !== null && hops <= MAX_REDIRECT_HOPS; hops += 1) {
        const outcome: Outcome<Welcome> = await attempt(
          plan,
          target,
          stay,
          plan.budgetMs > 0 ? leftMs() : Number.POSITIVE_INFINITY,
        )
        if (outcome.kind === 'open') return outcome
        reachedAny ||= outcome.kind === 'redirect' || outcome.connected
        if (outcome.kind === 'failed') {
          failures.set(formatHostPort(target), outcome.failure)
          quorumMissing ||= outcome.quorum
        }
        // What a redirect named does not answer, or the redirects go round in circles: an own endpoint shall do it.
        if (outcome.kind === 'failed' ? hops > 0 : hops === MAX_REDIRECT_HOPS) stay = true
        target = outcome.kind === 'redirect' ? outcome.to : null
        if (plan.signal.aborted || (plan.budgetMs > 0 && leftMs() <= 0)) throw exhausted(plan, failures, quorumMissing)
      }
    }
    if (plan.refusalIsFinal && [...failures.values()].some(({ refused }) => refused) && !reachedAny) break
    if (plan.budgetMs > 0) await pause(Math.min(pauseMs * (0.5 + Math.random()), leftMs()), plan.signal)
    pauseMs = Math.min(pauseMs * 2, MAX_ROUND_PAUSE_MS)
  } while (leftMs() > 0 && !plan.signal.aborted)
  throw exhausted(plan, failures, quorumMissing)
}

function exhausted(
  plan: ReachPlan<unknown>,
  failures: ReadonlyMap<string, EndpointFailure>,
  quorumMissing: boolean,
): unknown {
  if (plan.signal.aborted) return plan.signal.reason
  if (quorumMissing) return new NoQuorumError('the cluster has no leader or no majority now')
  return new NoEndpointError([...failures.values()])
}

function inOrder(own: readonly HostPort[], first: HostPort | undefined, last: string | undefined): HostPort[] {
  const isLast = (address: HostPort): boolean => formatHostPort(address) === last
  const rest = [...own.filter((address) => !isLast(address)), ...own.filter(isLast)]
  return first === undefined ? rest : [first, ...rest]
}

async function attempt<Welcome>(
  plan: ReachPlan<Welcome>,
  address: HostPort,
  stay: boolean,
  leftMs: number,
): Promise<Outcome<Welcome>> {
  let link: Link | null = null
  const startedAt = performance.now()
  const timeoutMs = Math.min(plan.answerTimeoutMs, leftMs)
  try {
    link = await Link.dial(address, timeoutMs, plan.signal)
    await plan.beforeOpening?.(link)
    const sentAt = instantNow()
    link.send(plan.opening(stay))
    const line = await link.nextLine(timeoutMs - (performance.now() - startedAt), plan.signal)
    if (line.action === 'welcome') {
      const welcome = await plan.welcomed(link, line, sentAt)
      return { kind: 'open', link, welcome }
    }
    link.reset()
    return refusal(line, address)
  } catch (error) {
    link?.reset()
    if (!(error instanceof LinkError)) throw error
    return { ...failed(address, error.message, error.refused), connected: link !== null }
  }
}

function refusal(line: Line, address: HostPort): Outcome<never> {
  if (line.action === 'redirect') {
    try {
      return { kind: 'redirect', to: parseHostPort(line.get('address') ?? '') }
    } catch (error) {
      if (!(error instanceof AddressError)) throw error
      return failed(address, `redirect to a wrong address (${error.message})`)
    }
  }
  if (line.action === 'bad-action') throw new ClassicServerError('the server speaks only the classic dialect')
  if (line.action !== 'err') return failed(address, `unexpected answer '${line.action}'`)
  const message = line.get('message') ?? line.rest
  switch (line.get('code')) {
    case 'session-expired':
      throw new SessionExpiredError(message)
    case 'no-quorum':
    case 'busy':
    case undefined:
      return { ...failed(address, message), quorum: /quorum/.test(line.rest) }
    default:
      throw new RefusedError(line.get('code') ?? '', message)
  }
}

function failed(address: HostPort, reason: string, refused = false): Outcome<never> & { kind: 'failed' } {
  return {
    kind: 'failed',
    failure: { address: formatHostPort(address), reason, refused },
    quorum: false,
    connected: true,
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0 && !signal.aborted) await sleep(ms, undefined, { signal }).catch(() => {})
}
