/**
 * What is measured of locks: how long clients wait and hold, what is lost, refused, and who waits now. What happens to a lock
 * is counted by the node that leads, which sees it whether or not any node has the client's connection; refusals are counted
 * by the node that says them. So sums over all nodes are those of the cluster. What is there now every node knows alike.
 */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { LockEvent } from '../../locks/effects.js'
import { LOSSES } from '../../locks/table/events.js'
import type { QueueReport } from '../../locks/views/queues.js'
import type { LockObserver, RefusedFor } from '../../service/lock-observer.js'
import type { QueueVisitor, QueueWalk } from '../../service/reads/queue-walk.js'
import { OTHER, PrefixLabels } from './prefix-labels.js'

/** From one commit to a night's job. */
const WAIT_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200]
const HOLD_BUCKETS_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400]

export interface LockMetricsOptions {
  readonly registry: Registry
  /** Of lock names; empty: by the first segments seen. */
  readonly prefixes: readonly string[]
  /** The clock by which events say since when; for display only. */
  wallNow(): number
}

/** Of all names of one label. */
interface QueueSum {
  waiters: number
  sinceWallMs: number
}

export class LockMetrics implements LockObserver {
  readonly labels: PrefixLabels
  readonly #waits: Histogram<'prefix' | 'outcome'>
  readonly #holds: Histogram<'prefix'>
  readonly #losses: Counter<'prefix' | 'reason'>
  readonly #refusals: Counter<'prefix' | 'reason'>
  readonly #queueLengths: Gauge<'prefix'>
  readonly #oldest: Gauge<'prefix'>
  /** Labels whose losses are shown. */
  readonly #known = new Set<string>()
  /** Those that have been shown once are shown from then on, as 0: a series that ends looks like a node that is down. */
  readonly #shown = new Set<string>()
  #surveying: Promise<void> | null = null

  constructor(private readonly options: LockMetricsOptions) {
    const registers = [options.registry]
    this.labels = new PrefixLabels(options.prefixes)
    this.#waits = new Histogram({
      name: 'tnl_wait_seconds',
      help: 'From the request for a lock to its grant, or until it left the queue without one',
      labelNames: ['prefix', 'outcome'],
      buckets: WAIT_BUCKETS_SECONDS,
      registers,
    })
    this.#holds = new Histogram({
      name: 'tnl_hold_seconds',
      help: 'From the grant of a lock to the end of the hold',
      labelNames: ['prefix'],
      buckets: HOLD_BUCKETS_SECONDS,
      registers,
    })
    this.#losses = new Counter({
      name: 'tnl_losses_total',
      help: 'Holds that ended before their client gave them back',
      labelNames: ['prefix', 'reason'],
      registers,
    })
    this.#refusals = new Counter({
      name: 'tnl_refusals_total',
      help: 'Requests for locks that clients at this node made in vain',
      labelNames: ['prefix', 'reason'],
      registers,
    })
    this.#queueLengths = new Gauge({
      name: 'tnl_queue_length',
      help: 'Places in the queues of locks in the cluster',
      labelNames: ['prefix'],
      registers,
    })
    this.#oldest = new Gauge({
      name: 'tnl_oldest_waiter_seconds',
      help: 'For how long the oldest request in a queue has waited',
      labelNames: ['prefix'],
      registers,
    })
  }

  event({ type, name, sinceWallMs, how }: LockEvent): void {
    switch (type) {
      case 'granted':
      case 'left':
        this.#waits.observe({ prefix: this.#labelOf(name), outcome: type }, this.#secondsSince(sinceWallMs))
        return
      case 'lost':
        this.#losses.inc({ prefix: this.#labelOf(name), reason: how ?? OTHER })
        this.#held(name, sinceWallMs)
        return
      case 'released':
        this.#held(name, sinceWallMs)
        return
    }
  }

  heardOf(name: string): void {
    this.#labelOf(name)
  }

  refused(name: string, why: RefusedFor): void {
    this.#refusals.inc({ prefix: this.#labelOf(name), reason: why })
  }

  /**
   * From the first that is heard of a name its losses are shown, as 0 and on every node: of a series that begins with 100, as that of
   * a new leader would that takes the locks of a dead node away, nobody's `increase()` sees the 100.
   */
  #labelOf(name: string): string {
    const prefix = this.labels.of(name)
    if (this.#known.has(prefix)) return prefix
    this.#known.add(prefix)
    for (const reason of LOSSES) this.#losses.inc({ prefix, reason }, 0)
    return prefix
  }

  #held(name: string, sinceWallMs: number): void {
    this.#holds.observe({ prefix: this.#labelOf(name) }, this.#secondsSince(sinceWallMs))
  }

  /** The clocks of two nodes: what seems to lie ahead began just now. */
  #secondsSince(wallMs: number): number {
    return Math.max(0, this.options.wallNow() - wallMs) / 1_000
  }

  /** Looks at all queues, once for all who ask meanwhile. */
  survey(walk: Pick<QueueWalk, 'begin'>): Promise<void> {
    this.#surveying ??= new Promise<void>((resolve) => walk.begin(this.#visitor(resolve))).finally(() => {
      this.#surveying = null
    })
    return this.#surveying
  }

  #visitor(done: () => void): QueueVisitor {
    const sums = new Map<string, QueueSum>()
    return {
      begin: () => sums.clear(),
      visit: (queue) => this.#add(sums, queue),
      end: () => {
        this.#show(sums)
        done()
      },
    }
  }

  #add(sums: Map<string, QueueSum>, { name, waiters, sinceWallMs }: QueueReport): void {
    const prefix = this.#labelOf(name)
    const sum = sums.get(prefix)
    if (sum === undefined) sums.set(prefix, { waiters, sinceWallMs })
    else {
      sum.waiters += waiters
      sum.sinceWallMs = Math.min(sum.sinceWallMs, sinceWallMs)
    }
  }

  #show(sums: ReadonlyMap<string, QueueSum>): void {
    for (const prefix of sums.keys()) this.#shown.add(prefix)
    for (const prefix of this.#shown) {
      const sum = sums.get(prefix)
      this.#queueLengths.set({ prefix }, sum?.waiters ?? 0)
      this.#oldest.set({ prefix }, sum === undefined ? 0 : this.#secondsSince(sum.sinceWallMs))
    }
  }
}
