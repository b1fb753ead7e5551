/**
 * Walks over all names that somebody waits for, in slices: for what is shown of all of them at once. Whoever asks while a walk
 * is under way joins the next one, so that many who ask cost hardly more than one.
 */
import type { QueueReport } from '../../locks/views/queues.js'
import type { Clock, Timer } from '../../platform.js'
import { LISTING_REST_MS, LISTING_REST_TIMES, LISTING_SLICE_MS, QUEUES_PER_LOOK_AT_CLOCK } from '../limits.js'

export interface QueueVisitor {
  /** From here on; nothing that was visited before counts. */
  begin(): void
  /** Once for each name that is waited for all the time. */
  visit(queue: QueueReport): void
  /** All were visited, or nobody goes on any more. */
  end(): void
}

export interface WalkedQueues {
  readonly count: number
  all(): Iterator<QueueReport>
}

export class QueueWalk {
  #visitors: readonly QueueVisitor[] = []
  #next: QueueVisitor[] = []
  #queues: Iterator<QueueReport> | null = null
  /** Of those that were there at the beginning: a queue that ends and begins again stands at the end of them all once more. */
  #unvisited = 0
  #timer: Timer | null = null
  #isStopped = false

  constructor(
    private readonly clock: Clock,
    private readonly state: WalkedQueues,
  ) {}

  /** Where there are few, everything is over when this returns. */
  begin(visitor: QueueVisitor): void {
    if (this.#isStopped) {
      visitor.end()
      return
    }
    this.#next.push(visitor)
    if (this.#queues === null) this.#beginNext()
  }

  /** A snapshot has replaced the state. */
  restored(): void {
    if (this.#queues !== null) this.#start()
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
    this.#timer = null
    this.#queues = null
    for (const visitor of [...this.#visitors, ...this.#next.splice(0)]) visitor.end()
    this.#visitors = []
  }

  #beginNext(): void {
    this.#visitors = this.#next.splice(0)
    this.#start()
    this.#slice()
  }

  #start(): void {
    this.#queues = this.state.all()
    this.#unvisited = this.state.count
    for (const visitor of this.#visitors) visitor.begin()
  }

  #slice(): void {
    const beganMs = this.clock.takerNow()
    while (this.#queues !== null) {
      for (let visited = 0; visited < QUEUES_PER_LOOK_AT_CLOCK; visited += 1) {
        const next = this.#unvisited > 0 ? this.#queues.next() : null
        this.#unvisited -= 1
        if (next === null || next.done === true) {
          this.#end()
          return
        }
        for (const visitor of this.#visitors) visitor.visit(next.value)
      }
      const tookMs = this.clock.takerNow() - beganMs
      if (tookMs < LISTING_SLICE_MS) continue
      this.#timer = this.clock.after(Math.max(LISTING_REST_MS, LISTING_REST_TIMES * tookMs), () => this.#slice())
      return
    }
  }

  #end(): void {
    const visitors = this.#visitors
    this.#visitors = []
    this.#queues = null
    for (const visitor of visitors) visitor.end()
    // Whoever was told may have begun one.
    if (this.#queues === null && this.#next.length > 0) this.#beginNext()
  }
}
