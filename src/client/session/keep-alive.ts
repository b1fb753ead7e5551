/** The keepalives of one connection: sent every sixth of the lease, and each answered within another sixth (rule 6). */
import { MIN_KEEPALIVE_INTERVAL_MS } from '../limits.js'
import type { Link } from '../transport/link.js'
import { elapsedMs, type Instant, instantNow } from './local-lease.js'

export interface KeepAliveOwner {
  send(): void
  /** The keepalive that was sent at `sentAt` has been answered; `at`: when that was read, if not just now. */
  confirmed(sentAt: Instant, at?: Instant): void
  overdue(): void
}

/** What keeps a session alive on its present connection, from `start` to `stop`. */
export interface Heartbeat {
  start(link: Link): void
  stop(): void
  /** An `alive` has come. */
  answered(): void
}

export class KeepAlive implements Heartbeat {
  readonly #intervalMs: number
  /** Send times of what is not answered yet; `alive` answers come in the order of the keepalives. */
  #unanswered: Instant[] = []
  #timer: NodeJS.Timeout | null = null
  #judgement: NodeJS.Immediate | null = null

  constructor(
    /** A sixth of the lease. */
    private readonly answerMs: number,
    intervalMs: number | undefined,
    private readonly owner: KeepAliveOwner,
  ) {
    this.#intervalMs = Math.min(answerMs, Math.max(MIN_KEEPALIVE_INTERVAL_MS, intervalMs ?? answerMs))
  }

  /** Starts over on a fresh connection. The first keepalive goes at once: it tells early whether the connection is good. */
  start(): void {
    this.stop()
    this.#unanswered = []
    this.#beat()
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#judgement !== null) clearImmediate(this.#judgement)
    this.#timer = null
    this.#judgement = null
  }

  answered(): void {
    const sentAt = this.#unanswered.shift()
    if (sentAt !== undefined) this.owner.confirmed(sentAt)
  }

  #beat(): void {
    this.#unanswered.push(instantNow())
    this.owner.send()
    this.#schedule()
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      // After a pause of this process answers may lie unread in the socket: they are read before anything is judged.
      this.#judgement = setImmediate(() => this.#judge())
    }, this.#nextCheckMs())
  }

  #judge(): void {
    const [oldest] = this.#unanswered
    // A timer may fire a fraction of a millisecond early.
    if (oldest !== undefined && elapsedMs(oldest) >= this.answerMs - 1) this.owner.overdue()
    else this.#beat()
  }

  #nextCheckMs(): number {
    const [oldest] = this.#unanswered
    const overdueInMs = oldest === undefined ? this.answerMs : this.answerMs - elapsedMs(oldest)
    return Math.max(1, Math.min(this.#intervalMs, overdueInMs))
  }
}
