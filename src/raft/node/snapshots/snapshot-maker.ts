import type { ConfState, Index, SnapshotMetadata, Term } from '../../core/types.js'
import { SNAPSHOT_OVERDUE_INTERVALS } from '../../limits.js'
import type { StateMachine } from '../../ports/state-machine.js'
import type { LogStore } from '../../ports/store.js'
import type { Bounds } from '../bounds.js'

/** Where the machine stands: the metadata of a snapshot that would be made now. */
interface Place {
  readonly index: Index
  readonly term: Term
  readonly confState: () => ConfState
}

/** Decides when a snapshot is due, and writes it while the log goes on. The log is cut only after it is durable (mutant M42). */
export class SnapshotMaker {
  #busy = false
  /** Settles when the one that is being written is durable, or was written in vain. */
  #writing: Promise<void> = Promise.resolve()
  #hasFailed = false
  #whenIdle: (() => void)[] = []
  /** Of the last durable snapshot. */
  #lastIndex: Index
  /** Bytes of log that were applied after the last durable snapshot, and after the one that is being written. */
  #bytesSinceDurable = 0
  #bytesSinceBegun = 0
  #begunAt: Index
  #place: Place | null = null

  constructor(
    private readonly store: LogStore,
    private readonly machine: StateMachine,
    lastIndex: Index,
    private readonly bounds: Pick<Bounds, 'snapshotIntervalEntries' | 'snapshotIntervalBytes'>,
    private readonly onDurable: (metadata: SnapshotMetadata) => void,
    private readonly onError: (error: unknown) => void,
  ) {
    this.#lastIndex = lastIndex
    this.#begunAt = lastIndex
  }

  get snapshotIndex(): Index {
    return this.#lastIndex
  }

  /** Overdue by two intervals: what is applied from now on would stay in memory, and nobody knows for how long. */
  get isOverdue(): boolean {
    const { snapshotIntervalEntries, snapshotIntervalBytes } = this.bounds
    const entries = (this.#place?.index ?? this.#lastIndex) - this.#lastIndex
    return (
      entries >= SNAPSHOT_OVERDUE_INTERVALS * snapshotIntervalEntries ||
      this.#bytesSinceDurable >= SNAPSHOT_OVERDUE_INTERVALS * snapshotIntervalBytes
    )
  }

  /** A state must not be replaced while its image is being written: a received snapshot waits for that. */
  afterCurrent(run: () => void): void {
    if (this.#busy) this.#whenIdle.push(run)
    else run()
  }

  /** Resolves when none is being written. One that fails counts too: nothing follows it, and a node that stops must come to its end. */
  async idle(): Promise<void> {
    while (this.#busy && !this.#hasFailed) await this.#writing
  }

  /** A snapshot from the leader replaced the state: count from there. */
  restored(index: Index): void {
    this.#lastIndex = index
    this.#begunAt = index
    this.#bytesSinceDurable = 0
    this.#bytesSinceBegun = 0
    this.#place = null
  }

  /** One at a time: it may begin another snapshot, which the others wait for too. */
  #runWaiting(): void {
    while (!this.#busy) {
      const run = this.#whenIdle.shift()
      if (run === undefined) return
      run()
    }
  }

  applied(index: Index, term: Term, bytes: number, confState: () => ConfState): void {
    this.#bytesSinceDurable += bytes
    this.#bytesSinceBegun += bytes
    this.#place = { index, term, confState }
    this.#makeIfDue()
  }

  #makeIfDue(): void {
    const place = this.#place
    if (place === null) return
    const { snapshotIntervalEntries, snapshotIntervalBytes } = this.bounds
    const due = place.index - this.#begunAt >= snapshotIntervalEntries || this.#bytesSinceBegun >= snapshotIntervalBytes
    if (due) this.make({ index: place.index, term: place.term, confState: place.confState() })
  }

  /** Begins a snapshot of the state as it is now, which must be the one after `metadata.index`. Does nothing while one is made. */
  make(metadata: SnapshotMetadata): void {
    if (this.#busy || metadata.index <= this.#lastIndex) return
    this.#busy = true
    this.#begunAt = metadata.index
    this.#bytesSinceBegun = 0
    this.#writing = this.store.saveSnapshot(metadata, this.machine.snapshot()).then(
      () => {
        this.#busy = false
        if (metadata.index > this.#lastIndex) {
          this.#lastIndex = metadata.index
          this.#bytesSinceDurable = this.#bytesSinceBegun
          this.onDurable(metadata)
        }
        this.#runWaiting()
        // While it was written so much may have come that the next one is due, and a busy node applies nothing that says so.
        this.#makeIfDue()
      },
      (error: unknown) => {
        this.#hasFailed = true
        this.onError(error)
      },
    )
  }
}
