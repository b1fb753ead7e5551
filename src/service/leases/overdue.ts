/**
 * What has come to its end by this node's count and not yet in the state. It is proposed until it has: a proposal may be lost, and
 * nobody is told how it ended other than by what is applied.
 *
 * Only so many are under way at a time. 100,000 holds of one `ttl` may end in the same millisecond; as many proposals in one
 * turn would hold up everybody's, and repeating what is merely late would make more of what there is too much of.
 */
import type { Clock, Timer } from '../../platform.js'
import { OVERDUE_UNDER_WAY_COUNT, REPEAT_PROPOSAL_MS } from '../limits.js'

export interface OverdueDeps<T> {
  readonly clock: Clock
  /** Whether it has ended in the state, or is no longer this node's to end. */
  isOver(item: T): boolean
  propose(item: T): void
}

export class Overdue<T> {
  /** In the order in which they came to their end. */
  readonly #waiting = new Set<T>()
  /** And when they were proposed, on `takerNow`. */
  readonly #underWay = new Map<T, number>()
  #repeat: Timer | null = null

  constructor(private readonly deps: OverdueDeps<T>) {}

  get size(): number {
    return this.#waiting.size + this.#underWay.size
  }

  add(item: T): void {
    if (this.#underWay.has(item)) return
    this.#waiting.add(item)
    this.#fill()
  }

  delete(item: T): void {
    this.#waiting.delete(item)
    this.#underWay.delete(item)
  }

  /** Something was applied: what has ended by it makes room. */
  look(): void {
    if (this.size === 0) return
    for (const item of this.#underWay.keys()) if (this.deps.isOver(item)) this.#underWay.delete(item)
    this.#fill()
  }

  clear(): void {
    this.#waiting.clear()
    this.#underWay.clear()
    this.#repeat?.cancel()
    this.#repeat = null
  }

  #fill(): void {
    const { clock, isOver, propose } = this.deps
    for (const item of this.#waiting) {
      if (this.#underWay.size >= OVERDUE_UNDER_WAY_COUNT) break
      this.#waiting.delete(item)
      if (isOver(item)) continue
      this.#underWay.set(item, clock.takerNow())
      propose(item)
    }
    this.#arm()
  }

  #arm(): void {
    if (this.#repeat !== null || this.#underWay.size === 0) return
    const { clock } = this.deps
    // `soon`: sockets before timers (rule 7).
    this.#repeat = clock.after(REPEAT_PROPOSAL_MS, () => clock.soon(() => this.#again()))
  }

  #again(): void {
    const { clock, propose } = this.deps
    this.#repeat = null
    this.look()
    const now = clock.takerNow()
    for (const [item, proposedAtMs] of this.#underWay) {
      if (now - proposedAtMs < REPEAT_PROPOSAL_MS) continue
      this.#underWay.set(item, now)
      propose(item)
    }
    this.#arm()
  }
}
