import { InvalidOptionError, LockStateError, NotGrantedError } from '../errors.js'
import { EPHEMERAL_LIFESPAN_DEFAULT_MS } from '../limits.js'
import type { Lock } from '../lock.js'
import { assertLockName } from '../names.js'
import type { AcquireOptions } from '../terms.js'

/** All times in milliseconds. */
export interface EphemeralOptions {
  /** It ends so long after its grant; 180,000 unless given. */
  readonly lifespan?: number
  /** How long to wait for it; 0 unless given. */
  readonly wait?: number
  /** Makes the name of the lock: `%s` stands for the key. `locks/ephemeral/%s` unless given. */
  readonly keyPattern?: string
  /** Makes what is shown to whoever looks at the lock. Unless given, when it was taken, as JSON. */
  readonly generateValue?: (key: string) => string
  /** Gives up waiting. */
  readonly signal?: AbortSignal
}

interface LockSource {
  acquire(name: string, options: AcquireOptions): Promise<Lock>
}

const KEY_PATTERN_DEFAULT = 'locks/ephemeral/%s'

/** A lock with a hard end. It is given back earlier by `release`, and when its client ends. */
export class EphemeralLock {
  /** Of the lock in the cluster. */
  readonly name: string
  #isUsed = false
  #lock: Lock | null = null

  /** @internal */
  constructor(
    private readonly client: LockSource,
    readonly key: string,
    private readonly options: EphemeralOptions,
  ) {
    const { keyPattern = KEY_PATTERN_DEFAULT } = options
    const parts = keyPattern.split('%s')
    if (parts.length !== 2) throw new InvalidOptionError(`keyPattern: '${keyPattern}' must have one %s, for the key`)
    this.name = parts.join(key)
    assertLockName(this.name)
  }

  /** With `signal`, `token` and `remaining`; null before it was taken, and if it was not to be had. */
  get lock(): Lock | null {
    return this.#lock
  }

  /**
   * Whether it was granted; with `failHard` it rejects with NotGrantedError instead. Rejects with LockStateError when it is
   * called again.
   */
  async acquire({ failHard = false }: { readonly failHard?: boolean } = {}): Promise<boolean> {
    if (this.#isUsed) throw new LockStateError(`the ephemeral lock '${this.name}' has been used: it can be taken once`)
    this.#isUsed = true
    const { lifespan = EPHEMERAL_LIFESPAN_DEFAULT_MS, wait = 0, generateValue = takenAt, signal } = this.options
    try {
      this.#lock = await this.client.acquire(this.name, {
        ...{ wait, ttl: lifespan, metadata: generateValue(this.key) },
        ...(signal !== undefined && { signal }),
      })
      return true
    } catch (error) {
      if (failHard || !(error instanceof NotGrantedError)) throw error
      return false
    }
  }

  /** Takes it, or rejects with NotGrantedError: `await using lock = await client.ephemeralLock('x').hold()`. */
  async hold(): Promise<this> {
    await this.acquire({ failHard: true })
    return this
  }

  /** True if it was held until now: not if it was never granted, had come to its end, or was lost. */
  async release(): Promise<boolean> {
    const wasHeld = this.#lock !== null && this.#lock.state !== 'lost'
    await this.#lock?.[Symbol.asyncDispose]()
    return wasHeld
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release()
  }
}

function takenAt(): string {
  return JSON.stringify({ locked_at: new Date().toISOString() })
}
