import { LockLostError, type LostReason } from './errors.js'
import type { Grant } from './session/lock-session.js'
import type { ClientSession } from './session/session.js'

export type LockState = 'held' | 'jeopardy' | 'lost'

/** A lock that was granted to this client. `await using` releases it at the end of the block. */
export class Lock {
  readonly name: string
  /** Greater than the token of every earlier grant of any lock: give it to the resource that the lock protects. */
  readonly token: number
  readonly #loss = new AbortController()
  #released: Promise<void> | null = null

  /** @internal */
  constructor(
    /** @internal */
    readonly session: ClientSession,
    private readonly grant: Grant,
    private readonly onReleased: () => void,
  ) {
    this.name = grant.name
    this.token = grant.token ?? 0
  }

  /** Aborted the moment the lock may be lost, with a LockLostError as reason. Not by `release`. */
  get signal(): AbortSignal {
    return this.#loss.signal
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
    return this.session.holds(this.grant) ? this.session.localLease.remainingMs() : 0
  }

  /** Rejects with LockLostError if the lock had been lost before, and with NoEndpointError if no node could be told. */
  release(): Promise<void> {
    this.#released ??= this.#releaseOnce()
    return this.#released
  }

  /** Never rejects, so as not to mask an error of the block. Look at `signal` to learn of a loss. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.release().catch(() => {})
  }

  /** @internal */
  markLost(reason: LostReason): void {
    this.#loss.abort(new LockLostError(this.name, this.token, reason))
  }

  /** Tells the server of a lock that was lost on this side only; `release` reports the loss all the same. @internal */
  giveBack(): void {
    void this[Symbol.asyncDispose]()
  }

  async #releaseOnce(): Promise<void> {
    // A frozen process wakes up here before its timers fire.
    if (this.remaining() <= 0 && !this.#loss.signal.aborted) this.markLost('deadline')
    const lostBefore = this.#loss.signal.aborted
    // A lock that was lost by this side's deadline may still stand on the server.
    await this.session.release(this.grant).finally(this.onReleased)
    if (lostBefore) throw this.#loss.signal.reason
  }
}
