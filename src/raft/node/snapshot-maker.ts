import type { ConfState, Index, SnapshotMetadata, Term } from '../core/types.js'
import { SNAPSHOT_INTERVAL_BYTES } from '../limits.js'
import type { LogStore, StateMachine } from './interfaces.js'

/** Decides when a snapshot is due, and writes it while the log goes on. The log is cut only after it is durable (M42). */
export class SnapshotMaker {
  #busy = false
  #whenIdle: (() => void)[] = []
  #lastIndex: Index
  #bytesSince = 0

  constructor(
    private readonly store: LogStore,
    private readonly machine: StateMachine,
    lastIndex: Index,
    private readonly intervalEntries: number,
    private readonly onDurable: (metadata: SnapshotMetadata) => void,
    private readonly onError: (error: unknown) => void,
  ) {
    this.#lastIndex = lastIndex
  }

  get snapshotIndex(): Index {
    return this.#lastIndex
  }

  /** A state must not be replaced while its image is being written: a received snapshot waits for that. */
  afterCurrent(run: () => void): void {
    if (this.#busy) this.#whenIdle.push(run)
    else run()
  }

  /** A snapshot from the leader replaced the state: count from there. */
  restored(index: Index): void {
    this.#lastIndex = index
    this.#bytesSince = 0
  }

  applied(index: Index, term: Term, bytes: number, confState: () => ConfState): void {
    this.#bytesSince += bytes
    const due = index - this.#lastIndex >= this.intervalEntries || this.#bytesSince >= SNAPSHOT_INTERVAL_BYTES
    if (due && !this.#busy) this.make({ index, term, confState: confState() })
  }

  /** Begins a snapshot of the state as it is now, which must be the one after `metadata.index`. Does nothing while one is made. */
  make(metadata: SnapshotMetadata): void {
    if (this.#busy || metadata.index <= this.#lastIndex) return
    this.#busy = true
    this.#bytesSince = 0
    this.store.saveSnapshot(metadata, this.machine.snapshot()).then(
      () => {
        this.#busy = false
        if (metadata.index > this.#lastIndex) {
          this.#lastIndex = metadata.index
          this.onDurable(metadata)
        }
        for (const run of this.#whenIdle.splice(0)) run()
      },
      (error: unknown) => this.onError(error),
    )
  }
}
