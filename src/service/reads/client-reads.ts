/**
 * What clients ask without changing anything. A read is confirmed by a quorum, on any node and without an entry of the log
 * (rules.md rule 8), and then looks at the applied state; nothing of it is stored, so a repeated one reads again.
 */
import { EVENT_TYPES, type EventType, type LockEvent } from '../../locks/effects.js'
import type { Reports } from '../../locks/views/reports.js'
import type { Clock } from '../../platform.js'
import type { NodeApi } from '../../raft/node/node-api.js'
import { ListedNames } from './listed-names.js'
import { Listings } from './listings.js'
import { PacedWork } from './paced-work.js'
import { QueueWalk } from './queue-walk.js'
import { SnapshotSends } from './snapshot-sends.js'
import { type Watcher, Watches } from './watches.js'

export interface ReadsDeps {
  readonly clock: Clock
  readonly node: Pick<NodeApi, 'read' | 'appliedIndex' | 'saveSnapshot'>
  readonly reports: Reports
}

export class ClientReads {
  readonly reports: Reports
  readonly listings: Listings
  readonly watches: Watches
  readonly queues: QueueWalk
  readonly snapshots: SnapshotSends
  readonly #names: ListedNames
  readonly #happened = Object.fromEntries(EVENT_TYPES.map((type) => [type, 0])) as Record<EventType, number>
  readonly #paced: PacedWork

  constructor(private readonly deps: ReadsDeps) {
    const { clock, node, reports } = deps
    this.reports = reports
    this.#names = new ListedNames(clock, reports)
    this.#paced = new PacedWork(clock)
    this.queues = new QueueWalk(clock, reports.queues)
    this.listings = new Listings(clock, this.#names, reports)
    this.watches = new Watches({ clock, listings: this.listings, appliedIndex: () => node.appliedIndex() })
    this.snapshots = new SnapshotSends(clock, node)
  }

  /** `true`: the state has all that was answered to anybody before this call, from now on. For what is looked up at once. */
  confirm(done: (isCurrent: boolean) => void): void {
    this.deps.node.read((outcome) => done(outcome === 'current'))
  }

  /** The same for what takes longer: those who ask without end get a share of the node's time. */
  confirmPaced(done: (isCurrent: boolean) => void): void {
    this.confirm((isCurrent) => {
      if (!isCurrent || !this.#paced.add(() => done(true))) done(false)
    })
  }

  start(): void {
    this.watches.start()
  }

  /** How many events of each type this node has seen since its start, of all locks. */
  happened(): Readonly<Record<EventType, number>> {
    return { ...this.#happened }
  }

  event(event: LockEvent): void {
    this.#happened[event.type] += 1
    this.#names.changed(event.name)
    this.watches.event(event)
  }

  applied(): void {
    this.watches.applied()
  }

  restored(): void {
    this.queues.restored()
    this.#names.drop()
    this.watches.restored()
  }

  /** The connection is closed. */
  forget(reader: Watcher): void {
    this.listings.forget(reader)
    this.watches.forget(reader)
    this.snapshots.forget(reader)
  }

  stop(): void {
    this.#paced.stop()
    this.queues.stop()
    this.watches.clear()
    this.snapshots.clear()
    this.listings.clear()
    this.#names.drop()
  }
}
