/** A session of the cluster (contract §2.2): it survives its connections and is resumed at whichever node answers. */
import type { HostPort } from '../address.js'
import { AddressBook } from './endpoints.js'
import { ClientClosedError, LockLostError, type LostReason, SessionExpiredError, TcpNetLockError } from './errors.js'
import { KeepAlive } from './keep-alive.js'
import {
  ANSWER_TIMEOUT_MS,
  BYE_TIMEOUT_MS,
  DEADLINE_CHECK_INTERVAL_MS,
  KEEPALIVES_PER_LEASE,
  MAX_UNACKNOWLEDGED_REQUESTS,
  MIN_RESUME_ANSWER_MS,
} from './limits.js'
import { formatLine, formatSeconds, type Line } from './line-codec.js'
import { type Link, LinkError } from './link.js'
import type { Grant, LockRequest, LockSession, SessionHooks } from './lock-session.js'
import { type Instant, Mirror } from './mirror.js'
import { reach } from './reach.js'
import { RequestBook } from './request-book.js'
import { formatWait, readAddress, readGrant, readRefusal, readWelcome, type Welcome } from './session-words.js'

export interface SessionOptions {
  readonly endpoints: readonly HostPort[]
  readonly clientId?: string | undefined
  readonly leaseMs: number
  readonly lingerMs: number
  /** In all, until a node has welcomed the session; 0: every endpoint is tried once. */
  readonly reachMs: number
  /** Does not look further when nothing listens at any endpoint. */
  readonly refusalIsFinal?: boolean | undefined
  /** Shortens the keepalive interval; a sixth of the lease at most. */
  readonly keepAliveMs?: number | undefined
}

/** A grant that came when the limit had passed, for example after a pause of this process. */
interface UnprovenGrant {
  readonly grant: Grant
  readonly give: () => void
  readonly fail: (error: unknown) => void
}

export class Session implements LockSession {
  readonly id: string
  readonly mirror: Mirror
  link: Link | null = null
  /** The node itself said that it cannot renew its lease at present. */
  nodeInJeopardy = false
  private readonly secret: string
  private readonly requests = new RequestBook()
  private readonly held = new Set<Grant>()
  /** Given out once a keepalive has proved the session. */
  private readonly unproven = new Set<UnprovenGrant>()
  private readonly keepAlive: KeepAlive
  private readonly stopped = new AbortController()
  private deadlineTimer: NodeJS.Timeout | null = null
  private endedBy: TcpNetLockError | null = null

  /** Opens a session at the first node that takes it. Rejects like `reach`. */
  static async open(options: SessionOptions, hooks: SessionHooks = {}, signal?: AbortSignal): Promise<Session> {
    const addresses = new AddressBook(options.endpoints)
    const { link, welcome } = await reach<Welcome>({
      addresses,
      opening: (stay) =>
        formatLine('hello', {
          version: 2,
          'client-id': options.clientId,
          lease: formatSeconds(options.leaseMs),
          linger: options.lingerMs > 0 ? formatSeconds(options.lingerMs) : undefined,
          redirect: stay ? 'no' : undefined,
        }),
      welcomed: (_, line, sentAt) => readWelcome(line, options.leaseMs, sentAt),
      beforeOpening: (opened) => hooks.beforeOpening?.(opened) ?? Promise.resolve(),
      budgetMs: options.reachMs,
      refusalIsFinal: options.refusalIsFinal,
      answerTimeoutMs: ANSWER_TIMEOUT_MS,
      signal: signal ?? new AbortController().signal,
    })
    return new Session(options, addresses, hooks, link, welcome)
  }

  private constructor(
    private readonly options: SessionOptions,
    private readonly addresses: AddressBook,
    public hooks: SessionHooks,
    link: Link,
    welcome: Welcome,
  ) {
    this.id = welcome.id
    this.secret = welcome.secret
    this.mirror = new Mirror(welcome.leaseMs, welcome.sentAt)
    this.keepAlive = new KeepAlive(welcome.leaseMs / KEEPALIVES_PER_LEASE, options.keepAliveMs, {
      send: () => this.link?.send(formatLine('.keepalive', { ack: this.requests.newAcknowledgement() })),
      confirmed: (sentAt) => this.confirm(sentAt),
      overdue: () => this.leave('a keepalive was not answered'),
    })
    this.adopt(link)
  }

  get ended(): boolean {
    return this.endedBy !== null
  }

  /** True when nothing is held or asked for. */
  get idle(): boolean {
    return this.held.size === 0 && this.unproven.size === 0 && this.requests.size === 0
  }

  /** True when so much is unacknowledged, behind a request that waits long, that another session should be opened. */
  get crowded(): boolean {
    return this.requests.unacknowledged >= MAX_UNACKNOWLEDGED_REQUESTS / 2
  }

  holds(grant: Grant): boolean {
    return this.held.has(grant)
  }

  /** After an abort of `request.signal` it rejects with the signal's reason once nothing of the request is left. */
  lock(name: string, request: LockRequest): Promise<Grant> {
    return new Promise((resolve, reject) => {
      if (this.endedBy !== null) return reject(this.endedBy)
      if (request.signal?.aborted === true) return reject(request.signal.reason)
      const giveUp = (): void => {
        this.request('cancel', { request: id }, () => true, ignore)
      }
      const settled = (): void => request.signal?.removeEventListener('abort', giveUp)
      const fields = { name, wait: formatWait(request.waitMs), meta: request.meta }
      const answered = (line: Line): boolean => {
        if (line.action === 'queued') {
          request.onQueued?.(line.number('position') ?? null)
          return false
        }
        settled()
        if (line.action === 'ok') this.granted(readGrant(line, name), request.signal, resolve, reject)
        else reject(request.signal?.aborted === true ? request.signal.reason : readRefusal(line, name))
        return true
      }
      const id = this.request('lock', fields, answered, (error) => {
        settled()
        reject(error)
      })
      request.signal?.addEventListener('abort', giveUp, { once: true })
    })
  }

  /** Resolves also when the session has ended: then nothing is held any more. Rejects if nobody could be told. */
  release(grant: Grant): Promise<void> {
    this.held.delete(grant)
    return new Promise((resolve, reject) => {
      if (this.endedBy !== null) return resolve()
      const fields = { name: grant.name, token: grant.token ?? undefined }
      const answered = (line: Line): boolean => {
        if (line.action === 'released' || line.get('code') === 'not-holder') resolve()
        else reject(readRefusal(line, grant.name))
        return true
      }
      this.request('release', fields, answered, (error) =>
        // Both end the session, and everything that it held with it.
        error instanceof SessionExpiredError || error instanceof ClientClosedError ? resolve() : reject(error),
      )
    })
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      const { link } = this
      const finish = (): void => {
        clearTimeout(timer)
        link?.finish()
        resolve()
      }
      const timer = setTimeout(finish, link === null ? 0 : BYE_TIMEOUT_MS)
      this.held.clear()
      this.link = null
      this.end(new ClientClosedError())
      link?.attach({ line: (line) => line.action === 'bye' && finish(), closed: finish })
      link?.send(formatLine('bye'))
    })
  }

  private request(
    action: string,
    fields: Readonly<Record<string, string | number | undefined>>,
    answered: (line: Line) => boolean,
    failed: (error: TcpNetLockError) => void,
  ): number {
    const request = this.requests.add(action, fields, answered, failed)
    this.link?.send(this.requests.format(request))
    return request.id
  }

  private granted(
    grant: Grant,
    signal: AbortSignal | undefined,
    resolve: (grant: Grant) => void,
    fail: (error: unknown) => void,
  ): void {
    const give = (): void => {
      if (signal?.aborted === true) {
        // Too late for who asked: the grant is undone, else nobody would ever release it.
        this.release(grant)
          .catch(ignore)
          .finally(() => fail(signal.reason))
        return
      }
      this.held.add(grant)
      this.armDeadline()
      resolve(grant)
    }
    if (this.mirror.remainingMs() > 0) give()
    else this.unproven.add({ grant, give, fail })
  }

  private adopt(link: Link): void {
    this.link = link
    this.nodeInJeopardy = false
    link.attach({ line: (line) => this.received(line), closed: (reason) => this.leave(reason) })
    if (this.link !== link) return
    for (const text of this.requests.unansweredLines()) link.send(text)
    this.keepAlive.start()
  }

  private received(line: Line): void {
    if (line.action === 'alive') this.keepAlive.answered()
    else if (line.action === 'jeopardy' || line.action === 'safe') this.nodeInJeopardy = line.action === 'jeopardy'
    else if (line.action === 'lost') this.lostByWord(line)
    else if (line.action === 'moved') this.leave('the node is going down', readAddress(line))
    else {
      const id = line.number('id')
      if (id !== undefined) this.requests.answer(id, line)
      else this.hooks.notice?.(`the server says: ${line.action} ${line.rest}`)
    }
  }

  private confirm(sentAt: Instant): void {
    // Once past the limit, a lock is lost for good: a later proof does not bring it back.
    this.loseLapsed()
    this.mirror.confirm(sentAt)
    if (this.mirror.remainingMs() > 0) {
      for (const { give } of this.unproven) give()
      this.unproven.clear()
    }
    this.hooks.confirmed?.()
  }

  private lostByWord(line: Line): void {
    const reason = line.get('reason') === 'forced' ? 'forced' : 'lease-expired'
    const token = line.number('token')
    this.loseWhere(reason, (grant) => grant.name === line.get('name') && grant.token === token)
  }

  private loseWhere(reason: LostReason, isLost: (grant: Grant) => boolean): void {
    for (const grant of this.held) {
      if (isLost(grant) && this.held.delete(grant)) this.hooks.lost?.(grant, reason)
    }
    for (const unproven of this.unproven) {
      const { grant, fail } = unproven
      if (isLost(grant) && this.unproven.delete(unproven)) fail(new LockLostError(grant.name, grant.token, reason))
    }
  }

  /** Rule 6: past the limit the locks are lost, whatever the server may still say of them. */
  private loseLapsed(): void {
    if (this.mirror.remainingMs() > 0) return
    for (const grant of this.held) if (this.held.delete(grant)) this.hooks.lost?.(grant, 'deadline')
  }

  private armDeadline(): void {
    if (this.deadlineTimer !== null || this.held.size === 0) return
    const delayMs = Math.min(Math.max(1, this.mirror.remainingMs()), DEADLINE_CHECK_INTERVAL_MS)
    this.deadlineTimer = setTimeout(() => {
      this.deadlineTimer = null
      this.loseLapsed()
      this.armDeadline()
    }, delayMs)
  }

  private leave(reason: string, next?: HostPort): void {
    const { link } = this
    if (link === null) return
    this.link = null
    this.keepAlive.stop()
    link.reset()
    this.hooks.notice?.(`left ${link.address}: ${reason}`)
    void this.resume(link.address, next)
  }

  private async resume(left: string, next: HostPort | undefined): Promise<void> {
    const { leaseMs } = this.mirror
    const answerTimeoutMs = Math.min(ANSWER_TIMEOUT_MS, Math.max(MIN_RESUME_ANSWER_MS, leaseMs / 4))
    try {
      const { link, welcome } = await reach({
        addresses: this.addresses,
        first: next,
        last: left,
        opening: () => formatLine('resume', { session: this.id, secret: this.secret }),
        welcomed: (opened, _, sentAt) => this.readResumed(opened, sentAt, answerTimeoutMs),
        beforeOpening: (opened) => this.hooks.beforeOpening?.(opened) ?? Promise.resolve(),
        // The session stays resumable for its lease: as long it is worth trying.
        budgetMs: Math.max(this.options.reachMs, leaseMs),
        answerTimeoutMs,
        signal: this.stopped.signal,
      })
      this.hooks.notice?.(`resumed at ${link.address}`)
      // What the cluster does not list as held has gone to others meanwhile.
      this.loseWhere('lease-expired', ({ token }) => token !== null && !welcome.tokens.has(token))
      this.adopt(link)
      this.confirm(welcome.sentAt)
    } catch (error) {
      if (!(error instanceof TcpNetLockError)) throw error
      this.end(error)
    }
  }

  private async readResumed(
    link: Link,
    sentAt: Instant,
    timeoutMs: number,
  ): Promise<{ sentAt: Instant; tokens: ReadonlySet<number> }> {
    const tokens = new Set<number>()
    for (;;) {
      const line = await link.nextLine(timeoutMs, this.stopped.signal)
      const token = line.number('token')
      if (line.action === 'ready') return { sentAt, tokens }
      if (line.action === 'err') throw new LinkError(line.get('message') ?? line.rest)
      if (line.action === 'held' && token !== undefined) tokens.add(token)
    }
  }

  private end(error: TcpNetLockError): void {
    if (this.endedBy !== null) return
    this.endedBy = error
    this.keepAlive.stop()
    this.stopped.abort(error)
    if (this.deadlineTimer !== null) clearTimeout(this.deadlineTimer)
    this.link?.reset()
    this.link = null
    // Unreachable is not lost yet, but nobody will renew this session any more.
    this.loseWhere(error instanceof SessionExpiredError ? 'lease-expired' : 'disconnected', () => true)
    this.requests.fail(error)
    this.hooks.ended?.(error)
  }
}

function ignore(): void {}
