/** The log of a member: the stable part, what is not durable yet, and what is committed and applied. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvariantViolation } from '../../../src/invariant.js'
import { ENTRY_OVERHEAD_BYTES, entrySize } from '../../../src/raft/core/log/entries.js'
import { MemoryStorage } from '../../../src/raft/core/log/memory-storage.js'
import { RaftLog } from '../../../src/raft/core/log/raft-log.js'
import {
  EMPTY_BYTES,
  EMPTY_CONF_STATE,
  type Entry,
  type Index,
  type Snapshot,
  type Term,
} from '../../../src/raft/core/types.js'
import { entriesFrom, entry } from './support/member.js'

const UNLIMITED = Number.POSITIVE_INFINITY

function snapshotAt(index: Index, term: Term): Snapshot {
  return { metadata: { index, term, confState: EMPTY_CONF_STATE }, data: EMPTY_BYTES }
}

/** Entries after a snapshot at (index, term): the first `stable` of them are stored, the others unstable. */
function logAfter(index: Index, term: Term, terms: readonly Term[], stable = 0, maxApplyingBytes = UNLIMITED): RaftLog {
  const storage = new MemoryStorage()
  if (index > 0) storage.applySnapshot(snapshotAt(index, term))
  const entries = entriesFrom(index + 1, terms)
  storage.append(entries.slice(0, stable))
  const log = new RaftLog(storage, maxApplyingBytes)
  log.append(entries.slice(stable))
  return log
}

function termsOf(log: RaftLog): Term[] {
  return (log.slice(log.firstIndex(), log.lastIndex() + 1, UNLIMITED) ?? []).map(({ term }) => term)
}

describe('terms and bounds', () => {
  it.each([0, 3, 5])('are the same whether entries are stored or not (%i of 5 are)', (stable) => {
    const log = logAfter(10, 3, [3, 3, 4, 4, 5], stable)
    expect([log.firstIndex(), log.lastIndex(), log.lastTerm()]).toEqual([11, 15, 5])
    const terms = [8, 9, 10, 11, 12, 13, 14, 15, 16].map((index) => log.term(index))
    expect(terms).toEqual([null, null, 3, 3, 3, 4, 4, 5, null])
    expect([log.matchTerm(13, 4), log.matchTerm(13, 3), log.matchTerm(16, 5)]).toEqual([true, false, false])
  })

  it('of a snapshot that is not stored yet hide the storage behind it', () => {
    const log = logAfter(10, 3, [3, 3], 2)
    log.restore(snapshotAt(50, 4))
    expect([log.firstIndex(), log.lastIndex(), log.lastTerm(), log.committed]).toEqual([51, 50, 4, 50])
    expect([log.term(49), log.term(50), log.term(51), log.term(11)]).toEqual([null, 4, null, null])
    log.append(entriesFrom(51, [4]))
    expect([log.lastIndex(), log.term(51)]).toEqual([51, 4])
  })
})

describe('up to date', () => {
  it.each([
    { lastTerm: 4, lastIndex: 1, upToDate: true },
    { lastTerm: 2, lastIndex: 9, upToDate: false },
    { lastTerm: 3, lastIndex: 2, upToDate: false },
    { lastTerm: 3, lastIndex: 3, upToDate: true },
    { lastTerm: 3, lastIndex: 4, upToDate: true },
  ])('with [1, 2, 3] is a log that ends at $lastIndex in term $lastTerm: $upToDate', (given) => {
    expect(logAfter(0, 0, [1, 2, 3]).isUpToDate(given.lastTerm, given.lastIndex)).toBe(given.upToDate)
  })
})

describe('findConflictByTerm', () => {
  it.each([
    [5, 6, 5],
    [5, 5, 5],
    [5, 4, 2],
    [5, 2, 2],
    [5, 1, 0],
    [1, 2, 1],
    [1, 1, 0],
    [0, 0, 0],
    [100, 2, 100],
  ])('in [2, 2, 5, 5, 5], from %i down to term %i: %i', (index, term, found) => {
    const log = logAfter(0, 0, [2, 2, 5, 5, 5])
    expect(log.findConflictByTerm(index, term)).toEqual({ index: found, term: log.term(found) ?? 0 })
  })

  it.each([
    [14, 9, 14],
    [14, 3, 12],
    [14, 2, 9],
    [10, 3, 10],
    [10, 2, 9],
    [9, 2, 9],
    [4, 2, 4],
    [0, 0, 0],
    [30, 3, 30],
  ])('in [3, 3, 4, 4, 4] after (10, term 3), from %i down to term %i: %i', (index, term, found) => {
    const log = logAfter(10, 3, [3, 3, 4, 4, 4])
    expect(log.findConflictByTerm(index, term)).toEqual({ index: found, term: log.term(found) ?? 0 })
  })
})

describe('maybeAppend to [1, 2, 3] with commit index 1', () => {
  it.each<{ prev: [Index, Term]; append: Term[]; commit: Index; last: Index | null; log: Term[]; committed: Index }>([
    // The entry before is another one, or missing.
    { prev: [3, 2], append: [4], commit: 3, last: null, log: [1, 2, 3], committed: 1 },
    { prev: [4, 3], append: [4], commit: 3, last: null, log: [1, 2, 3], committed: 1 },
    // Nothing to append.
    { prev: [3, 3], append: [], commit: 3, last: 3, log: [1, 2, 3], committed: 3 },
    { prev: [3, 3], append: [], commit: 4, last: 3, log: [1, 2, 3], committed: 3 },
    { prev: [3, 3], append: [], commit: 2, last: 3, log: [1, 2, 3], committed: 2 },
    { prev: [3, 3], append: [], commit: 0, last: 3, log: [1, 2, 3], committed: 1 },
    { prev: [0, 0], append: [], commit: 3, last: 0, log: [1, 2, 3], committed: 1 },
    // At the end.
    { prev: [3, 3], append: [4], commit: 3, last: 4, log: [1, 2, 3, 4], committed: 3 },
    { prev: [3, 3], append: [4], commit: 4, last: 4, log: [1, 2, 3, 4], committed: 4 },
    { prev: [3, 3], append: [4], commit: 5, last: 4, log: [1, 2, 3, 4], committed: 4 },
    { prev: [3, 3], append: [4, 4], commit: 5, last: 5, log: [1, 2, 3, 4, 4], committed: 5 },
    // In place of others.
    { prev: [2, 2], append: [4], commit: 3, last: 3, log: [1, 2, 4], committed: 3 },
    { prev: [1, 1], append: [4], commit: 3, last: 2, log: [1, 4], committed: 2 },
    { prev: [1, 1], append: [4, 4], commit: 3, last: 3, log: [1, 4, 4], committed: 3 },
    // Partly or wholly known.
    { prev: [1, 1], append: [2, 4], commit: 3, last: 3, log: [1, 2, 4], committed: 3 },
    { prev: [0, 0], append: [1, 2], commit: 3, last: 2, log: [1, 2, 3], committed: 2 },
  ])('$append after $prev, leader commit $commit: $log', ({ prev, append, commit, last, log: terms, committed }) => {
    for (const stable of [0, 1, 3]) {
      const log = logAfter(0, 0, [1, 2, 3], stable)
      log.commitTo(1)
      expect(log.maybeAppend(prev[0], prev[1], entriesFrom(prev[0] + 1, append), commit)).toBe(last)
      expect([termsOf(log), log.committed]).toEqual([terms, committed])
    }
  })

  it('does not replace what is committed', () => {
    const log = logAfter(0, 0, [1, 2, 3])
    log.commitTo(1)
    expect(() => log.maybeAppend(0, 0, entriesFrom(1, [4]), 3)).toThrow(InvariantViolation)
    expect(() => log.append(entriesFrom(1, [4]))).toThrow(InvariantViolation)
    expect(termsOf(log)).toEqual([1, 2, 3])
  })
})

describe('the commit index', () => {
  it('never goes down, and never beyond the log', () => {
    const log = logAfter(0, 0, [1, 2, 3])
    log.commitTo(2)
    log.commitTo(1)
    expect(log.committed).toBe(2)
    expect(() => log.commitTo(4)).toThrow(/above the last index 3/)
  })

  it.each([
    { index: 3, term: 3, moves: true },
    { index: 2, term: 3, moves: false },
    { index: 2, term: 2, moves: true },
    { index: 1, term: 1, moves: false },
    { index: 9, term: 3, moves: false },
    { index: 3, term: 0, moves: false },
  ])('in [1, 2, 3] at 1 moves to $index for a leader of term $term: $moves', ({ index, term, moves }) => {
    const log = logAfter(0, 0, [1, 2, 3])
    log.commitTo(1)
    expect(log.maybeCommit(index, term)).toBe(moves)
    expect(log.committed).toBe(moves ? index : 1)
  })

  it('does not move when there are no voters, and so no quorum could object', () => {
    expect(logAfter(0, 0, [1]).maybeCommit(Number.POSITIVE_INFINITY, 1)).toBe(false)
  })
})

describe('a slice', () => {
  const size = entrySize(entry(1, 1))

  it.each([0, 2, 3, 4, 6])('has the same entries wherever they are stored (%i of 6)', (stable) => {
    const log = logAfter(10, 1, [1, 1, 2, 2, 3, 3], stable)
    const indexes = (lo: Index, hi: Index, maxBytes: number) => log.slice(lo, hi, maxBytes)?.map(({ index }) => index)
    expect(indexes(10, 12, UNLIMITED)).toBeUndefined()
    expect(indexes(11, 11, UNLIMITED)).toEqual([])
    expect(indexes(11, 17, UNLIMITED)).toEqual([11, 12, 13, 14, 15, 16])
    expect(indexes(13, 15, UNLIMITED)).toEqual([13, 14])
    // The first entry comes whatever the limit is.
    expect(indexes(11, 17, 0)).toEqual([11])
    expect(indexes(14, 17, 0)).toEqual([14])
    expect(indexes(11, 17, 2 * size)).toEqual([11, 12])
    expect(indexes(11, 17, 4 * size - 1)).toEqual([11, 12, 13])
    expect(indexes(12, 17, 4 * size)).toEqual([12, 13, 14, 15])
    expect(() => log.slice(11, 18, UNLIMITED)).toThrow(InvariantViolation)
  })
})

describe('committed entries', () => {
  const nextIndexes = (log: RaftLog, allowUnstable: boolean) =>
    log.nextCommittedEntries(allowUnstable).map(({ index }) => index)

  it('are handed out once, from the first that is not applied on', () => {
    const log = logAfter(3, 1, [1, 1, 1, 1], 2)
    log.commitTo(6)
    expect(nextIndexes(log, true)).toEqual([4, 5, 6])
    expect(nextIndexes(log, false)).toEqual([4, 5])
    log.acceptApplying(log.nextCommittedEntries(false), false)
    expect([nextIndexes(log, false), log.hasNextCommittedEntries(false)]).toEqual([[], false])
    log.unstable.acceptInProgress()
    log.unstable.stableTo(7, 1)
    log.appliedTo(5, 2 * entrySize(entry(1, 4)))
    // The storage has them only when somebody has written them.
    ;(log.storage as MemoryStorage).append(entriesFrom(6, [1, 1]))
    expect(nextIndexes(log, false)).toEqual([6])
    expect([log.applied, log.applying]).toEqual([5, 5])
  })

  it('wait for a snapshot that is not stored yet', () => {
    const log = logAfter(3, 1, [1, 1])
    log.restore(snapshotAt(10, 2))
    log.append(entriesFrom(11, [2]))
    log.commitTo(11)
    expect(log.hasNextCommittedEntries(true)).toBe(false)
    log.unstable.stableSnapTo(10)
    log.appliedTo(10, 0)
    expect(nextIndexes(log, true)).toEqual([11])
  })

  it('are limited by the bytes that are being applied', () => {
    const size = ENTRY_OVERHEAD_BYTES
    const log = logAfter(0, 0, [1, 1, 1, 1, 1], 0, 2 * size)
    log.commitTo(5)
    const first = log.nextCommittedEntries(true)
    expect(first.map(({ index }) => index)).toEqual([1, 2])
    log.acceptApplying(first, true)
    expect(log.hasNextCommittedEntries(true)).toBe(false)
    log.appliedTo(1, size)
    const second = log.nextCommittedEntries(true)
    expect(second.map(({ index }) => index)).toEqual([3])
    log.acceptApplying(second, true)
    expect(log.hasNextCommittedEntries(true)).toBe(false)
    log.appliedTo(3, 2 * size)
    expect(nextIndexes(log, true)).toEqual([4, 5])
  })

  it('are applied in order and not beyond the commit index', () => {
    const log = logAfter(0, 0, [1, 1, 1])
    log.commitTo(2)
    log.appliedTo(1, 0)
    expect(() => log.appliedTo(0, 0)).toThrow(InvariantViolation)
    expect(() => log.appliedTo(3, 0)).toThrow(InvariantViolation)
    expect(() => log.acceptApplying(entriesFrom(3, [1]), true)).toThrow(InvariantViolation)
  })
})

/**
 * A log whose entries are written behind its back, in order, with any delay. The leader changes again and again, and each
 * one replaces what is not committed as it likes.
 */
type LogEvent =
  | { on: 'append'; keep: number; count: number }
  | { on: 'start write' }
  | { on: 'finish write' }
  | { on: 'commit'; part: number }
  | { on: 'compact'; part: number }

const logEvent: fc.Arbitrary<LogEvent> = fc.oneof(
  fc.record({ on: fc.constant('append' as const), keep: fc.nat({ max: 9 }), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ on: fc.constant('start write' as const) }),
  fc.record({ on: fc.constant('finish write' as const) }),
  fc.record({ on: fc.constant('commit' as const), part: fc.nat({ max: 9 }) }),
  fc.record({ on: fc.constant('compact' as const), part: fc.nat({ max: 9 }) }),
)

it('reads like a plain list of entries while writes are under way', () => {
  fc.assert(
    fc.property(fc.array(logEvent, { maxLength: 60 }), (events) => {
      const storage = new MemoryStorage()
      const log = new RaftLog(storage, UNLIMITED)
      let model: Entry[] = []
      let term = 1
      const writes: { entries: readonly Entry[]; index: Index; lastTerm: Term; term: Term }[] = []

      for (const event of events) {
        if (event.on === 'append') {
          term++
          const kept = log.committed + Math.floor(((model.length - log.committed) * event.keep) / 10)
          const entries = entriesFrom(kept + 1, new Array<Term>(event.count).fill(term))
          log.append(entries)
          model = [...model.slice(0, kept), ...entries]
        } else if (event.on === 'start write') {
          const entries = log.unstable.nextEntries()
          writes.push({ entries, index: log.lastIndex(), lastTerm: log.lastTerm(), term })
          log.unstable.acceptInProgress()
        } else if (event.on === 'finish write') {
          const write = writes.shift()
          if (write !== undefined) storage.append(write.entries)
          // As a member does: an answer from before a change of term is void.
          if (write?.term === term) log.unstable.stableTo(write.index, write.lastTerm)
        } else if (event.on === 'commit') {
          log.commitTo(Math.floor((model.length * event.part) / 9))
          log.appliedTo(log.committed, 0)
        } else {
          const index = Math.floor((Math.min(log.applied, storage.lastIndex()) * event.part) / 9)
          const isDurable = index < log.unstable.offset
          if (isDurable && index >= storage.firstIndex()) storage.compact(index)
        }

        expect(log.lastIndex()).toBe(model.length)
        for (const { index, term: expected } of model.slice(log.firstIndex() - 1))
          expect(log.term(index)).toBe(expected)
        const tail = log.slice(log.firstIndex(), log.lastIndex() + 1, UNLIMITED)
        expect(tail).toEqual(model.slice(log.firstIndex() - 1))
      }
      // In the end, everything gets written, and then nothing is left but the storage.
      for (const write of writes) storage.append(write.entries)
      storage.append(log.unstable.nextEntries())
      expect(storage.lastIndex()).toBe(model.length)
      expect(storage.entries(storage.firstIndex(), model.length + 1, UNLIMITED)).toEqual(
        model.slice(storage.firstIndex() - 1),
      )
    }),
    { numRuns: 600 },
  )
})
