import { AsyncLocalStorage } from 'node:async_hooks'
import {
  LINGER_MAX_MS,
  SESSION_LEASE_DEFAULT_MS,
  SESSION_LEASE_MAX_MS,
  SESSION_LEASE_MIN_MS,
} from '../protocol/limits.js'
import { type Ask, readAmount, readAsks } from './asks.js'
import {
  ClientClosedError,
  DeadlockError,
  InvalidOptionError,
  LockLostError,
  type LostReason,
  NotGrantedError,
  RefusedError,
} from './errors.js'
import { CANCEL_PATIENCE_MS, DEFAULT_REACH_MS, HOLDING_LEVEL, WAIT_MARGIN_MS } from './limits.js'
import { LocalTurns } from './local-turns.js'
import { Lock } from './lock.js'
import { after } from './long-timer.js'
import { assertClientId } from './names.js'
import type { Grant, LockTerms } from './session/lock-session.js'
import { askPatiently } from './session/patient-asking.js'
import type { ClientSession, SessionOptions } from './session/session.js'
import { SessionPool } from './session/session-pool.js'
import { type AcquireOptions, readTerms } from './terms.js'
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

export type TryAcquireOptions = Omit<AcquireOptions, 'wait'>

type Work<Result> = (lock: Lock) => Result | Promise<Result>

/** Opens a session with the cluster. Rejects with NoEndpointError or NoQuorumError when no node takes it in time. */
export async function connect(options: ClientOptions = {}): Promise<Client> {
  const client = new Client(sessionOptions(options))
  await client.open()
  return client
}

/**
 * Takes locks for this process. One connection serves them all, or a few when there is much to do. Its tasks are strangers to
 * each other and to the cluster: each has its own place in every queue, and only what runs inside `withLock` is known to keep
 * that lock while it waits for another, so that the cluster can refuse who would wait in a circle. (In a cluster of level 1,
 * tasks that want the same lock take turns here.)
 */
export class Client {
  readonly #pool: SessionPool
  readonly #granted = new Map<Grant, Lock>()
  /** Lost (by this side's deadline, for example) and not released by their users: the server may still list them. By name. */
  readonly #unreleased = new Map<string, Set<Lock>>()
  readonly #turns = new LocalTurns()
  /** Locks that have a turn. */
  readonly #inTurn = new Set<Lock>()
  /** What the running task holds through `withLock`, innermost last. */
  readonly #taskHolds = new AsyncLocalStorage<readonly Lock[]>()
  readonly #closed = new AbortController()

  /** @internal */
  constructor(private readonly options: SessionOptions) {
    this.#pool = new SessionPool(options, { lost: (grant, reason) => this.#lost(grant, reason) }, this.#closed.signal)
  }

  /**
   * One name, or several: all or nothing. Rejects with NotGrantedError when another holds the lock and `wait` has passed, and
   * with DeadlockError when waiting would close a circle.
   */
  async acquire(names: string | readonly string[], options: AcquireOptions = {}): Promise<Lock> {
    const asks = readAsks(typeof names === 'string' ? [names] : names, readAmount(options))
    const terms = readTerms(options, this.#taskHolds.getStore() ?? [])
    options.signal?.throwIfAborted()
    this.#closed.signal.throwIfAborted()
    const { waitMs } = terms
    const askedAt = performance.now()
    const [{ name } = { name: '' }] = asks
    const takesTurns = this.#pool.level < HOLDING_LEVEL
    if (takesTurns && !(await this.#turns.take(name, waitMs, options.signal))) {
      throw new NotGrantedError(name, waitMs === 0 ? 'held' : 'timeout', this.options.clientId ?? null)
    }
    const leftMs = Math.max(0, waitMs - (performance.now() - askedAt))
    const asked = this.#acquireFromCluster(asks, { ...terms, waitMs: leftMs }, takesTurns)
    // The turn is kept until the cluster has settled the request, even if the caller has given up by then.
    if (takesTurns) asked.catch(() => this.#turns.done(name))
    return abandonable(asked, options.signal, leftMs, () => new NotGrantedError(name, 'timeout', null))
  }

  /** The lock if it is free, else null. */
  async tryAcquire(names: string | readonly string[], options: TryAcquireOptions = {}): Promise<Lock | null> {
    try {
      return await this.acquire(names, { ...options, wait: 0 })
    } catch (error) {
      if (error instanceof NotGrantedError) return null
      throw error
    }
  }

  /**
   * Runs `work` under the lock and releases it whatever happens. Rejects with what `work` threw, and with LockLostError
   * when the lock was lost before `work` was done. `lock.signal` tells `work` of a loss at once.
   */
  withLock<Result>(names: string | readonly string[], work: Work<Result>): Promise<Result>
  withLock<Result>(names: string | readonly string[], options: AcquireOptions, work: Work<Result>): Promise<Result>
  async withLock<Result>(
    names: string | readonly string[],
    ...rest: [Work<Result>] | [AcquireOptions, Work<Result>]
  ): Promise<Result> {
    const [options, work] = rest.length === 1 ? [{}, rest[0]] : rest
    const held = this.#taskHolds.getStore() ?? []
    if (this.#pool.level < HOLDING_LEVEL) refuseHeld(names, held)
    const lock = await this.acquire(names, options)
    try {
      const result = await this.#taskHolds.run([...held, lock], () => work(lock))
      if (lock.state === 'lost') throw lock.signal.reason ?? new LockLostError(lock.name, lock.token, 'deadline')
      if (options.once !== undefined) await lock.release({ done: true })
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

  async #acquireFromCluster(asks: readonly Ask[], terms: LockTerms, inTurn: boolean): Promise<Lock> {
    // An earlier lock of its own would stand in the way.
    const earlier = asks.flatMap(({ name }) => [...(this.#unreleased.get(name) ?? [])])
    await Promise.all(earlier.map((lock) => lock[Symbol.asyncDispose]()))
    // A cluster of level 1 finds tasks that wait for each other in a circle by what their sessions hold.
    const outer = this.#taskHolds.getStore()?.at(-1)?.session ?? null
    return this.#pool.use(
      async (session) => {
        const grants = await askAtItsLevel(session, asks, terms)
        const lock = new Lock(session, grants, () => this.#released(session, lock, grants))
        if (inTurn) this.#inTurn.add(lock)
        for (const grant of grants) this.#granted.set(grant, lock)
        // It may have been lost between the answer and this line.
        for (const grant of grants) if (!session.holds(grant)) this.#lost(grant, 'lease-expired')
        return lock
      },
      outer,
      terms.signal,
    )
  }

  #lost(grant: Grant, reason: LostReason): void {
    const lock = this.#granted.get(grant)
    if (lock === undefined) return
    this.#granted.delete(grant)
    const unreleased = this.#unreleased.get(grant.name) ?? new Set()
    this.#unreleased.set(grant.name, unreleased.add(lock))
    lock.markLost(grant, reason)
    // By this side's deadline: at the server it may stand for much longer, and others wait for it.
    if (reason === 'deadline') lock.giveBack()
    this.#endTurn(lock)
  }

  #released(session: ClientSession, lock: Lock, grants: readonly Grant[]): void {
    for (const grant of grants) {
      if (this.#granted.delete(grant)) continue
      const unreleased = this.#unreleased.get(grant.name)
      unreleased?.delete(lock)
      if (unreleased?.size === 0) this.#unreleased.delete(grant.name)
    }
    this.#endTurn(lock)
    this.#pool.settled(session)
  }

  #endTurn(lock: Lock): void {
    if (this.#inTurn.delete(lock)) this.#turns.done(lock.name)
  }
}

/**
 * A session that was opened at level 1 is not told when the level rises. So a task that such a cluster takes for a part of a
 * circle is asked about once more, with the words that only a cluster of a higher level understands.
 */
async function askAtItsLevel(
  session: ClientSession,
  asks: readonly Ask[],
  terms: LockTerms,
): Promise<readonly Grant[]> {
  const { level } = session
  try {
    return await askPatiently(session, asks, terms)
  } catch (error) {
    if (!(error instanceof DeadlockError) || level >= HOLDING_LEVEL) throw error
    try {
      session.level = HOLDING_LEVEL
      return await askPatiently(session, asks, terms)
    } catch (again) {
      if (!(again instanceof RefusedError) || again.serverCode !== 'unsupported') throw again
      session.level = level
      throw error
    }
  }
}

function refuseHeld(names: string | readonly string[], held: readonly Lock[]): void {
  const asked = typeof names === 'string' ? [names] : names
  const own = held.flatMap(({ holds }) => holds).find(({ name }) => asked.includes(name))
  if (own !== undefined) throw new DeadlockError(`lock '${own.name}' is held by this task already`)
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
