/** The grants of one session, and until when they are held (rules.md rule 6). */
import { LockLostError, type LostReason } from '../errors.js'
import { DEADLINE_CHECK_INTERVAL_MS } from '../limits.js'
import { after } from '../long-timer.js'
import type { Instant, LocalLease } from './local-lease.js'
import type { Grant } from './lock-session.js'

/** What came when the limit had passed, for example after a pause of this process. */
interface UnprovenGrants {
  readonly grants: readonly Grant[]
  readonly give: () => void
  readonly fail: (error: unknown) => void
}

export class Holdings {
  /** With the time of each grant by `performance.now()`, oldest first: a Map keeps the order of insertion. */
  readonly #held = new Map<Grant, number>()
  /** Given out once a keepalive has proved the session. */
  readonly #unproven = new Set<UnprovenGrants>()
  /** No longer held, but the word of a loss still matters: they are being released with their done-marks. */
  readonly #watched = new Set<Grant>()
  /** By the word of a node. */
  readonly #lost = new WeakSet<Grant>()
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

  /** Gives the grants of a request out at once while the session is proved, otherwise with the next proof, or fails. */
  add(grants: readonly Grant[], give: () => void, fail: (error: unknown) => void): void {
    // No proof of the session says anything about loose holds.
    if (grants.every(({ loose }) => loose === true)) {
      give()
      return
    }
    if (this.localLease.remainingMs() <= 0) {
      this.#unproven.add({ grants, give, fail })
      return
    }
    for (const grant of grants) this.#held.set(grant, performance.now())
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
    for (const { grants, give, fail } of proven) this.add(grants, give, fail)
  }

  /** Past the limit the locks are lost for good, whatever the server may still say of them. `at`: if that is not now. */
  loseLapsed(at?: Instant): void {
    if (at === undefined ? this.localLease.remainingMs() > 0 : !this.localLease.hadLapsed(at)) return
    for (const grant of [...this.#held.keys()]) if (this.#held.delete(grant)) this.onLost(grant, 'deadline')
  }

  loseWhere(reason: LostReason, isLost: (grant: Grant) => boolean): void {
    for (const grant of [...this.#held.keys()]) {
      if (isLost(grant) && this.#held.delete(grant)) this.onLost(grant, reason)
    }
    for (const unproven of [...this.#unproven]) {
      const lost = unproven.grants.find(isLost)
      if (lost === undefined) continue
      this.#unproven.delete(unproven)
      unproven.fail(new LockLostError(lost.name, lost.token, reason))
    }
  }

  loseByWord(reason: LostReason, isMeant: (grant: Grant) => boolean): void {
    const isLost = (grant: Grant): boolean => {
      if (!isMeant(grant)) return false
      this.#lost.add(grant)
      return true
    }
    for (const grant of this.#watched) isLost(grant)
    this.loseWhere(reason, isLost)
  }

  /** Until `wasLost` is asked. */
  watch(grant: Grant): void {
    this.#watched.add(grant)
  }

  /** A node has said so. */
  wasLost(grant: Grant): boolean {
    this.#watched.delete(grant)
    return this.#lost.has(grant)
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
