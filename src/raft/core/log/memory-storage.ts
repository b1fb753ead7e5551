import { invariant } from '../../../invariant.js'
import { CompactedError, SnapshotOutOfDateError } from '../errors.js'
import {
  type ConfState,
  EMPTY_BYTES,
  EMPTY_CONF_STATE,
  EMPTY_HARD_STATE,
  type Entry,
  EntryType,
  type HardState,
  type Index,
  type Snapshot,
  type Term,
} from '../types.js'
import { entriesSize, entrySize, sliceWithin } from './entries.js'
import type { Storage } from './storage.js'

const EMPTY_SNAPSHOT: Snapshot = { metadata: { index: 0, term: 0, confState: EMPTY_CONF_STATE }, data: EMPTY_BYTES }
/** Fills the slots of compacted entries, so that their data can be collected before the slots go. */
const VACANT: Entry = { term: 0, index: 0, type: EntryType.normal, data: EMPTY_BYTES }

/** What a storage starts from: the newest snapshot and the entries after `prevIndex`, which may lie below it. */
export interface StorageContents {
  readonly hardState: HardState
  readonly snapshot: Snapshot
  readonly prevIndex: Index
  readonly prevTerm: Term
  readonly entries: readonly Entry[]
}

/** The log in memory: the window that the real node serves the core from, and the whole storage of a test. */
export class MemoryStorage implements Storage {
  #hardState: HardState = EMPTY_HARD_STATE
  #snapshot: Snapshot = EMPTY_SNAPSHOT
  /** Index and term of the entry just below the window, whose term is needed to match the first append. */
  #prevIndex: Index = 0
  #prevTerm: Term = 0
  /** Entry `prevIndex + 1 + i` is `slots[head + i]`. Slots below `head` are vacant and go when they are the majority. */
  #slots: Entry[] = []
  #head = 0
  #bytes = 0

  /** A storage that holds `contents`, as loaded from a disk. */
  static load(contents: StorageContents): MemoryStorage {
    const storage = new MemoryStorage()
    const { prevIndex, entries, snapshot } = contents
    invariant(prevIndex <= snapshot.metadata.index, 'a gap between the snapshot and the log')
    entries.forEach((entry, i) => {
      invariant(entry.index === prevIndex + 1 + i, () => `a gap in the loaded log before entry ${entry.index}`)
    })
    storage.#hardState = contents.hardState
    storage.#snapshot = snapshot
    storage.#prevIndex = prevIndex
    storage.#prevTerm = contents.prevTerm
    storage.#slots = entries.slice()
    storage.#bytes = entriesSize(entries)
    invariant(storage.lastIndex() >= snapshot.metadata.index, 'the loaded log ends below its snapshot')
    return storage
  }

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return { hardState: this.#hardState, confState: this.#snapshot.metadata.confState }
  }

  setHardState(hardState: HardState): void {
    this.#hardState = hardState
  }

  firstIndex(): Index {
    return this.#prevIndex + 1
  }

  lastIndex(): Index {
    return this.#prevIndex + this.#slots.length - this.#head
  }

  /** What the entries take, in the measure of `entrySize`. */
  get bytes(): number {
    return this.#bytes
  }

  /** The highest index below or at `index` such that the entries behind it, up to `index`, exceed neither limit. */
  trailingStart(index: Index, maxEntries: number, maxBytes: number): Index {
    let start = index
    let bytes = 0
    while (start > this.#prevIndex && index - start < maxEntries) {
      const entry = this.#slots[this.#slotOf(start)]
      if (entry !== undefined) bytes += entrySize(entry)
      if (bytes > maxBytes) break
      start--
    }
    return start
  }

  term(index: Index): Term | null {
    if (index === this.#prevIndex) return this.#prevTerm
    if (index < this.#prevIndex) return null
    return this.#slots[this.#slotOf(index)]?.term ?? null
  }

  entries(lo: Index, hi: Index, maxBytes: number): Entry[] | null {
    if (lo <= this.#prevIndex) return null
    invariant(hi <= this.lastIndex() + 1, () => `entries up to ${hi} asked of a log that ends at ${this.lastIndex()}`)
    return sliceWithin(this.#slots, this.#slotOf(lo), this.#slotOf(hi), maxBytes)
  }

  snapshot(): Snapshot {
    return this.#snapshot
  }

  /** Stores entries; they replace everything from the first one's index on. What is compacted already is skipped. */
  append(entries: readonly Entry[]): void {
    const first = entries[0]
    if (first === undefined) return
    invariant(first.index <= this.lastIndex() + 1, () => `a gap in the log before entry ${first.index}`)
    const known = Math.max(0, this.firstIndex() - first.index)
    if (known >= entries.length) return
    const from = this.#slotOf(first.index + known)
    for (let i = from; i < this.#slots.length; i++) this.#bytes -= sizeOf(this.#slots[i])
    this.#slots.length = from
    for (let i = known; i < entries.length; i++) {
      const entry = entries[i]
      if (entry === undefined) continue
      this.#slots.push(entry)
      this.#bytes += entrySize(entry)
    }
  }

  /** Replaces everything by a snapshot. Throws SnapshotOutOfDateError if it is not newer than the one that is there. */
  applySnapshot(snapshot: Snapshot): void {
    const { index, term } = snapshot.metadata
    if (this.#snapshot.metadata.index !== 0 && this.#snapshot.metadata.index >= index)
      throw new SnapshotOutOfDateError()
    this.#snapshot = snapshot
    this.#prevIndex = index
    this.#prevTerm = term
    this.#slots = []
    this.#head = 0
    this.#bytes = 0
  }

  /** Notes a snapshot of the applied state at `index`, which stays in the log until `compact`. */
  createSnapshot(index: Index, confState: ConfState, data: Uint8Array): Snapshot {
    if (index <= this.#snapshot.metadata.index) throw new SnapshotOutOfDateError()
    const term = this.term(index)
    invariant(term !== null, () => `a snapshot at ${index}, outside of the log that ends at ${this.lastIndex()}`)
    this.#snapshot = { metadata: { index, term, confState }, data }
    return this.#snapshot
  }

  /** Forgets the entries up to and including `index`, which must be applied and covered by a durable snapshot. */
  compact(index: Index): void {
    if (index <= this.#prevIndex) throw new CompactedError()
    const term = this.term(index)
    invariant(term !== null, () => `compaction to ${index}, above the last index ${this.lastIndex()}`)
    const head = this.#slotOf(index + 1)
    for (let i = this.#head; i < head; i++) this.#bytes -= sizeOf(this.#slots[i])
    this.#slots.fill(VACANT, this.#head, head)
    this.#head = head
    this.#prevIndex = index
    this.#prevTerm = term
    // Moving the rest costs at most as much as the compactions that made the front vacant: cheap on average.
    if (this.#head * 2 >= this.#slots.length) {
      this.#slots = this.#slots.slice(this.#head)
      this.#head = 0
    }
  }

  #slotOf(index: Index): number {
    return this.#head + index - this.#prevIndex - 1
  }
}

const sizeOf = (entry: Entry | undefined): number => (entry === undefined ? 0 : entrySize(entry))
