/** The log window in memory that serves the core. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvariantViolation } from '../../../src/invariant.js'
import { CompactedError, SnapshotOutOfDateError } from '../../../src/raft/core/errors.js'
import { entrySize } from '../../../src/raft/core/log/entries.js'
import { MemoryStorage } from '../../../src/raft/core/log/memory-storage.js'
import {
  EMPTY_BYTES,
  EMPTY_CONF_STATE,
  EMPTY_HARD_STATE,
  type Entry,
  type Index,
  type Snapshot,
  type Term,
} from '../../../src/raft/core/types.js'
import { entriesFrom, entry } from './support/member.js'

const UNLIMITED = Number.POSITIVE_INFINITY
const confState = { ...EMPTY_CONF_STATE, voters: [1, 2, 3] }

function snapshotAt(index: Index, term: Term): Snapshot {
  return { metadata: { index, term, confState }, data: EMPTY_BYTES }
}

/** Entries 4, 5 and 6 of terms 4, 5 and 6, after a snapshot at 3. */
function storageAfterThree(): MemoryStorage {
  const storage = new MemoryStorage()
  storage.applySnapshot(snapshotAt(3, 3))
  storage.append(entriesFrom(4, [4, 5, 6]))
  return storage
}

const termsOf = (storage: MemoryStorage) =>
  storage.entries(storage.firstIndex(), storage.lastIndex() + 1, UNLIMITED)?.map(({ term }) => term)

describe('reading', () => {
  it('an empty storage', () => {
    const storage = new MemoryStorage()
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(0), storage.term(1)]).toEqual([1, 0, 0, null])
    expect(storage.initialState()).toEqual({ hardState: EMPTY_HARD_STATE, confState: EMPTY_CONF_STATE })
    expect(storage.snapshot().metadata.index).toBe(0)
  })

  it('terms: also that of the entry before the first', () => {
    const storage = storageAfterThree()
    expect([2, 3, 4, 5, 6, 7].map((index) => storage.term(index))).toEqual([null, 3, 4, 5, 6, null])
  })

  it('entries within a limit, at least one', () => {
    const storage = storageAfterThree()
    const size = entrySize(entry(4, 4))
    const indexes = (lo: Index, hi: Index, maxBytes: number) =>
      storage.entries(lo, hi, maxBytes)?.map(({ index }) => index)
    expect(indexes(3, 5, UNLIMITED)).toBeUndefined()
    expect(indexes(4, 7, UNLIMITED)).toEqual([4, 5, 6])
    expect(indexes(5, 6, UNLIMITED)).toEqual([5])
    expect(indexes(4, 7, 0)).toEqual([4])
    expect(indexes(4, 7, 3 * size - 1)).toEqual([4, 5])
    expect(indexes(4, 7, 3 * size)).toEqual([4, 5, 6])
    expect(() => storage.entries(4, 8, UNLIMITED)).toThrow(InvariantViolation)
  })
})

describe('appending', () => {
  it.each<{ from: Index; append: Term[]; left: Term[] }>([
    { from: 4, append: [4, 5, 6], left: [4, 5, 6] },
    { from: 4, append: [4, 6, 6, 7], left: [4, 6, 6, 7] },
    { from: 5, append: [8], left: [4, 8] },
    { from: 7, append: [6, 6], left: [4, 5, 6, 6, 6] },
    // Partly compacted: that part says nothing new.
    { from: 2, append: [3, 3, 8], left: [8] },
    { from: 2, append: [3, 3], left: [4, 5, 6] },
    { from: 1, append: [], left: [4, 5, 6] },
  ])('$append at $from to [4, 5, 6] after 3 gives $left', ({ from, append, left }) => {
    const storage = storageAfterThree()
    storage.append(entriesFrom(from, append))
    expect(termsOf(storage)).toEqual(left)
  })

  it('behind a gap is refused', () => {
    expect(() => storageAfterThree().append(entriesFrom(8, [6]))).toThrow(InvariantViolation)
  })

  it('does not change what was read before', () => {
    const storage = storageAfterThree()
    const read = storage.entries(4, 7, UNLIMITED)
    storage.append(entriesFrom(4, [9]))
    expect(read).toEqual(entriesFrom(4, [4, 5, 6]))
  })
})

describe('compaction', () => {
  it('forgets entries but not the term of the last one', () => {
    const storage = storageAfterThree()
    storage.compact(5)
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(4), storage.term(5)]).toEqual([6, 6, null, 5])
    expect(storage.entries(5, 7, UNLIMITED)).toBeNull()
    expect(() => storage.compact(5)).toThrow(CompactedError)
    expect(() => storage.compact(7)).toThrow(InvariantViolation)
  })

  it('keeps the snapshot that stands for the rest', () => {
    const storage = storageAfterThree()
    storage.createSnapshot(5, confState, Uint8Array.of(7))
    storage.compact(4)
    expect(storage.snapshot()).toEqual({ metadata: { index: 5, term: 5, confState }, data: Uint8Array.of(7) })
    expect(storage.initialState().confState).toEqual(confState)
  })
})

describe('snapshots', () => {
  it('replace the log, unless they are not newer', () => {
    const storage = storageAfterThree()
    storage.applySnapshot(snapshotAt(9, 7))
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(9), termsOf(storage)]).toEqual([10, 9, 7, []])
    expect(() => storage.applySnapshot(snapshotAt(9, 7))).toThrow(SnapshotOutOfDateError)
    expect(() => storage.applySnapshot(snapshotAt(4, 7))).toThrow(SnapshotOutOfDateError)
    expect(() => storage.createSnapshot(9, confState, EMPTY_BYTES)).toThrow(SnapshotOutOfDateError)
  })

  it('are made only of what is in the log', () => {
    expect(() => storageAfterThree().createSnapshot(7, confState, EMPTY_BYTES)).toThrow(InvariantViolation)
  })
})

describe('what was loaded from a disk', () => {
  const contents = {
    hardState: { term: 6, vote: 2, commit: 5 },
    snapshot: snapshotAt(5, 5),
    prevIndex: 3,
    prevTerm: 3,
    entries: entriesFrom(4, [4, 5, 6]),
  }

  it('may have a window of entries below its snapshot', () => {
    const storage = MemoryStorage.load(contents)
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(3)]).toEqual([4, 6, 3])
    expect(storage.initialState()).toEqual({ hardState: contents.hardState, confState })
  })

  it.each([
    ['a gap before the log', { prevIndex: 6, entries: entriesFrom(7, [6]) }],
    ['a gap in the log', { entries: [entry(4, 4), entry(6, 6)] }],
    ['a log that ends below its snapshot', { entries: entriesFrom(4, [4]) }],
  ])('is refused with %s', (_, broken) => {
    expect(() => MemoryStorage.load({ ...contents, ...broken })).toThrow(InvariantViolation)
  })
})

it('reads like a plain list of entries through any appends and compactions', () => {
  const event = fc.record({ append: fc.boolean(), part: fc.nat({ max: 9 }), count: fc.integer({ min: 1, max: 20 }) })
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const storage = new MemoryStorage()
      let model: Entry[] = []
      let compacted = 0
      let term = 1
      for (const { append, part, count } of events) {
        const at = compacted + Math.floor(((model.length - compacted) * part) / 9)
        if (append) {
          const entries = entriesFrom(at + 1, new Array<Term>(count).fill(++term))
          storage.append(entries)
          model = [...model.slice(0, at), ...entries]
        } else if (at > compacted) {
          storage.compact(at)
          compacted = at
        }
        expect([storage.firstIndex(), storage.lastIndex()]).toEqual([compacted + 1, model.length])
        expect(storage.entries(compacted + 1, model.length + 1, UNLIMITED)).toEqual(model.slice(compacted))
        expect(storage.term(compacted)).toBe(model[compacted - 1]?.term ?? 0)
      }
    }),
  )
})
