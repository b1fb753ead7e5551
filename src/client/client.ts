import { AsyncLocalStorage } from 'node:async_hooks'
import { setMaxListeners } from 'node:events'
import { Acquiring } from './acquiring.js'
import { type Ask, readAmount, readAsks } from './asks.js'
import { type ClientOptions, sessionOptions } from './client-options.js'
import { ClientClosedError, DeadlockError, InvalidOptionError, LockLostError, NotGrantedError } from './errors.js'
import { HeartbeatThread } from './heartbeat/heartbeat-thread.js'
import { HOLDING_LEVEL } from './limits.js'
import type { Lock } from './lock.js'
import { assertLockName, assertOnceKey } from './names.js'
import { askWho, assertPrefix, checkToken, type LockFilter, listLocks } from './reads/asking.js'
import type { ListedLock, LockInfo } from './reads/lock-info.js'
import { ReadingSessions } from './reads/reading-sessions.js'
import { LockWatch, type WatchOptions, type WatchTarget } from './reads/watch.js'
import { campaign, type ElectOptions, type Leader, leadTerms, observeLeader } from './recipes/election.js'
import { EphemeralLock, type EphemeralOptions } from './recipes/ephemeral-lock.js'
import { Mutex, type MutexOptions } from './recipes/mutex.js'
import { type OnceOutcome, outcomeOf } from './recipes/once.js'
import type { LockTerms } from './session/lock-session.js'
import type { ClientSession, SessionOptions } from './session/session.js'
import { type AcquireOptions, readTerms } from './terms.js'
import type { Spans } from './tracing/spans.js'
import { withTrace } from './tracing/traceparent.js'
import type { WaitTrace } from './tracing/traces.js'
import { tracing } from './tracing/tracing.js'

export type TryAcquireOptions = Omit<AcquireOptions, 'wait'>

export interface RequestOptions extends AcquireOptions {
  /** Does not wait: the callback is called with null if the lock is not to be had at once. */
  readonly ifAvailable?: boolean
}

/** One name, or several: all or nothing. Each may say how it is asked for: `x`, `x@shared`, `x@2/5`. */
export type Names = string | readonly string[]
/** What is done under a lock. */
export type Work<Result> = (lock: Lock) => Result | Promise<Result>

/**
 * Opens a session with the cluster. Rejects with NoEndpointError or NoQuorumError when no node takes it in time, with TlsError or
 * InsecureConnectionError as soon as it is clear that none will do, and with UnauthorizedError when a node does not know the client.
 *
 * In a process that has registered a tracer with `@opentelemetry/api` (an optional peer dependency, of which nothing is loaded
 * otherwise) each lock makes two spans: `lock.wait`, and `lock.hold` with the token, in which the work of `withLock` runs. A lock
 * without metadata, or with a JSON object as metadata, carries its `traceparent` there, so that `lock.wait` of whoever waits for
 * it has a link to the trace of who holds it.
 */
export async function connect(options: ClientOptions = {}): Promise<Client> {
  const session = sessionOptions(options)
  const thread = options.heartbeatThread === false ? null : HeartbeatThread.acquire()
  const client = new Client(thread === null ? session : { ...session, thread })
  try {
    await client.open()
    return client
  } catch (error) {
    await client.close()
    throw error
  }
}

/**
 * Takes locks for this process. One connection serves them all, or a few when there is much to do. Its tasks are strangers to
 * each other and to the cluster: each has its own place in every queue, and only what runs inside `withLock` is known to keep
 * that lock while it waits for another, so that the cluster can refuse who would wait in a circle. (In a cluster of level 1,
 * tasks that want the same lock take turns here.)
 */
export class Client {
  readonly #acquiring: Acquiring
  readonly #reading: ReadingSessions
  /** What the running task holds through `withLock`, innermost last. */
  readonly #taskHolds = new AsyncLocalStorage<readonly Lock[]>()
  readonly #closed = new AbortController()
  #closing: Promise<void> | null = null

  /** @internal */
  constructor(private readonly options: SessionOptions) {
    // Every call that waits, and every watch, listens for the end.
    setMaxListeners(0, this.#closed.signal)
    this.#acquiring = new Acquiring(options, this.#taskHolds, this.#closed.signal)
    this.#reading = new ReadingSessions((hooks) => this.#acquiring.pool.openApart(hooks), this.#closed.signal)
  }

  // --------------------------------------------------------------------------------------------------- taking locks

  /**
   * One name, or several: all or nothing. Rejects with NotGrantedError when another holds the lock and `wait` has passed, and
   * with DeadlockError when waiting would close a circle.
   */
  async acquire(names: Names, options: AcquireOptions = {}): Promise<Lock> {
    const asks = readAsks(typeof names === 'string' ? [names] : names, readAmount(options))
    const terms = readTerms(options, this.#taskHolds.getStore() ?? [])
    const spans = tracing()
    const lock = await (spans === null ? this.#acquiring.acquire(asks, terms) : this.#traced(await spans, asks, terms))
    if (options.onLost !== undefined) lock.onLost(options.onLost)
    return lock
  }

  /** The lock if it is free, else null. */
  async tryAcquire(names: Names, options: TryAcquireOptions = {}): Promise<Lock | null> {
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
  withLock<Result>(names: Names, work: Work<Result>): Promise<Result>
  withLock<Result>(names: Names, options: AcquireOptions, work: Work<Result>): Promise<Result>
  async withLock<Result>(names: Names, ...rest: [Work<Result>] | [AcquireOptions, Work<Result>]): Promise<Result> {
    const [options, work] = rest.length === 1 ? [{}, rest[0]] : rest
    const held = this.#taskHolds.getStore() ?? []
    if (this.#acquiring.pool.level < HOLDING_LEVEL) refuseHeld(names, held)
    return this.#under(await this.acquire(names, options), options, work)
  }

  /**
   * `withLock` in the shape of the Web Locks API (`navigator.locks.request`), for all hosts: `mode`, `signal`, `ifAvailable`.
   * Nothing can be stolen; an operator can break a lock (`tnl force-release`).
   */
  request<Result>(names: Names, callback: Work<Result>): Promise<Result>
  request<Result>(
    names: Names,
    options: RequestOptions & { readonly ifAvailable: true },
    callback: (lock: Lock | null) => Result | Promise<Result>,
  ): Promise<Result>
  request<Result>(names: Names, options: RequestOptions, callback: Work<Result>): Promise<Result>
  async request<Result>(
    names: Names,
    ...rest: [(lock: never) => unknown] | [RequestOptions, (lock: never) => unknown]
  ): Promise<Result> {
    const [{ ifAvailable = false, ...options }, callback] = (rest.length === 1 ? [{}, rest[0]] : rest) as [
      RequestOptions,
      (lock: Lock | null) => Result | Promise<Result>,
    ]
    if ('steal' in options && options.steal)
      throw new InvalidOptionError('steal: a lock is broken by tnl force-release only')
    if (!ifAvailable) return this.withLock(names, options, callback)
    if (options.wait !== undefined) throw new InvalidOptionError('wait: with ifAvailable nothing waits')
    const lock = await this.tryAcquire(names, options)
    return lock === null ? callback(null) : this.#under(lock, options, callback)
  }

  /**
   * Runs `work` unless it was done before, by whomever: at least once, and never again after a success that the cluster has
   * recorded under `key`. Whoever comes meanwhile waits for the one who is at it.
   */
  once<Result>(key: string, work: Work<Result>): Promise<OnceOutcome<Result>>
  once<Result>(key: string, options: AcquireOptions, work: Work<Result>): Promise<OnceOutcome<Result>>
  async once<Result>(
    key: string,
    ...rest: [Work<Result>] | [AcquireOptions, Work<Result>]
  ): Promise<OnceOutcome<Result>> {
    const [options, work] = rest.length === 1 ? [{}, rest[0]] : rest
    assertOnceKey(key)
    return outcomeOf(this.withLock(key, { ...options, once: key }, work))
  }

  /** A lock with the methods of Python's `threading.Lock`, over all hosts. Any number of tasks may share it. */
  mutex(name: string, options: MutexOptions = {}): Mutex {
    assertLockName(name)
    return new Mutex(this, name, options)
  }

  /** A lock that ends a fixed time after it was granted, whatever its holder does: nothing renews it. It can be taken once. */
  ephemeralLock(key: string, options: EphemeralOptions = {}): EphemeralLock {
    return new EphemeralLock(this, key, options)
  }

  // -------------------------------------------------------------------------------------------------- giving back

  /** The locks that this client holds, the oldest first. */
  get held(): readonly Lock[] {
    return [...this.#acquiring.locks]
  }

  /**
   * Releases every lock of this client that has `name` among its names. Null if there is none. Never another's lock: that
   * takes `tnl force-release`.
   */
  async release(name: string): Promise<string | null> {
    assertLockName(name)
    const released = await this.#releaseWhere((held) => held === name)
    return released.length === 0 ? null : name
  }

  /** Releases these names, or everything that this client holds. The names that it had, sorted. */
  releaseAll(names?: readonly string[]): Promise<readonly string[]> {
    const asked = names === undefined ? null : new Set(names)
    return this.#releaseWhere((name) => asked === null || asked.has(name))
  }

  /** Releases whatever of this client matches as a whole. The names, sorted. */
  releaseMatching(pattern: RegExp | string): Promise<readonly string[]> {
    const { source, flags } = typeof pattern === 'string' ? new RegExp(pattern) : pattern
    const whole = new RegExp(`^(?:${source})$`, flags.replace(/[gy]/g, ''))
    return this.#releaseWhere((name) => whole.test(name))
  }

  // -------------------------------------------------------------------------------------------------------- looking

  /**
   * Every lock of the cluster that somebody has or waits for, by name and then by token. What is there all the time appears
   * exactly once, and each was so when it was told.
   */
  locks(filter: LockFilter = {}): AsyncGenerator<ListedLock, void> {
    return listLocks(this.#reading, filter)
  }

  /** Who has this name, and who waits for it; null if nobody does. */
  async find(name: string): Promise<LockInfo | null> {
    const info = await askWho(this.#reading, name)
    return info.holdCount + info.waiterCount === 0 ? null : info
  }

  /** What somebody has whose name matches as a whole, by name. `match` is in RE2's syntax. */
  async findRegex(match: string): Promise<ReadonlyMap<string, readonly ListedLock[]>> {
    const found = new Map<string, ListedLock[]>()
    for await (const lock of this.locks({ match })) found.set(lock.name, [...(found.get(lock.name) ?? []), lock])
    return found
  }

  /** For the resource that a lock protects: whether a hold with this token is current, at some moment after the call. */
  async check(name: string, token: number): Promise<boolean> {
    return checkToken(this.#reading, name, token)
  }

  /** What happens to a lock, or to all that begin with a prefix, in the order in which it was committed. */
  watch(target: string | WatchTarget, options: WatchOptions = {}): LockWatch {
    const { name, prefix } = typeof target === 'string' ? { name: target, prefix: undefined } : target
    if ((name === undefined) === (prefix === undefined)) throw new InvalidOptionError('watch: a name or a prefix')
    if (name !== undefined) assertLockName(name)
    if (prefix !== undefined) assertPrefix(prefix)
    const { since = null, signal } = options
    if (since !== null && !/^\d{1,16}\.\d{1,16}$/.test(since)) {
      throw new InvalidOptionError(`since: '${since}' is not the position of an event`)
    }
    const { reachMs } = this.options
    return new LockWatch(this.#reading, {
      target: { name, prefix },
      since,
      signal,
      reachMs,
      closed: this.#closed.signal,
    })
  }

  // ------------------------------------------------------------------------------------------------------- elections

  /**
   * Stands for election, through outages too, until it is the leader: the lock is the leadership, its token the term, `release`
   * resigns, and `lock.signal` says when it may be another's. `value` is what `observe` shows to the others.
   */
  elect(name: string, options: ElectOptions = {}): Promise<Lock> {
    return campaign(this, name, options, this.#closed.signal)
  }

  /**
   * Leads again and again until `options.signal` aborts: each term runs `work`, which must end when `lock.signal` aborts. When it
   * has ended, the leadership is given up and stood for once more. Rejects with what `work` throws, unless it lost its term.
   */
  lead(name: string, options: ElectOptions, work: (lock: Lock) => unknown): Promise<void> {
    return leadTerms(this, name, options, work, this.#closed.signal)
  }

  /** Who leads: now, and whenever that changes. Null while nobody does. A change that another follows at once may be left out. */
  observe(name: string, options: Pick<WatchOptions, 'signal'> = {}): AsyncGenerator<Leader | null, void> {
    return observeLeader(this, name, options.signal)
  }

  // --------------------------------------------------------------------------------------------------------- the end

  /** Releases every lock and ends the sessions. Calls that still wait reject with ClientClosedError. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Of all its sessions, those that only read too. @internal */
  get sessionIds(): readonly string[] {
    return [...this.#acquiring.pool.ids, ...this.#reading.ids]
  }

  /** The session that takes the next request. Rejects when no node opens one. @internal */
  open(): Promise<ClientSession> {
    return this.#acquiring.pool.use((session) => Promise.resolve(session))
  }

  async #close(): Promise<void> {
    this.#closed.abort(new ClientClosedError())
    await Promise.all([this.#acquiring.close(this.#closed.signal.reason), this.#reading.close()])
    await this.options.thread?.release()
  }

  async #under<Result>(lock: Lock, { once }: AcquireOptions, work: Work<Result>): Promise<Result> {
    const held = this.#taskHolds.getStore() ?? []
    try {
      const run = () => this.#taskHolds.run([...held, lock], () => work(lock))
      const result = await (lock.trace === null ? run() : lock.trace.run(run))
      if (lock.state === 'lost') throw lock.signal.reason ?? new LockLostError(lock.name, lock.token, 'deadline')
      if (once !== undefined) await lock.release({ done: true })
      return result
    } finally {
      await lock[Symbol.asyncDispose]()
    }
  }

  async #traced(spans: Spans | null, asks: readonly Ask[], terms: LockTerms): Promise<Lock> {
    const wait = spans?.wait(asks.map(({ name }) => name))
    if (wait === undefined) return this.#acquiring.acquire(asks, terms)
    const meta = wait.traceparent === null ? terms.meta : withTrace(terms.meta, wait.traceparent)
    const onQueued = (name: string): void => {
      wait.queued()
      if (wait.traceparent !== null) void this.#linkToHolders(wait, name)
    }
    try {
      const lock = await this.#acquiring.acquire(asks, { ...terms, meta, onQueued })
      lock.trace = wait.granted(lock.token)
      return lock
    } catch (error) {
      wait.failed(error)
      throw error
    }
  }

  /** Who has it is asked for once, and only for a trace that is recorded: it may be gone by then, and that is no error. */
  async #linkToHolders(wait: WaitTrace, name: string): Promise<void> {
    const info = await askWho(this.#reading, name).catch(() => null)
    for (const { traceparent } of info?.holds ?? []) if (traceparent !== null) wait.waitsFor(traceparent)
  }

  async #releaseWhere(isMeant: (name: string) => boolean): Promise<readonly string[]> {
    const meant = this.held.filter(({ holds }) => holds.some(({ name }) => isMeant(name)))
    await Promise.all(meant.map((lock) => lock.release()))
    return [...new Set(meant.flatMap(({ holds }) => holds.map(({ name }) => name)))].sort()
  }
}

function refuseHeld(names: Names, held: readonly Lock[]): void {
  const asked = typeof names === 'string' ? [names] : names
  const own = held.flatMap(({ holds }) => holds).find(({ name }) => asked.includes(name))
  if (own !== undefined) throw new DeadlockError(`lock '${own.name}' is held by this task already`)
}
