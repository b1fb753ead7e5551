import { invariant } from '../../../invariant.js'
import type { Entry, Index, Snapshot, Term } from '../types.js'
import { entriesSize, entrySize, sliceWithin } from './entries.js'
import type { Storage } from './storage.js'
import { Unstable } from './unstable.js'

const NO_ENTRIES: readonly Entry[] = []

/** The last index at which two logs can still agree; term 0: unknown, since it is compacted away. */
export interface ConflictHint {
  readonly index: Index
  readonly term: Term
}

/**
 * The whole log of a node: the stable part in the storage, the rest in `unstable`.
 * Invariant: applied <= applying <= committed <= lastIndex().
 */
export class RaftLog {
  readonly unstable: Unstable
  /** Highest index known to be durable on a quorum. */
  committed: Index
  /** Highest index handed out to be applied. */
  applying: Index
  /** Highest index known to be applied. */
  applied: Index
  /** Bytes handed out to be applied and not applied yet. */
  #applyingBytes = 0
  #applyingPaused = false

  constructor(
    readonly storage: Storage,
    readonly maxApplyingBytes: number,
  ) {
    const compacted = storage.firstIndex() - 1
    this.unstable = new Unstable(storage.lastIndex() + 1)
    this.committed = compacted
    this.applying = compacted
    this.applied = compacted
  }

  firstIndex(): Index {
    return this.unstable.maybeFirstIndex() ?? this.storage.firstIndex()
  }

  lastIndex(): Index {
    return this.unstable.maybeLastIndex() ?? this.storage.lastIndex()
  }

  lastTerm(): Term {
    const term = this.term(this.lastIndex())
    invariant(term !== null, 'the last entry of the log has no term')
    return term
  }

  /** The term of an entry in [firstIndex - 1, lastIndex], null outside. */
  term(index: Index): Term | null {
    const unstable = this.unstable.maybeTerm(index)
    if (unstable !== null) return unstable
    if (index + 1 < this.firstIndex() || index > this.lastIndex()) return null
    return this.storage.term(index)
  }

  matchTerm(index: Index, term: Term): boolean {
    return this.term(index) === term
  }

  /** Whether a log that ends with this entry is as good as ours: the election restriction (thesis 3.6.1), term first. */
  isUpToDate(lastTerm: Term, lastIndex: Index): boolean {
    const ours = this.lastTerm()
    return lastTerm > ours || (lastTerm === ours && lastIndex >= this.lastIndex())
  }

  /**
   * Appends what a leader sent after (prevIndex, prevTerm). Returns the index up to which the log agrees with the
   * leader's for certain, or null if it does not at prevIndex. That index is not the last one of our log: what we
   * have behind it may come from another leader (mutant M22).
   */
  maybeAppend(prevIndex: Index, prevTerm: Term, entries: readonly Entry[], leaderCommit: Index): Index | null {
    if (!this.matchTerm(prevIndex, prevTerm)) return null
    const lastNew = prevIndex + entries.length
    const conflict = this.#findConflict(entries)
    // Truncating only at a real conflict keeps a late, shorter append from removing acknowledged entries (mutant M20).
    if (conflict !== null) {
      invariant(conflict > this.committed, () => `entry ${conflict} conflicts with a committed one (${this.committed})`)
      this.append(conflict === prevIndex + 1 ? entries : entries.slice(conflict - prevIndex - 1))
    }
    this.commitTo(Math.min(leaderCommit, lastNew))
    return lastNew
  }

  append(entries: readonly Entry[]): Index {
    const first = entries[0]
    if (first !== undefined) {
      invariant(first.index > this.committed, () => `appending ${first.index}, committed is ${this.committed}`)
      this.unstable.truncateAndAppend(entries)
    }
    return this.lastIndex()
  }

  /** Index of the first entry that is new or differs from ours in its term; null if we have all of them. */
  #findConflict(entries: readonly Entry[]): Index | null {
    for (const entry of entries) {
      if (!this.matchTerm(entry.index, entry.term)) return entry.index
    }
    return null
  }

  /**
   * The largest index not above `index` at which our term is `term` or less, or unknown. Both sides of a rejected append
   * use it, to skip a whole term of conflicting entries with each probe.
   */
  findConflictByTerm(index: Index, term: Term): ConflictHint {
    for (let guess = index; guess > 0; guess--) {
      const ours = this.term(guess)
      if (ours === null) return { index: guess, term: 0 }
      if (ours <= term) return { index: guess, term: ours }
    }
    return { index: 0, term: 0 }
  }

  /** Commits up to `index` if the entry there is of `term`: a leader counts replicas only for its own term (thesis 3.6.2). */
  maybeCommit(index: Index, term: Term): boolean {
    if (index <= this.committed || term === 0 || !this.matchTerm(index, term)) return false
    this.commitTo(index)
    return true
  }

  commitTo(index: Index): void {
    if (index <= this.committed) return
    invariant(
      index <= this.lastIndex(),
      () => `commit index ${index} is above the last index ${this.lastIndex()}: was the log damaged, cut or lost?`,
    )
    this.committed = index
  }

  /** Everything up to `index` is applied; `bytes` of it were handed out by `acceptApplying`. */
  appliedTo(index: Index, bytes: number): void {
    invariant(
      this.applied <= index && index <= this.committed,
      () => `applied ${index} is outside of [${this.applied}, ${this.committed}]`,
    )
    this.applied = index
    this.applying = Math.max(this.applying, index)
    this.#applyingBytes = Math.max(0, this.#applyingBytes - bytes)
    this.#applyingPaused = this.#applyingBytes >= this.maxApplyingBytes
  }

  /** `entries` were handed out to be applied. */
  acceptApplying(entries: readonly Entry[], allowUnstable: boolean): void {
    const last = entries[entries.length - 1]
    if (last === undefined) return
    invariant(last.index <= this.committed, () => `applying ${last.index} above commit index ${this.committed}`)
    this.applying = last.index
    this.#applyingBytes += entriesSize(entries)
    // Also paused when less than what is committed was handed out: the next entry would have exceeded the limit.
    this.#applyingPaused =
      this.#applyingBytes >= this.maxApplyingBytes || last.index < this.#maxAppliableIndex(allowUnstable)
  }

  hasNextCommittedEntries(allowUnstable: boolean): boolean {
    // With a snapshot under way it would be open which of the two is to be applied first.
    if (this.#applyingPaused || this.unstable.snapshot !== null) return false
    return this.applying < this.#maxAppliableIndex(allowUnstable)
  }

  /** Committed entries to apply next, as many as the limit on applying allows. */
  nextCommittedEntries(allowUnstable: boolean): readonly Entry[] {
    if (!this.hasNextCommittedEntries(allowUnstable)) return NO_ENTRIES
    const room = this.maxApplyingBytes - this.#applyingBytes
    const entries = this.slice(this.applying + 1, this.#maxAppliableIndex(allowUnstable) + 1, room)
    invariant(entries !== null, () => `unapplied entries from ${this.applying + 1} on are compacted away`)
    return entries
  }

  /** Without `allowUnstable`, an entry must be durable here, too, before it is applied. */
  #maxAppliableIndex(allowUnstable: boolean): Index {
    return allowUnstable ? this.committed : Math.min(this.committed, this.unstable.offset - 1)
  }

  /** Entries from `index` to the end within `maxBytes`; null if they are compacted away. */
  entriesFrom(index: Index, maxBytes: number): readonly Entry[] | null {
    const last = this.lastIndex()
    return index > last ? NO_ENTRIES : this.slice(index, last + 1, maxBytes)
  }

  /** Entries [lo, hi) within `maxBytes`, at least one if there is any; null if `lo` is compacted away. */
  slice(lo: Index, hi: Index, maxBytes: number): readonly Entry[] | null {
    invariant(lo <= hi && hi <= this.lastIndex() + 1, () => `slice [${lo}, ${hi}) of a log up to ${this.lastIndex()}`)
    if (lo < this.firstIndex()) return null
    if (lo === hi) return NO_ENTRIES
    const { offset, entries } = this.unstable
    if (lo >= offset) return sliceWithin(entries, lo - offset, hi - offset, maxBytes)

    const cut = Math.min(hi, offset)
    const stable = this.storage.entries(lo, cut, maxBytes)
    if (stable === null || stable.length < cut - lo || hi <= offset) return stable
    let room = maxBytes - entriesSize(stable)
    for (let i = 0; i < hi - offset; i++) {
      const entry = entries[i]
      if (entry === undefined) break
      room -= entrySize(entry)
      if (room < 0) break
      stable.push(entry)
    }
    return stable
  }

  snapshot(): Snapshot | null {
    return this.unstable.snapshot ?? this.storage.snapshot()
  }

  restore(snapshot: Snapshot): void {
    this.committed = snapshot.metadata.index
    this.unstable.restore(snapshot)
  }
}
