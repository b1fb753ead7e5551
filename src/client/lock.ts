import { LockLostError, type LostReason } from './errors.js'
import type { Grant } from './session/lock-session.js'
import type { ClientSession } from './session/session.js'
import type { HoldTrace } from './tracing/traces.js'

export type LockState = 'held' | 'jeopardy' | 'lost'

/** One of the names that a lock was asked for. */
export interface Hold {
  readonly name: string
  readonly token: number
}

export interface ReleaseOptions {
  /** Sets the done-mark that the lock was asked with (`once`): nobody does the work again. Rejects unless that is committed. */
  readonly done?: boolean
}

/** A lock that was granted to this client, over one name or several. `await using` releases it at the end of the block. */
export class Lock {
  /** Each name with the token of its grant, in the order asked. */
  readonly holds: readonly Hold[]
  /** Of a program that traces what it does. @internal */
  trace: HoldTrace | null = null
  readonly #loss = new AbortController()
  #released: Promise<void> | null = null

  /** @internal */
  constructor(
    /** @internal */
    readonly session: ClientSession,
    private readonly grants: readonly Grant[],
    private readonly onReleased: () => void,
  ) {
    this.holds = grants.map(({ name, token }) => ({ name, token: token ?? 0 }))
  }

  /** Of several the first. */
  get name(): string {
    return this.holds[0]?.name ?? ''
  }

  /**
   * Greater than the token of every earlier grant of any lock: give it to the resource that the lock protects. Of several
   * the first; that of a shared lock or a semaphore says nothing about who else holds it.
   */
  get token(): number {
    return this.holds[0]?.token ?? 0
  }

  /** Aborted the moment the lock, or one of its names, may be lost, with a LockLostError as reason. Not by `release`. */
  get signal(): AbortSignal {
    return this.#loss.signal
  }

  /** Calls `listener` once, the moment the lock may be lost, with the LockLostError: `signal` for those who like callbacks. */
  onLost(listener: (error: LockLostError, lock: Lock) => void): void {
    const { signal } = this
    const told = (): void => listener(signal.reason, this)
    if (signal.aborted) queueMicrotask(told)
    else signal.addEventListener('abort', told, { once: true })
  }

  /**
   * `held`; `jeopardy` while the connection is down or its node in difficulties, the lock being held still; `lost` for
   * good once it may be another's, and after `release`.
   */
  get state(): LockState {
    if (this.remaining() <= 0) return 'lost'
    return this.session.link === null || this.session.nodeInJeopardy ? 'jeopardy' : 'held'
  }

  /** Milliseconds for which the lock is provably held, counted from now; 0 when it is lost or released. */
  remaining(): number {
    return this.grants.every((grant) => this.session.holds(grant)) ? this.session.localLease.remainingMs() : 0
  }

  /** Rejects with LockLostError if the lock had been lost before, and with NoEndpointError if no node could be told. */
  release(options: ReleaseOptions = {}): Promise<void> {
    this.#released ??= this.#releaseOnce(options.done === true)
    return this.#released
  }

  /** Never rejects, so as not to mask an error of the block. Look at `signal` to learn of a loss. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.release().catch(() => {})
  }

  /** The first loss counts. @internal */
  markLost({ name, token }: Grant, reason: LostReason): void {
    this.#loss.abort(new LockLostError(name, token, reason))
    this.trace?.lost(reason)
  }

  /** Tells the server of a lock that was lost on this side only; `release` reports the loss all the same. @internal */
  giveBack(): void {
    void this[Symbol.asyncDispose]()
  }

  async #releaseOnce(done: boolean): Promise<void> {
    const { grants, session } = this
    const [first] = grants
    // A frozen process wakes up here before its timers fire.
    if (this.remaining() <= 0 && !this.#loss.signal.aborted && first !== undefined) this.markLost(first, 'deadline')
    const lostBefore = this.#loss.signal.aborted
    // A lock that was lost by this side's deadline may still stand on the server.
    const released = grants.map((grant) =>
      done && !lostBefore && grant === first ? session.releaseDone(grant) : session.release(grant),
    )
    try {
      for (const { reason } of (await Promise.allSettled(released)).filter(isRejected)) throw reason
    } finally {
      this.trace?.released()
      this.onReleased()
    }
    if (lostBefore) throw this.#loss.signal.reason
  }
}

function isRejected(result: PromiseSettledResult<void>): result is PromiseRejectedResult {
  return result.status === 'rejected'
}
