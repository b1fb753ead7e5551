/** Of all queues the longest, and those with the oldest waiters: found in one walk, in bounded memory (`queues`). */
import type { QueueReport } from '../../locks/views/queues.js'
import { ALL_NAMES, type VisibleNames } from '../access/policy.js'
import type { QueueVisitor } from './queue-walk.js'

export class TopQueues implements QueueVisitor {
  readonly #contended: Best
  readonly #oldest: Best
  #count = 0
  #waiters = 0

  /** `prefix`: of the names that count; empty: all. `sees`: of these only what whoever asks may see. */
  constructor(
    private readonly prefix: string,
    most: number,
    private readonly done: (top: TopQueues) => void,
    private readonly sees: VisibleNames = ALL_NAMES,
  ) {
    this.#contended = new Best(most, (a, b) => b.waiters - a.waiters || a.sinceWallMs - b.sinceWallMs)
    this.#oldest = new Best(most, (a, b) => a.sinceWallMs - b.sinceWallMs || b.waiters - a.waiters)
  }

  /** Names that are waited for, and places in their queues. */
  get count(): number {
    return this.#count
  }

  get waiters(): number {
    return this.#waiters
  }

  get contended(): readonly QueueReport[] {
    return this.#contended.items
  }

  get oldest(): readonly QueueReport[] {
    return this.#oldest.items
  }

  begin(): void {
    this.#count = 0
    this.#waiters = 0
    this.#contended.items.length = 0
    this.#oldest.items.length = 0
  }

  visit(queue: QueueReport): void {
    if (!queue.name.startsWith(this.prefix) || !this.sees.has(queue.name)) return
    this.#count += 1
    this.#waiters += queue.waiters
    this.#contended.offer(queue)
    this.#oldest.offer(queue)
  }

  end(): void {
    this.done(this)
  }
}

/** The first ones in an order, sorted; equals by name. */
class Best {
  readonly items: QueueReport[] = []

  constructor(
    private readonly most: number,
    private readonly order: (a: QueueReport, b: QueueReport) => number,
  ) {}

  offer(queue: QueueReport): void {
    let at = this.items.length
    while (at > 0 && this.#isBefore(queue, this.items[at - 1])) at -= 1
    if (at === this.most) return
    this.items.splice(at, 0, queue)
    if (this.items.length > this.most) this.items.pop()
  }

  #isBefore(queue: QueueReport, other: QueueReport | undefined): boolean {
    if (other === undefined) return false
    const order = this.order(queue, other)
    return order < 0 || (order === 0 && queue.name < other.name)
  }
}
