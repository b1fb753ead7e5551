import { WAIT_MAX_MS } from '../../protocol/limits.js'
import { InvalidOptionError, LockStateError, NotGrantedError } from '../errors.js'
import type { Lock } from '../lock.js'
import type { LockInfo } from '../reads/lock-info.js'
import type { AcquireOptions } from '../terms.js'

export type MutexOptions = Pick<AcquireOptions, 'metadata' | 'delay' | 'minHold' | 'ttl' | 'onLost'>

interface LockSource {
  acquire(name: string, options: AcquireOptions): Promise<Lock>
  find(name: string): Promise<LockInfo | null>
}

/** For a timeout: as long as it takes. */
const UNLIMITED = -1

/** A lock in the shape of Python's `threading.Lock`. The tasks that share it are on their own: whoever releases it releases it. */
export class Mutex {
  #lock: Lock | null = null

  /** @internal */
  constructor(
    private readonly client: LockSource,
    readonly name: string,
    private readonly options: MutexOptions,
  ) {}

  /** What it is held under, with `signal` and `token`; null while this mutex is not held, or once it was lost. */
  get lock(): Lock | null {
    return this.#lock?.state === 'lost' ? null : this.#lock
  }

  /**
   * True once it is held. Waits `timeout` milliseconds, -1 for as long as it takes; with `blocking` false not at all. Rejects with
   * InvalidOptionError for what `threading.Lock` refuses: a timeout without blocking, or one below zero that is not -1.
   */
  async acquire(blocking = true, timeout = UNLIMITED): Promise<boolean> {
    const lock = await this.#granted(waitOf(blocking, timeout))
    if (lock === null) return false
    this.#lock = lock
    return true
  }

  /** Rejects with LockStateError if it is not held, and with LockLostError if it was lost before. */
  async release(): Promise<void> {
    const lock = this.#lock
    if (lock === null) throw new LockStateError(`the mutex '${this.name}' is not held`)
    this.#lock = null
    await lock.release()
  }

  /** Whether anybody holds it now, on whatever host. */
  async locked(): Promise<boolean> {
    if (this.lock !== null) return true
    const info = await this.client.find(this.name)
    return (info?.holdCount ?? 0) > 0
  }

  /** Releases it if it is held. Never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lock?.[Symbol.asyncDispose]()
    this.#lock = null
  }

  async #granted(wait: number): Promise<Lock | null> {
    try {
      return await this.client.acquire(this.name, { ...this.options, wait })
    } catch (error) {
      if (error instanceof NotGrantedError) return null
      throw error
    }
  }
}

function waitOf(blocking: boolean, timeout: number): number {
  if (!blocking) {
    if (timeout !== UNLIMITED) throw new InvalidOptionError('timeout: without blocking nothing waits')
    return 0
  }
  if (timeout === UNLIMITED) return Number.POSITIVE_INFINITY
  if (!(timeout >= 0 && timeout <= WAIT_MAX_MS)) {
    throw new InvalidOptionError(`timeout: ${timeout} is not from 0 to ${WAIT_MAX_MS} milliseconds, or -1`)
  }
  return timeout
}
