/** What a directory must contain: a plain model of the store, kept outside of it. */
import type { Entry, HardState, Index, SnapshotMetadata, Term } from '../../../src/raft/core/types.js'
import { EMPTY_HARD_STATE } from '../../../src/raft/core/types.js'
import type { Identity, LoadedLog, LogBatch } from '../../../src/raft/ports/store.js'

/** One atomic change. After a crash it is there as a whole or not at all. */
export type Write =
  | { readonly kind: 'append'; readonly batch: Pick<LogBatch, 'hardState' | 'entries'> }
  | { readonly kind: 'install'; readonly metadata: SnapshotMetadata; readonly hardState: HardState | null }
  | { readonly kind: 'compact'; readonly index: Index }
  | { readonly kind: 'record'; readonly key: string; readonly value: string | null }
  | { readonly kind: 'identity'; readonly identity: Identity }

export class DurableLog {
  hardState: HardState = EMPTY_HARD_STATE
  identity: Identity | null = null
  /** Of every entry, and of the place before the first one. */
  terms = new Map<Index, Term>([[0, 0]])
  first: Index = 1
  last: Index = 0
  /** Which blocks below this went is the store's affair. */
  compactedTo: Index = 0
  records = new Map<string, string>()

  copy(): DurableLog {
    const copy = Object.assign(new DurableLog(), this)
    copy.terms = new Map(this.terms)
    copy.records = new Map(this.records)
    return copy
  }

  apply(write: Write): void {
    switch (write.kind) {
      case 'append':
        if (write.batch.hardState !== null) this.#advance(write.batch.hardState)
        this.#replace(write.batch.entries)
        return
      case 'install': {
        const { index, term } = write.metadata
        this.#advance({ ...(write.hardState ?? this.hardState), commit: index })
        this.#startAfter(index, term)
        this.last = index
        return
      }
      case 'compact':
        this.compactedTo = Math.max(this.compactedTo, write.index)
        return
      case 'record':
        if (write.value === null) this.records.delete(write.key)
        else this.records.set(write.key, write.value)
        return
      case 'identity':
        this.identity = write.identity
    }
  }

  /** Why this is not what was loaded; null if it is, exactly, but for how much of the log was forgotten. */
  difference(loaded: LoadedLog, records: ReadonlyMap<string, string>): string | null {
    const { prevIndex, prevTerm, entries, hardState, identity } = loaded
    const [seen, known] = [hardState, this.hardState].map(({ term, vote, commit }) => `${term}/${vote}/${commit}`)
    if (seen !== known) return `term/vote/commit ${seen}, not ${known}`
    if (JSON.stringify(identity) !== JSON.stringify(this.identity)) return `identity ${JSON.stringify(identity)}`
    const last = prevIndex + entries.length
    if (last !== this.last) return `last entry ${last}, not ${this.last}`
    if (prevIndex < this.first - 1 || prevIndex > Math.max(this.first - 1, this.compactedTo)) {
      return `first entry ${prevIndex + 1}, not ${this.first} to ${this.compactedTo + 1}`
    }
    if (this.terms.get(prevIndex) !== prevTerm) return `term ${prevTerm} before the first entry ${prevIndex + 1}`
    const other = entries.find(({ index, term }) => this.terms.get(index) !== term)
    if (other !== undefined) return `term ${other.term} at entry ${other.index}, not ${this.terms.get(other.index)}`
    for (const key of new Set([...records.keys(), ...this.records.keys()])) {
      if (records.get(key) !== this.records.get(key)) return `another record ${key}`
    }
    return null
  }

  /** So much of the log was forgotten. */
  startsAfter(index: Index): void {
    for (let i = this.first - 1; i < index; i++) this.terms.delete(i)
    this.first = index + 1
    this.compactedTo = Math.max(this.compactedTo, index)
  }

  #advance(next: HardState): void {
    this.hardState = { ...next, commit: Math.max(next.commit, this.hardState.commit) }
  }

  #replace(entries: readonly Entry[]): void {
    const [first] = entries
    if (first === undefined) return
    for (let index = first.index; index <= this.last; index++) this.terms.delete(index)
    for (const { index, term } of entries) this.terms.set(index, term)
    this.last = entries.at(-1)?.index ?? this.last
  }

  #startAfter(index: Index, term: Term): void {
    this.terms = new Map([[index, term]])
    this.first = index + 1
    this.compactedTo = index
  }
}
