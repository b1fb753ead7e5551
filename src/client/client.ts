import { AsyncLocalStorage } from 'node:async_hooks'
import {
  LINGER_MAX_MS,
  SESSION_LEASE_DEFAULT_MS,
  SESSION_LEASE_MAX_MS,
  SESSION_LEASE_MIN_MS,
  WAIT_MAX_MS,
} from '../protocol/limits.js'
import {
  ClientClosedError,
  DeadlockError,
  InvalidOptionError,
  LockLostError,
  type LostReason,
  NotGrantedError,
} from './errors.js'
import { CANCEL_PATIENCE_MS, DEFAULT_REACH_MS, WAIT_MARGIN_MS } from './limits.js'
import { LocalTurns } from './local-turns.js'
import { Lock } from './lock.js'
import { after } from './long-timer.js'
import { assertClientId, assertLockName, assertMetadata } from './names.js'
import type { Grant } from './session/lock-session.js'
import type { ClientSession, SessionOptions } from './session/session.js'
import { SessionPool } from './session/session-pool.js'
import { endpointsFromEnvironment, parseEndpoints } from './transport/endpoints.js'

/** All times in milliseconds. */
export interface ClientOptions {
  /** `host:port` of the nodes, as a list or separated by commas; any node, any order. Default: the environment, as for tnl-do. */
  readonly endpoints?: string | readonly string[]
  /** Shown to others as the holder: letters, digits and `.@_-`. */
  readonly clientId?: string
  /** How long the session stays resumable after its connection broke; 10,000 unless given, 3,000 to 86,400,000. */
  readonly lease?: number
  /** How long the session outlives an orderly end of the connection that this client did not ask for; 0 unless given. */
  readonly linger?: number
  /** How long to look for a node that answers, in all; 10,000 unless given; Infinity: forever. */
  readonly reach?: number
}

export interface AcquireOptions {
  /** Milliseconds to wait for the lock; without it, as long as it takes. 0 does not wait. */
  readonly wait?: number
  /** Gives up waiting: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** Shown to whoever looks at the lock. */
  readonly metadata?: string
}

export type TryAcquireOptions = Omit<AcquireOptions, 'wait'>

type Work<Result> = (lock: Lock) => Result | Promise<Result>

/** Opens a session with the cluster. Rejects with NoEndpointError or NoQuorumError when no node takes it in time. */
export async function connect(options: ClientOptions = {}): Promise<Client> {
  const client = new Client(sessionOptions(options))
  await client.open()
  return client
}

/**
 * Takes locks for this process. One connection serves them all, or a few when there is much to do. Tasks of this process
 * that want the same lock take turns; a task that asks again for a lock that it holds waits for itself, except within
 * `withLock`, which refuses that.
 */
export class Client {
  readonly #pool: SessionPool
  readonly #granted = new Map<Grant, Lock>()
  /** Lost (by this side's deadline, for example) and not released by their users: the server may still list them. */
  readonly #unreleased = new Map<string, Lock>()
  readonly #turns = new LocalTurns()
  /** What the running task holds through `withLock`, innermost last. */
  readonly #taskHolds = new AsyncLocalStorage<readonly Lock[]>()
  readonly #closed = new AbortController()

  /** @internal */
  constructor(private readonly options: SessionOptions) {
    this.#pool = new SessionPool(options, { lost: (grant, reason) => this.#lost(grant, reason) }, this.#closed.signal)
  }

  /** Rejects with NotGrantedError when another holds the lock and `wait` has passed. */
  async acquire(name: string, options: AcquireOptions = {}): Promise<Lock> {
    assertLockName(name)
    const waitMs = options.wait ?? Number.POSITIVE_INFINITY
    if (!(waitMs >= 0)) throw new InvalidOptionError(`wait: ${waitMs} is not a number of milliseconds`)
    if (waitMs > WAIT_MAX_MS && waitMs !== Number.POSITIVE_INFINITY) {
      throw new InvalidOptionError(
        `wait: ${waitMs} is more than ${WAIT_MAX_MS} milliseconds; leave it out to wait forever`,
      )
    }
    if (options.metadata !== undefined) assertMetadata(options.metadata)
    options.signal?.throwIfAborted()
    this.#closed.signal.throwIfAborted()
    const askedAt = performance.now()
    if (!(await this.#turns.take(name, waitMs, options.signal))) {
      throw new NotGrantedError(name, waitMs === 0 ? 'held' : 'timeout', this.options.clientId ?? null)
    }
    const leftMs = Math.max(0, waitMs - (performance.now() - askedAt))
    const asked = this.#acquireFromCluster(name, leftMs, options)
    // The turn is kept until the cluster has settled the request, even if the caller has given up by then.
    asked.catch(() => this.#turns.done(name))
    return abandonable(asked, options.signal, leftMs, () => new NotGrantedError(name, 'timeout', null))
  }

  /** The lock if it is free, else null. */
  async tryAcquire(name: string, options: TryAcquireOptions = {}): Promise<Lock | null> {
    try {
      return await this.acquire(name, { ...options, wait: 0 })
    } catch (error) {
      if (error instanceof NotGrantedError) return null
      throw error
    }
  }

  /**
   * Runs `work` under the lock and releases it whatever happens. Rejects with what `work` threw, and with LockLostError
   * when the lock was lost before `work` was done. `lock.signal` tells `work` of a loss at once.
   */
  withLock<Result>(name: string, work: Work<Result>): Promise<Result>
  withLock<Result>(name: string, options: AcquireOptions, work: Work<Result>): Promise<Result>
  async withLock<Result>(name: string, ...rest: [Work<Result>] | [AcquireOptions, Work<Result>]): Promise<Result> {
    const [options, work] = rest.length === 1 ? [{}, rest[0]] : rest
    const held = this.#taskHolds.getStore() ?? []
    if (held.some((lock) => lock.name === name)) throw new DeadlockError(`lock '${name}' is held by this task already`)
    const lock = await this.acquire(name, options)
    try {
      const result = await this.#taskHolds.run([...held, lock], () => work(lock))
      if (lock.state === 'lost') throw lock.signal.reason ?? new LockLostError(name, lock.token, 'deadline')
      return result
    } finally {
      await lock[Symbol.asyncDispose]()
    }
  }

  /** Releases every lock and ends the session. Calls that still wait reject with ClientClosedError. */
  async close(): Promise<void> {
    this.#closed.abort(new ClientClosedError())
    this.#turns.fail(this.#closed.signal.reason)
    await this.#pool.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** The session that takes the next request. Rejects when no node opens one. @internal */
  open(): Promise<ClientSession> {
    return this.#pool.use((session) => Promise.resolve(session))
  }

  async #acquireFromCluster(name: string, waitMs: number, options: AcquireOptions): Promise<Lock> {
    // The session would be refused while an earlier lock of its own stands in the way.
    await this.#unreleased.get(name)?.[Symbol.asyncDispose]()
    const { metadata: meta, signal } = options
    // The cluster finds tasks that wait for each other in a circle by what their sessions hold.
    const outer = this.#taskHolds.getStore()?.at(-1)?.session ?? null
    return this.#pool.use(
      async (session) => {
        const grant = await session.lock(name, { waitMs, meta, signal })
        const lock = new Lock(session, grant, () => this.#released(session, grant))
        this.#granted.set(grant, lock)
        // It may have been lost between the answer and this line.
        if (!session.holds(grant)) this.#lost(grant, 'lease-expired')
        return lock
      },
      outer,
      signal,
    )
  }

  #lost(grant: Grant, reason: LostReason): void {
    const lock = this.#granted.get(grant)
    if (lock === undefined) return
    this.#granted.delete(grant)
    this.#unreleased.set(grant.name, lock)
    lock.markLost(reason)
    // By this side's deadline: at the server it may stand for much longer, and others wait for it.
    if (reason === 'deadline') lock.giveBack()
    this.#turns.done(grant.name)
  }

  #released(session: ClientSession, grant: Grant): void {
    // A lost lock has given up its turn when it was lost.
    if (this.#granted.delete(grant)) this.#turns.done(grant.name)
    else this.#unreleased.delete(grant.name)
    this.#pool.settled(session)
  }
}

function sessionOptions(options: ClientOptions): SessionOptions {
  const { clientId, lease = SESSION_LEASE_DEFAULT_MS, linger = 0, reach = DEFAULT_REACH_MS } = options
  if (!(lease >= SESSION_LEASE_MIN_MS && lease <= SESSION_LEASE_MAX_MS)) {
    throw new InvalidOptionError(
      `lease: ${lease} is not from ${SESSION_LEASE_MIN_MS} to ${SESSION_LEASE_MAX_MS} milliseconds`,
    )
  }
  if (!(linger >= 0 && linger <= LINGER_MAX_MS)) throw new InvalidOptionError(`linger: ${linger} is out of range`)
  if (!(reach >= 0)) throw new InvalidOptionError(`reach: ${reach} is not a number of milliseconds`)
  if (clientId !== undefined) assertClientId(clientId)
  const endpoints =
    options.endpoints === undefined ? endpointsFromEnvironment(process.env) : parseEndpoints(options.endpoints)
  return { endpoints, clientId, leaseMs: lease, lingerMs: linger, reachMs: reach }
}

/**
 * Rejects at once when `signal` aborts, and with `late` when `waitMs` has passed and the cluster does not say so itself,
 * in an outage for example. A lock that comes all the same is released.
 */
function abandonable(
  asked: Promise<Lock>,
  signal: AbortSignal | undefined,
  waitMs: number,
  late: () => unknown,
): Promise<Lock> {
  return new Promise((resolve, reject) => {
    let abandoned = false
    const settled = (): void => {
      stopTimer()
      signal?.removeEventListener('abort', aborted)
    }
    const abandon = (reason: unknown): void => {
      settled()
      abandoned = true
      reject(reason)
    }
    const aborted = (): void => abandon(signal?.reason)
    const patienceMs = waitMs + WAIT_MARGIN_MS + CANCEL_PATIENCE_MS
    const stopTimer = after(waitMs > 0 ? patienceMs : Number.POSITIVE_INFINITY, () => abandon(late()))
    signal?.addEventListener('abort', aborted)
    asked.then(
      (lock) => {
        settled()
        if (abandoned) void lock[Symbol.asyncDispose]()
        else resolve(lock)
      },
      (error: unknown) => {
        settled()
        reject(error)
      },
    )
    if (signal?.aborted) aborted()
  })
}
