/** What the client itself knows of how long its locks are safe (rules.md rules 6 and 7). */
import { uptime } from 'node:os'
import { BOOT_RESOLUTION_MS, HOLD_FRACTION, HOLD_MARGIN_MS } from '../limits.js'

/** A point in time on both clocks of this machine, in milliseconds. It means the same in every process of it. */
export interface Instant {
  /** Stands still while the machine is suspended. */
  readonly monotonicMs: number
  /** Since boot, suspend included. */
  readonly bootMs: number
}

export function instantNow(): Instant {
  return { monotonicMs: Number(process.hrtime.bigint()) / 1e6, bootMs: uptime() * 1000 }
}

/**
 * Milliseconds since `since`, by the clock that ran more (rule 7: who holds counts the larger). The boot clock is coarse,
 * so it counts only where it is ahead by more than its resolution, which is a suspend, and is then rounded up.
 */
export function elapsedMs(since: Instant, now: Instant = instantNow()): number {
  const monotonicMs = now.monotonicMs - since.monotonicMs
  const suspendedMs = now.bootMs - since.bootMs - monotonicMs
  return suspendedMs > BOOT_RESOLUTION_MS ? monotonicMs + suspendedMs + BOOT_RESOLUTION_MS : monotonicMs
}

/** Until when locks are held: `holdMs` after `since`. Plain data: the guardian process of tnl-do gets a copy. */
export interface HoldLimit {
  readonly since: Instant
  readonly holdMs: number
}

/** Milliseconds until the limit; 0 or less when it has passed. */
export function remainingMs(limit: HoldLimit, now: Instant = instantNow()): number {
  return limit.holdMs - elapsedMs(limit.since, now)
}

/** Where another thread keeps the session alive: what this one has to look at before it judges. */
export interface Pulse {
  /** Takes in what has come while this thread was busy. */
  catchUp(): void
  /** For how long this thread has shown no life. */
  silentMs(): number
}

export class LocalLease {
  #confirmed: Instant
  readonly #holdMs: number

  /** `sentAt`: when the line that `welcome` answered was sent. */
  constructor(
    readonly leaseMs: number,
    sentAt: Instant,
    private readonly pulse: Pulse | null = null,
  ) {
    this.#confirmed = sentAt
    this.#holdMs = HOLD_FRACTION * leaseMs - HOLD_MARGIN_MS
  }

  /** A positive word has come for what was sent at `sentAt`. Nothing else moves the limit, and nothing moves it back. */
  confirm(sentAt: Instant): void {
    if (sentAt.monotonicMs > this.#confirmed.monotonicMs) this.#confirmed = sentAt
  }

  get limit(): HoldLimit {
    return { since: this.#confirmed, holdMs: this.#holdMs }
  }

  /** Milliseconds for which locks are provably held; never below 0. A thread that shows no life for a lease loses them. */
  remainingMs(): number {
    this.pulse?.catchUp()
    const awakeMs = this.pulse === null ? Number.POSITIVE_INFINITY : this.leaseMs - this.pulse.silentMs()
    return Math.max(0, Math.min(remainingMs(this.limit), awakeMs))
  }

  /** By what had been confirmed before `at`, whenever it is looked at. */
  hadLapsed(at: Instant): boolean {
    return remainingMs(this.limit, at) <= 0
  }
}
