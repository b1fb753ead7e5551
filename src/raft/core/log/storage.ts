import type { ConfState, Entry, HardState, Index, Snapshot, Term } from '../types.js'

/**
 * What the core reads of the stable log. All of it answers at once: the real node keeps the window of entries that may
 * still be needed in memory, so that no Promise enters the core.
 */
export interface Storage {
  /** What was saved before this start. */
  initialState(): { readonly hardState: HardState; readonly confState: ConfState }
  /**
   * Entries [lo, hi), cut so that they do not exceed `maxBytes`, but never to none. Null if `lo` is compacted away.
   * The array belongs to the caller, the entries do not.
   */
  entries(lo: Index, hi: Index, maxBytes: number): Entry[] | null
  /** The term of an entry in [firstIndex - 1, lastIndex], null outside: compacted away or not there yet. */
  term(index: Index): Term | null
  /** Index of the oldest entry that is there, or would be: one above the compacted part. */
  firstIndex(): Index
  lastIndex(): Index
  /** The newest snapshot, for a peer that is too far behind; null while none can be had: the core asks again later. */
  snapshot(): Snapshot | null
}
