import { invariant } from '../../../invariant.js'
import type { Entry, Index, Snapshot, Term } from '../types.js'

const NO_ENTRIES: readonly Entry[] = []

/**
 * The end of the log that is not durable yet: entries, and a snapshot that came from the leader. It keeps both from the
 * moment they arrive until the storage is known to answer for them, also while they are being written. `offset` may lie
 * below the end of the storage: then the next write truncates what is stored.
 */
export class Unstable {
  snapshot: Snapshot | null = null
  /** Entry `offset + i` is `entries[i]`. */
  entries: Entry[] = []
  offset: Index
  snapshotInProgress = false
  /** Entries below this index are being written. Invariant: offset <= offsetInProgress. */
  offsetInProgress: Index

  constructor(offset: Index) {
    this.offset = offset
    this.offsetInProgress = offset
  }

  /** One above the snapshot, or null without one: then the storage knows. */
  maybeFirstIndex(): Index | null {
    return this.snapshot === null ? null : this.snapshot.metadata.index + 1
  }

  maybeLastIndex(): Index | null {
    if (this.entries.length > 0) return this.offset + this.entries.length - 1
    return this.snapshot === null ? null : this.snapshot.metadata.index
  }

  maybeTerm(index: Index): Term | null {
    if (index < this.offset) {
      return this.snapshot?.metadata.index === index ? this.snapshot.metadata.term : null
    }
    return this.entries[index - this.offset]?.term ?? null
  }

  /** Entries that nobody has begun to write. The array is the caller's. */
  nextEntries(): readonly Entry[] {
    if (!this.hasNextEntries()) return NO_ENTRIES
    return this.entries.slice(this.offsetInProgress - this.offset)
  }

  hasNextEntries(): boolean {
    return this.entries.length > this.offsetInProgress - this.offset
  }

  /** The snapshot, if nobody has begun to write it. */
  nextSnapshot(): Snapshot | null {
    return this.snapshotInProgress ? null : this.snapshot
  }

  /** Everything here was handed out for writing. */
  acceptInProgress(): void {
    this.offsetInProgress = this.offset + this.entries.length
    if (this.snapshot !== null) this.snapshotInProgress = true
  }

  /**
   * The storage holds everything up to this entry. The caller vouches that no write that is still under way can replace
   * it (the ABA race of `storageAppendResponse`). Ignored if the entry here is another one by now.
   */
  stableTo(index: Index, term: Term): void {
    if (index < this.offset || this.maybeTerm(index) !== term) return
    this.entries = this.entries.slice(index + 1 - this.offset)
    this.offset = index + 1
    this.offsetInProgress = Math.max(this.offsetInProgress, this.offset)
  }

  stableSnapTo(index: Index): void {
    if (this.snapshot?.metadata.index !== index) return
    this.snapshot = null
    this.snapshotInProgress = false
  }

  restore(snapshot: Snapshot): void {
    this.offset = snapshot.metadata.index + 1
    this.offsetInProgress = this.offset
    this.entries = []
    this.snapshot = snapshot
    this.snapshotInProgress = false
  }

  /** Adds entries; they replace everything from the first one's index on, and those that remain must join on. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const from = entries[0]?.index
    invariant(from !== undefined, 'appending no entries')
    const end = this.offset + this.entries.length
    invariant(from <= end, () => `a gap in the unstable log: ${from} after ${end - 1}`)
    if (from <= this.offset) {
      this.entries = entries.slice()
      this.offset = from
      this.offsetInProgress = from
      return
    }
    if (from < end) {
      this.entries = this.entries.slice(0, from - this.offset)
      // Writes of replaced entries may still be under way, but their successors have to be written again.
      this.offsetInProgress = Math.min(this.offsetInProgress, from)
    }
    for (const entry of entries) this.entries.push(entry)
  }
}
