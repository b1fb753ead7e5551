/** The options of a request, checked: what a node would refuse is refused here, by its name. */
import { LOCK_DELAY_MAX_MS, WAIT_MAX_MS } from '../protocol/limits.js'
import { InvalidOptionError, type LockLostError } from './errors.js'
import { MIN_HOLD_MAX_MS, ONCE_TTL_MAX_MS, TTL_MAX_MS } from './limits.js'
import type { Lock } from './lock.js'
import { assertMetadata, assertOnceKey } from './names.js'
import type { Kept, LockTerms } from './session/lock-session.js'

/** All times in milliseconds. */
export interface AcquireOptions {
  /** Milliseconds to wait for the lock; without it, as long as it takes. 0 does not wait. */
  readonly wait?: number
  /** Gives up waiting: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** Shown to whoever looks at the lock. */
  readonly metadata?: string
  /** `exclusive` unless given. A name may say its own, as `name@shared`. */
  readonly mode?: 'exclusive' | 'shared'
  /** Makes a semaphore of it: so many permits are given out in all. A name may say its own, as `name@PERMITS/LIMIT`. */
  readonly limit?: number
  /** How many of them are asked for; 1 unless given. */
  readonly permits?: number
  /** If this process dies while it holds the lock, nobody gets it for so long. */
  readonly delay?: number
  /** Nobody gets the lock before so long has passed since the grant, however early it is released. */
  readonly minHold?: number
  /** The lock is taken away so long after its grant: `lost`, with reason `ttl`. */
  readonly ttl?: number
  /**
   * A key for work that is to be done once: rejects with AlreadyDoneError if the key is marked. `withLock` marks it when
   * the work has succeeded, `release({ done: true })` does so by hand.
   */
  readonly once?: string
  /** The mark lasts so long; without it, for ever. */
  readonly onceTtl?: number
  /** Called once, the moment the lock may be lost. */
  readonly onLost?: (error: LockLostError, lock: Lock) => void
  /** Locks that are not given back before this one is granted or refused. Unless given, those of the `withLock` around the call. */
  readonly holding?: readonly Lock[]
}

/** `held`: what the running task holds. Throws InvalidOptionError. */
export function readTerms(options: AcquireOptions, held: readonly Lock[]): LockTerms {
  const waitMs = options.wait ?? Number.POSITIVE_INFINITY
  if (!(waitMs >= 0)) throw new InvalidOptionError(`wait: ${waitMs} is not a number of milliseconds`)
  if (waitMs > WAIT_MAX_MS && waitMs !== Number.POSITIVE_INFINITY) {
    throw new InvalidOptionError(
      `wait: ${waitMs} is more than ${WAIT_MAX_MS} milliseconds; leave it out to wait forever`,
    )
  }
  const { metadata, once, onceTtl } = options
  if (metadata !== undefined) assertMetadata(metadata)
  if (once !== undefined) assertOnceKey(once)
  if (onceTtl !== undefined && once === undefined) throw new InvalidOptionError('onceTtl: there is no once')
  return {
    waitMs,
    meta: metadata,
    holding: (options.holding ?? held).flatMap(keptOf),
    delayMs: checkedTime('delay', options.delay, LOCK_DELAY_MAX_MS),
    minHoldMs: checkedTime('minHold', options.minHold, MIN_HOLD_MAX_MS),
    ttlMs: checkedTime('ttl', options.ttl, TTL_MAX_MS),
    once,
    onceTtlMs: checkedTime('onceTtl', onceTtl, ONCE_TTL_MAX_MS),
    signal: options.signal,
  }
}

function checkedTime(name: string, ms: number | undefined, maxMs: number): number | undefined {
  if (ms === undefined) return undefined
  if (!(ms > 0 && ms <= maxMs)) throw new InvalidOptionError(`${name}: ${ms} is not from 0 to ${maxMs} milliseconds`)
  return Math.ceil(ms)
}

/** What is lost or released is kept by nobody. */
function keptOf(lock: Lock): readonly Kept[] {
  return lock.state === 'lost' ? [] : lock.holds
}
