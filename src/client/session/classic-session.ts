/** The classic dialect against an original 0.1.8 server: one lock, bound to one connection, without a token or a lease. */

import { formatLine } from '../../protocol/line.js'
import type { Ask } from '../asks.js'
import {
  ClientClosedError,
  type EndpointFailure,
  LockLostError,
  NoEndpointError,
  NotGrantedError,
  RefusedError,
} from '../errors.js'
import { ANSWER_TIMEOUT_MS, BYE_TIMEOUT_MS, CLASSIC_RETRY_INTERVAL_MS, KEEPALIVES_PER_LEASE } from '../limits.js'
import { pause } from '../long-timer.js'
import { ConnectRace } from '../transport/connect-race.js'
import { EndpointResolver } from '../transport/endpoints.js'
import { type Link, LinkError } from '../transport/link.js'
import { KeepAlive } from './keep-alive.js'
import { instantNow, LocalLease } from './local-lease.js'
import type { Grant, LockSession, LockTerms, SessionHooks } from './lock-session.js'
import { connectOf } from './resumption.js'
import type { SessionOptions } from './session.js'

export class ClassicSession implements LockSession {
  readonly id = null
  readonly secret = null
  readonly clusterId = null
  readonly level = 1
  readonly isLocal = false
  link: Link | null = null
  /** The server has no lease; keepalives that are not answered for one say that it is gone. */
  localLease: LocalLease
  #grant: Grant | null = null
  readonly #addresses: EndpointResolver
  readonly #keepAlive: KeepAlive

  constructor(
    private readonly options: SessionOptions,
    public hooks: SessionHooks = {},
  ) {
    this.localLease = new LocalLease(options.leaseMs, instantNow())
    this.#addresses = new EndpointResolver(options.endpoints, undefined, options.credentials?.usesTls)
    this.#keepAlive = new KeepAlive(options.leaseMs / KEEPALIVES_PER_LEASE, options.keepAliveMs, {
      send: () => this.link?.send(formatLine('.keepalive')),
      confirmed: (sentAt) => {
        this.localLease.confirm(sentAt)
        this.hooks.confirmed?.()
      },
      overdue: () => this.#lose(),
    })
  }

  /** The original cannot wait: it is asked again every second. It has one lock a connection, and that is exclusive. */
  async ask(asks: readonly Ask[], terms: LockTerms): Promise<readonly Grant[]> {
    const [ask, ...others] = asks
    const { delayMs, minHoldMs, ttlMs, once } = terms
    const isPlain = ask?.amount === 'exclusive' && others.length === 0
    if (!isPlain || [delayMs, minHoldMs, ttlMs, once].some((term) => term !== undefined)) {
      throw new RefusedError('unsupported', 'an original TcpNetLock server has exclusive locks only, one at a time')
    }
    return [await this.#lock(ask.name, terms)]
  }

  holds(grant: Grant): boolean {
    return this.#grant === grant
  }

  async #lock(name: string, terms: LockTerms): Promise<Grant> {
    const askedAt = performance.now()
    for (let tries = 1; ; tries += 1) {
      const grant = await this.#ask(name, terms.signal ?? new AbortController().signal)
      if (grant !== null) return grant
      const leftMs = terms.waitMs - (performance.now() - askedAt)
      if (leftMs <= 0) throw new NotGrantedError(name, terms.waitMs === 0 ? 'held' : 'timeout', null)
      if (tries === 1) terms.onQueued?.(name, null)
      await pause(Math.min(leftMs, CLASSIC_RETRY_INTERVAL_MS), terms.signal)
      terms.signal?.throwIfAborted()
    }
  }

  release(grant: Grant): Promise<void> {
    if (this.#grant !== grant || this.link === null) return Promise.resolve()
    const { link } = this
    this.#grant = null
    this.link = null
    this.#keepAlive.stop()
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        link.finish()
        resolve()
      }
      const timer = setTimeout(done, BYE_TIMEOUT_MS)
      link.attach({ line: (line) => line.action === 'released' && done(), closed: done })
      link.send(formatLine('release'))
    })
  }

  releaseDone(): Promise<void> {
    return Promise.reject(new RefusedError('unsupported', 'an original TcpNetLock server has no done-marks'))
  }

  async close(): Promise<void> {
    if (this.#grant !== null) await this.release(this.#grant)
    this.hooks.ended?.(new ClientClosedError())
  }

  /** Null: another holds the lock. */
  async #ask(name: string, signal: AbortSignal): Promise<Grant | null> {
    const link = await this.#dial(signal)
    const sentAt = instantNow()
    link.send(formatLine('lock', { name, 'client-id': this.options.clientId }))
    try {
      const line = await link.nextLine(ANSWER_TIMEOUT_MS, signal)
      if (line.action === 'ok') return this.#granted(link, name, sentAt)
      link.finish()
      if (line.action === 'not-granted') return null
      throw new RefusedError(line.action, line.rest || line.action)
    } catch (error) {
      if (!(error instanceof LinkError)) throw error
      link.finish()
      signal.throwIfAborted()
      throw new NoEndpointError([{ address: link.address, reason: error.message, refused: false }])
    }
  }

  async #dial(signal: AbortSignal): Promise<Link> {
    const failures: EndpointFailure[] = []
    await this.options.credentials?.refresh()
    const race = new ConnectRace({
      addresses: this.#addresses,
      // It has no sessions, and no use for a token.
      connect: connectOf(this.options),
      connectTimeoutMs: ANSWER_TIMEOUT_MS,
      budgetMs: this.options.reachMs > 0 ? this.options.reachMs : Number.POSITIVE_INFINITY,
      signal,
      failed: ({ address, reason, trouble }) => failures.push({ address, reason, refused: trouble === 'refused' }),
    })
    try {
      const connection = await race.next()
      if (connection !== null) return connection.link
    } finally {
      race.close()
    }
    signal.throwIfAborted()
    throw new NoEndpointError(failures)
  }

  #granted(link: Link, name: string, sentAt: ReturnType<typeof instantNow>): Grant {
    this.localLease = new LocalLease(this.options.leaseMs, sentAt)
    this.#grant = { name, token: null }
    this.link = link
    link.attach({
      line: (line) => {
        if (line.action === 'alive') this.#keepAlive.answered()
      },
      closed: () => this.#lose(),
    })
    // A connection that had ended already took the grant with it.
    if (this.#grant === null) throw new LockLostError(name, null, 'disconnected')
    this.#keepAlive.start()
    return this.#grant
  }

  #lose(): void {
    const { link } = this
    const grant = this.#grant
    if (grant === null) return
    this.#grant = null
    this.link = null
    this.#keepAlive.stop()
    link?.finish()
    this.hooks.lost?.(grant, 'disconnected')
  }
}
