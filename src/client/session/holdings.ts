/** The grants of one session, and until when they are held (rules.md rule 6). */
import { LockLostError, type LostReason } from '../errors.js'
import { DEADLINE_CHECK_INTERVAL_MS } from '../limits.js'
import { after } from '../long-timer.js'
import type { LocalLease } from './local-lease.js'
import type { Grant } from './lock-session.js'

/** A grant that came when the limit had passed, for example after a pause of this process. */
interface UnprovenGrant {
  readonly grant: Grant
  readonly give: () => void
  readonly fail: (error: unknown) => void
}

export class Holdings {
  /** With the time of each grant by `performance.now()`, oldest first: a Map keeps the order of insertion. */
  readonly #held = new Map<Grant, number>()
  /** Given out once a keepalive has proved the session. */
  readonly #unproven = new Set<UnprovenGrant>()
  #stopTimer: (() => void) | null = null

  constructor(
    private readonly localLease: LocalLease,
    private readonly onLost: (grant: Grant, reason: LostReason) => void,
  ) {}

  get empty(): boolean {
    return this.#held.size === 0 && this.#unproven.size === 0
  }

  get size(): number {
    return this.#held.size + this.#unproven.size
  }

  /** For how long the oldest is held; 0 if none is. */
  get oldestMs(): number {
    for (const since of this.#held.values()) return performance.now() - since
    return 0
  }

  has(grant: Grant): boolean {
    return this.#held.has(grant)
  }

  /** Gives the grant out at once while the session is proved, otherwise with the next proof, or fails. */
  add(grant: Grant, give: () => void, fail: (error: unknown) => void): void {
    if (this.localLease.remainingMs() <= 0) {
      this.#unproven.add({ grant, give, fail })
      return
    }
    this.#held.set(grant, performance.now())
    this.#armDeadline()
    give()
  }

  delete(grant: Grant): void {
    this.#held.delete(grant)
  }

  clear(): void {
    this.#held.clear()
  }

  /** Something sent at a time that the local lease has been told of was answered. */
  proved(): void {
    if (this.localLease.remainingMs() <= 0) return
    const proven = [...this.#unproven]
    this.#unproven.clear()
    for (const { grant, give, fail } of proven) this.add(grant, give, fail)
  }

  /** Past the limit the locks are lost for good, whatever the server may still say of them. */
  loseLapsed(): void {
    if (this.localLease.remainingMs() > 0) return
    for (const grant of [...this.#held.keys()]) if (this.#held.delete(grant)) this.onLost(grant, 'deadline')
  }

  loseWhere(reason: LostReason, isLost: (grant: Grant) => boolean): void {
    for (const grant of [...this.#held.keys()]) {
      if (isLost(grant) && this.#held.delete(grant)) this.onLost(grant, reason)
    }
    for (const unproven of [...this.#unproven]) {
      const { grant, fail } = unproven
      if (isLost(grant) && this.#unproven.delete(unproven)) fail(new LockLostError(grant.name, grant.token, reason))
    }
  }

  stop(): void {
    this.#stopTimer?.()
    this.#stopTimer = null
  }

  #armDeadline(): void {
    if (this.#stopTimer !== null || this.#held.size === 0) return
    const delayMs = Math.min(Math.max(1, this.localLease.remainingMs()), DEADLINE_CHECK_INTERVAL_MS)
    this.#stopTimer = after(delayMs, () => {
      this.#stopTimer = null
      this.loseLapsed()
      this.#armDeadline()
    })
  }
}
