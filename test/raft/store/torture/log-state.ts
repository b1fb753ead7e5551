import type { HardState } from '../../../../src/raft/core/types.js'
import type { Identity } from '../../../../src/raft/ports/store.js'
import { digestOf, entriesOf, type Operation, recordOf, type SnapshotRef } from './operations.js'

export interface StoredEntry {
  readonly term: number
  readonly digest: string
}

/** Everything that an opened store gives out, contents as digests. */
export interface Found {
  readonly identity: Identity | null
  readonly hardState: HardState
  readonly prevIndex: number
  readonly prevTerm: number
  readonly entries: readonly StoredEntry[]
  readonly records: Readonly<Record<string, string>>
  readonly snapshot: (SnapshotRef & { readonly digest: string }) | null
}

export const NOTHING: Found = {
  identity: null,
  hardState: { term: 0, vote: 0, commit: 0 },
  prevIndex: 0,
  prevTerm: 0,
  entries: [],
  records: {},
  snapshot: null,
}

/** What the log must contain after some operations: the writer chooses the next ones by it, the judge compares with it. */
export class LogState {
  identity: Identity | null
  hardState: HardState
  prevIndex: number
  prevTerm: number
  entries: StoredEntry[]
  readonly records: Map<string, string>
  /** Compacted up to here: the log may start later than `prevIndex`, but not after this. */
  compactedTo: number
  /** The log starts from this snapshot, which therefore must be there, or a newer one. */
  installed = 0

  constructor(found: Found) {
    this.identity = found.identity
    this.hardState = found.hardState
    this.prevIndex = found.prevIndex
    this.prevTerm = found.prevTerm
    this.entries = [...found.entries]
    this.records = new Map(Object.entries(found.records))
    this.compactedTo = found.prevIndex
  }

  get lastIndex(): number {
    return this.prevIndex + this.entries.length
  }

  /** Of an entry that the log has, or of the one before it. */
  termAt(index: number): number {
    const term = index === this.prevIndex ? this.prevTerm : this.entries[index - this.prevIndex - 1]?.term
    if (term === undefined) throw new Error(`no entry ${index} in the expected log`)
    return term
  }

  apply(operation: Operation): void {
    switch (operation.kind) {
      case 'append':
        if (operation.hardState !== null) this.hardState = operation.hardState
        if (operation.terms.length === 0) return
        this.entries.length = operation.first - this.prevIndex - 1
        for (const { term, data } of entriesOf(operation)) this.entries.push({ term, digest: digestOf(data) })
        return
      case 'record': {
        const value = recordOf(operation)
        if (value === null) this.records.delete(operation.name)
        else this.records.set(operation.name, digestOf(value))
        return
      }
      case 'identity':
        this.identity = operation.identity
        return
      case 'install': {
        const { index, term } = operation.snapshot
        const next = operation.hardState ?? this.hardState
        this.hardState = { ...next, commit: Math.max(this.hardState.commit, index) }
        this.prevIndex = index
        this.prevTerm = term
        this.compactedTo = index
        this.installed = index
        this.entries = []
        return
      }
      case 'compact':
        this.compactedTo = Math.max(this.compactedTo, operation.index)
        return
      default:
        return
    }
  }
}

/** Snapshot files are written beside the log and are no part of its order. */
export const isOfTheLog = ({ kind }: Operation): boolean => !['save', 'receive', 'receive-in-vain'].includes(kind)
