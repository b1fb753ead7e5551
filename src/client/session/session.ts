/** A session of the cluster (docs/protocol.md): it survives its connections and is resumed at whichever node answers. */
import type { HostPort } from '../../address.js'
import { LOCKS_PER_SESSION_MAX_COUNT, UNACKNOWLEDGED_MAX_COUNT } from '../../protocol/limits.js'
import { type Fields, formatLine, type Line } from '../../protocol/line.js'
import type { Ask } from '../asks.js'
import { ClientClosedError, NotGrantedError, SessionExpiredError, TcpNetLockError } from '../errors.js'
import { BYE_TIMEOUT_MS, KEEPALIVES_PER_LEASE, WAIT_MARGIN_MS } from '../limits.js'
import { after } from '../long-timer.js'
import { LeftLinks } from '../transport/left-links.js'
import type { Link } from '../transport/link.js'
import { Holdings } from './holdings.js'
import { type Heartbeat, KeepAlive } from './keep-alive.js'
import { type Instant, LocalLease } from './local-lease.js'
import { LockAsking } from './lock-asking.js'
import type { Grant, LockSession, LockTerms, LooseHold, SessionHooks } from './lock-session.js'
import { Releases } from './releases.js'
import { openSession, type Resumed, type Resumption, type SessionOptions } from './resumption.js'
import { type Reading, SentRequests } from './sent-requests.js'
import { readAddress, readLostReason, type Welcome } from './session-replies.js'

export type { SessionOptions } from './resumption.js'

export class ClientSession implements LockSession {
  readonly id: string
  readonly secret: string
  readonly clusterId: string | null
  readonly localLease: LocalLease
  readonly isLocal = false
  level: number
  link: Link | null = null
  /** The node itself said that it cannot renew its lease at present. */
  nodeInJeopardy = false
  readonly #requests = new SentRequests()
  readonly #holdings: Holdings
  readonly #left: LeftLinks
  readonly #keepAlive: Heartbeat
  readonly #stopped = new AbortController()
  readonly #releases: Releases
  readonly #asking = new Set<LockAsking>()
  /** Locks that are asked for, without a final answer. */
  #asked = 0
  #endedBy: TcpNetLockError | null = null
  #closing: Promise<void> | null = null
  /** Ended by this client; called with the connection on which to say so, or null if there will be none. */
  #sayBye: ((link: Link | null) => void) | null = null

  /** Opens a session at the first node that takes it; with `cluster`, only at one of that. Rejects like `dial`. */
  static async open(
    options: SessionOptions,
    hooks: SessionHooks = {},
    signal?: AbortSignal,
    cluster: string | null = null,
  ): Promise<ClientSession> {
    const never = new AbortController().signal
    const { link, welcome, resumption } = await openSession(options, hooks, signal ?? never, cluster)
    return new ClientSession(options, hooks, link, welcome, resumption)
  }

  private constructor(
    options: SessionOptions,
    public hooks: SessionHooks,
    link: Link,
    welcome: Welcome,
    private readonly resumption: Resumption,
  ) {
    this.id = welcome.id
    this.secret = welcome.secret
    this.clusterId = welcome.clusterId
    this.level = welcome.level
    const { thread = null } = options
    this.localLease = new LocalLease(welcome.leaseMs, welcome.sentAt, thread)
    this.#holdings = new Holdings(this.localLease, (grant, reason) => this.hooks.lost?.(grant, reason))
    const releasing = { endedBy: () => this.#endedBy, request: this.#request.bind(this) }
    this.#releases = new Releases(releasing, this.#holdings)
    this.#left = new LeftLinks(this.localLease)
    const answerMs = welcome.leaseMs / KEEPALIVES_PER_LEASE
    const owner = {
      send: () => this.link?.send(formatLine('.keepalive', { ack: this.#requests.newAcknowledgement() })),
      acknowledgement: () => this.#requests.newAcknowledgement(),
      confirmed: (sentAt: Instant, at?: Instant) => this.#confirm(sentAt, at),
      overdue: () => this.#leave('a keepalive was not answered'),
      judge: () => this.#holdings.loseLapsed(),
    }
    this.#keepAlive =
      thread?.heartbeat(welcome.leaseMs, answerMs, options.keepAliveMs, owner) ??
      new KeepAlive(answerMs, options.keepAliveMs, owner)
    if (welcome.relayed)
      hooks.notice?.('somebody relays the connection: should this process die, the lease ends its locks')
    this.#adopt(link)
  }

  get ended(): boolean {
    return this.#endedBy !== null
  }

  /** True when nothing is held or asked for. */
  get idle(): boolean {
    return this.#holdings.empty && this.#requests.size === 0
  }

  /** True when it holds, or asks for, as much as a node lets it: another session should be opened. */
  get crowded(): boolean {
    // Behind a request that waits long everything is unacknowledged.
    if (this.#requests.unacknowledged >= UNACKNOWLEDGED_MAX_COUNT / 2) return true
    return this.#holdings.size + this.#asked + this.#releases.underWay >= LOCKS_PER_SESSION_MAX_COUNT
  }

  /** For how long the oldest of its locks is held, in milliseconds; 0 if there is none. */
  get oldestHoldMs(): number {
    return this.#holdings.oldestMs
  }

  /** True when answers are on their way most of the time. */
  get busy(): boolean {
    return this.#requests.busy
  }

  holds(grant: Grant): boolean {
    return this.#holdings.has(grant)
  }

  /**
   * After an abort of `terms.signal` it rejects with the signal's reason once nothing of the request is left. When the
   * wait is over by this side's clock the request is cancelled, whatever the server has counted.
   */
  ask(asks: readonly Ask[], terms: LockTerms): Promise<readonly Grant[]> {
    return new Promise((resolve, reject) => {
      if (this.#endedBy !== null) return reject(this.#endedBy)
      const { signal, waitMs } = terms
      if (signal?.aborted === true) return reject(signal.reason)
      const asking = new LockAsking(asks, terms)
      let isOver = false
      const giveUp = (): void => {
        this.#request('cancel', { request: id }, () => true, ignore)
      }
      const stopTimer = after(waitMs > 0 ? waitMs + WAIT_MARGIN_MS : Number.POSITIVE_INFINITY, () => {
        isOver = true
        giveUp()
      })
      const settled = (): void => {
        this.#asking.delete(asking)
        this.#asked -= asks.length
        stopTimer()
        signal?.removeEventListener('abort', giveUp)
      }
      const refusal = (error: TcpNetLockError): unknown => {
        if (signal?.aborted === true) return signal.reason
        const isByUs = isOver && error instanceof NotGrantedError && error.reason === 'cancelled'
        return isByUs ? new NotGrantedError(error.lockName, 'timeout', error.holder) : error
      }
      const answered = (line: Line): boolean => {
        const answer = asking.take(line)
        if (answer === null) return false
        settled()
        if (answer instanceof TcpNetLockError) reject(refusal(answer))
        else this.#granted(asking, answer, signal, resolve, reject)
        return true
      }
      const failed = (error: TcpNetLockError): void => {
        settled()
        reject(error)
      }
      const id = this.#request('lock', asking.fields(this.level), answered, failed, asks.length)
      this.#asking.add(asking)
      this.#asked += asks.length
      signal?.addEventListener('abort', giveUp, { once: true })
    })
  }

  /** Resolves also when the session has ended: then nothing is held. Rejects if no node could be told. */
  release(grant: Grant): Promise<void> {
    return this.#releases.release(grant)
  }

  releaseDone(grant: Grant): Promise<void> {
    return this.#releases.releaseDone(grant)
  }

  /** Ends a loose hold of `name`. Resolves with false if there is none, or several of them; rejects if it was refused. */
  unlock(name: string, which: LooseHold = {}): Promise<boolean> {
    return this.#releases.unlock(name, which)
  }

  /** Asks for what changes nothing, again on each connection until the last line has come. Returns what gives it up before. */
  read(reading: Reading): () => void {
    if (this.#endedBy !== null) {
      reading.failed(this.#endedBy)
      return ignore
    }
    const request = this.#requests.add(reading, 0)
    this.link?.send(this.#requests.format(request))
    return () => {
      if (this.#requests.drop(request.id)) this.#request('cancel', { request: request.id }, () => true, ignore)
    }
  }

  /** Says `bye` where a connection stands, or as soon as one does, within a bounded time. */
  close(): Promise<void> {
    this.#closing ??= this.#closeOnce()
    return this.#closing
  }

  #closeOnce(): Promise<void> {
    return new Promise((resolve) => {
      const { link } = this
      const wasEnded = this.ended
      const finish = (told: Link | null): void => {
        stopTimer()
        this.#sayBye = null
        this.#stop(new ClientClosedError())
        told?.finish()
        resolve()
      }
      let told: Link | null = null
      const stopTimer = after(wasEnded ? 0 : BYE_TIMEOUT_MS, () => finish(told))
      this.#holdings.clear()
      this.link = null
      this.#keepAlive.stop()
      this.#settle(new ClientClosedError())
      this.#sayBye = (opened) => {
        told = opened
        if (opened === null) {
          finish(null)
          return
        }
        opened.attach({ line: (line) => line.action === 'bye' && finish(opened), closed: () => finish(opened) })
        opened.send(formatLine('bye'))
      }
      if (link !== null) this.#sayBye(link)
    })
  }

  #request(
    action: string,
    fields: Fields,
    answered: (line: Line) => boolean,
    failed: (error: TcpNetLockError) => void,
    answers = 1,
  ): number {
    const request = this.#requests.add({ action, fields: () => fields, answered, failed }, answers)
    this.link?.send(this.#requests.format(request))
    return request.id
  }

  #granted(
    asking: LockAsking,
    grants: readonly Grant[],
    signal: AbortSignal | undefined,
    resolve: (grants: readonly Grant[]) => void,
    fail: (error: unknown) => void,
  ): void {
    const give = (): void => {
      if (signal?.aborted !== true) {
        resolve(grants)
        return
      }
      // Too late for the caller: the grant is undone, or nobody would ever release it.
      Promise.allSettled(grants.map((grant) => this.release(grant))).then(() => fail(signal.reason), ignore)
    }
    this.#holdings.add(grants, give, (error) => {
      // Of several only one need be lost.
      for (const grant of grants) this.release(grant).catch(ignore)
      fail(error)
    })
    for (const grant of grants) {
      const reason = asking.lossOf(grant)
      if (reason !== null) this.#holdings.loseByWord(reason, (held) => held === grant)
    }
  }

  #adopt(link: Link): void {
    this.link = link
    this.nodeInJeopardy = false
    link.attach({ line: (line) => this.#received(line), closed: (reason) => this.#leave(reason) })
    if (this.link !== link) return
    for (const text of this.#requests.unansweredLines()) link.send(text)
    this.#keepAlive.start(link)
  }

  #received(line: Line): void {
    if (line.action === 'alive') this.#keepAlive.answered()
    else if (line.action === 'jeopardy' || line.action === 'safe') this.nodeInJeopardy = line.action === 'jeopardy'
    else if (line.action === 'lost') this.#lostByWord(line)
    else if (line.action === 'moved') this.#leave('the node is going down', readAddress(line))
    else {
      const id = line.number('id')
      if (id === undefined) {
        this.hooks.notice?.(`the server says: ${line.action} ${line.rest}`)
        return
      }
      const wasCrowded = this.crowded
      this.#requests.answer(id, line)
      if (wasCrowded && !this.crowded) this.hooks.eased?.()
    }
  }

  /** `at`: when the proof came, if not just now. */
  #confirm(sentAt: Instant, at?: Instant): void {
    // Once past the limit, a lock is lost for good: a later proof does not bring it back.
    this.#holdings.loseLapsed(at)
    this.localLease.confirm(sentAt)
    this.#holdings.proved()
    this.hooks.confirmed?.()
  }

  #lostByWord(line: Line): void {
    const reason = readLostReason(line)
    const [name, token] = [line.get('name'), line.number('token')]
    for (const asking of this.#asking) asking.lose(name, token, reason)
    this.#holdings.loseByWord(reason, (grant) => grant.name === name && grant.token === token)
  }

  #leave(reason: string, next?: HostPort): void {
    const { link } = this
    if (link === null) return
    this.link = null
    this.#keepAlive.stop()
    this.#left.keep(link)
    this.hooks.notice?.(`left ${link.address}: ${reason}`)
    void this.#resume(link.address, next)
  }

  async #resume(left: string, next: HostPort | undefined): Promise<void> {
    try {
      const found = await this.resumption.find({
        left,
        next,
        hooks: () => this.hooks,
        signal: this.#stopped.signal,
        unanswered: (opened) => this.#left.keep(opened),
      })
      this.#resumed(found.link, found.resumed)
    } catch (error) {
      if (!(error instanceof TcpNetLockError)) throw error
      this.#end(error)
    }
  }

  #resumed(link: Link, { sentAt, tokens, level }: Resumed): void {
    this.#left.reset()
    this.level = level
    if (this.#sayBye !== null) {
      this.#sayBye(link)
      return
    }
    this.hooks.notice?.(`resumed at ${link.address}`)
    // What the cluster does not list as held has gone to others meanwhile.
    this.#holdings.loseWhere('lease-expired', ({ token }) => token !== null && !tokens.has(token))
    this.#adopt(link)
    this.#confirm(sentAt)
  }

  #end(error: TcpNetLockError): void {
    this.#stop(error)
    this.#settle(error)
    this.#sayBye?.(null)
  }

  /** From now on nothing is sent, and no node is looked for. */
  #stop(error: TcpNetLockError): void {
    this.#keepAlive.stop()
    this.#stopped.abort(error)
    this.#left.reset()
    if (this.link !== null) this.link.reset()
    this.link = null
  }

  /** Tells everybody who holds or waits. */
  #settle(error: TcpNetLockError): void {
    if (this.#endedBy !== null) return
    this.#endedBy = error
    this.#holdings.stop()
    // Unreachable is not lost yet, but nobody will renew this session from now on.
    this.#holdings.loseWhere(error instanceof SessionExpiredError ? 'lease-expired' : 'disconnected', () => true)
    this.#requests.fail(error)
    this.hooks.ended?.(error)
  }
}

function ignore(): void {}
