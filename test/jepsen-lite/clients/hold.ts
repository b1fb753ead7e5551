import type { Journal } from './journal.js'

const SAMPLE_INTERVAL_MS = 50
const NS_PER_MS = 1e6

export interface HeldLock {
  readonly name: string
  readonly token: number
}

/** Why a holder stopped believing. `lost`: the cluster said so. */
export type HoldEnd = 'released' | 'lost' | 'deadline' | 'disconnected' | 'closed' | 'left'

/**
 * The belief of a session's client: it lasts as long as the client's own local lease, which is
 * looked at now and then, because a client that was frozen past its end cannot say afterwards when that was.
 */
export class SessionHold {
  #believedUntil = 0
  #isOver = false
  readonly #timer: NodeJS.Timeout
  readonly #process: number

  constructor(
    private readonly journal: Journal,
    private readonly lock: HeldLock,
    private readonly remainingMs: () => number,
  ) {
    this.#process = journal.process
    this.#timer = setInterval(() => this.believedUntil(), SAMPLE_INTERVAL_MS)
    this.believedUntil()
  }

  /** On the clock of the run; null when the client believes no longer. */
  believedUntil(): number | null {
    const leftMs = this.remainingMs()
    if (leftMs <= 0) return null
    this.#believedUntil = this.journal.after(leftMs)
    return this.#believedUntil
  }

  /** Only the first end counts. `reason`: what the cluster said of it. */
  end(why: HoldEnd, reason?: string): void {
    if (this.#isOver) return
    this.#isOver = true
    clearInterval(this.#timer)
    this.believedUntil()
    const now = this.journal.now()
    const left = Math.max(0, this.#believedUntil - now) / NS_PER_MS
    const { name, token } = this.lock
    const until = Math.min(now, this.#believedUntil)
    const told = reason === undefined ? {} : { reason }
    this.journal.note('hold-end', { name, token, why, until, left, ...told }, this.#process)
  }
}
