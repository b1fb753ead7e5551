/** The end of the log that is not durable yet. */
import { describe, expect, it } from 'vitest'
import { InvariantViolation } from '../../../src/invariant.js'
import { Unstable } from '../../../src/raft/core/log/unstable.js'
import { EMPTY_BYTES, EMPTY_CONF_STATE, type Index, type Snapshot, type Term } from '../../../src/raft/core/types.js'
import { entriesFrom } from './support/member.js'

const snapshot: Snapshot = { metadata: { index: 4, term: 1, confState: EMPTY_CONF_STATE }, data: EMPTY_BYTES }

function unstableFrom(offset: Index, terms: readonly Term[], inProgress = 0): Unstable {
  const unstable = new Unstable(offset)
  const entries = entriesFrom(offset, terms)
  if (inProgress > 0) unstable.truncateAndAppend(entries.slice(0, inProgress))
  unstable.acceptInProgress()
  if (inProgress < entries.length) unstable.truncateAndAppend(entries.slice(inProgress))
  return unstable
}

/** What is there: terms, where they begin, and from where on nobody has begun to write. */
function shape({ entries, offset, offsetInProgress }: Unstable) {
  return { terms: entries.map(({ term }) => term), offset, inProgress: offsetInProgress }
}

describe('the unstable log', () => {
  it('knows its ends only if it has any', () => {
    const empty = new Unstable(5)
    expect([empty.maybeFirstIndex(), empty.maybeLastIndex(), empty.maybeTerm(5)]).toEqual([null, null, null])

    const entries = unstableFrom(5, [1, 2])
    expect([entries.maybeFirstIndex(), entries.maybeLastIndex()]).toEqual([null, 6])
    expect([4, 5, 6, 7].map((index) => entries.maybeTerm(index))).toEqual([null, 1, 2, null])

    const restored = new Unstable(1)
    restored.restore(snapshot)
    expect([restored.maybeFirstIndex(), restored.maybeLastIndex()]).toEqual([5, 4])
    expect([3, 4, 5].map((index) => restored.maybeTerm(index))).toEqual([null, 1, null])
  })

  it('is replaced by a snapshot, also while it is being written', () => {
    const unstable = unstableFrom(5, [1, 1], 2)
    unstable.restore({ ...snapshot, metadata: { ...snapshot.metadata, index: 20 } })
    expect(shape(unstable)).toEqual({ terms: [], offset: 21, inProgress: 21 })
    expect(unstable.nextSnapshot()?.metadata.index).toBe(20)
  })

  it('hands entries and snapshot out for writing once', () => {
    const unstable = unstableFrom(5, [1, 1])
    unstable.snapshot = snapshot
    expect([unstable.nextEntries(), unstable.nextSnapshot()]).toEqual([entriesFrom(5, [1, 1]), snapshot])
    unstable.acceptInProgress()
    expect([unstable.nextEntries(), unstable.hasNextEntries(), unstable.nextSnapshot()]).toEqual([[], false, null])
    unstable.truncateAndAppend(entriesFrom(7, [1]))
    expect(unstable.nextEntries()).toEqual(entriesFrom(7, [1]))
  })

  it('forgets a snapshot when exactly that one is stored', () => {
    const unstable = new Unstable(1)
    unstable.restore(snapshot)
    unstable.acceptInProgress()
    unstable.stableSnapTo(3)
    expect(unstable.snapshot).toBe(snapshot)
    unstable.stableSnapTo(4)
    expect([unstable.snapshot, unstable.snapshotInProgress]).toEqual([null, false])
  })

  it.each<{ at: [Index, Term]; left: Term[]; offset: Index }>([
    { at: [5, 1], left: [2, 3], offset: 6 },
    { at: [6, 2], left: [3], offset: 7 },
    { at: [7, 3], left: [], offset: 8 },
    // Another entry by now, one from before, and one that is not there.
    { at: [6, 1], left: [1, 2, 3], offset: 5 },
    { at: [4, 1], left: [1, 2, 3], offset: 5 },
    { at: [8, 3], left: [1, 2, 3], offset: 5 },
  ])('[1, 2, 3] from 5 on, when $at is stored, is $left', ({ at, left, offset }) => {
    const unstable = unstableFrom(5, [1, 2, 3], 3)
    unstable.stableTo(...at)
    expect(shape(unstable)).toEqual({ terms: left, offset, inProgress: 8 })
  })

  it('does not take the term of its snapshot for that of an entry that was stored', () => {
    const unstable = new Unstable(1)
    unstable.restore(snapshot)
    unstable.truncateAndAppend(entriesFrom(5, [1]))
    unstable.stableTo(4, 1)
    expect(shape(unstable)).toEqual({ terms: [1], offset: 5, inProgress: 5 })
  })

  it.each<{ inProgress: number; from: Index; append: Term[]; left: Term[]; offset: Index; progress: Index }>([
    // At the end.
    { inProgress: 0, from: 7, append: [2], left: [1, 1, 2], offset: 5, progress: 5 },
    { inProgress: 2, from: 7, append: [2], left: [1, 1, 2], offset: 5, progress: 7 },
    // In place of all of it, or of more: the storage is cut when this is written.
    { inProgress: 0, from: 5, append: [2, 2], left: [2, 2], offset: 5, progress: 5 },
    { inProgress: 2, from: 5, append: [2], left: [2], offset: 5, progress: 5 },
    { inProgress: 2, from: 3, append: [2], left: [2], offset: 3, progress: 3 },
    // In place of a part: what is replaced has to be written again.
    { inProgress: 1, from: 6, append: [2], left: [1, 2], offset: 5, progress: 6 },
    { inProgress: 2, from: 6, append: [2, 2], left: [1, 2, 2], offset: 5, progress: 6 },
  ])('[1, 1] from 5 on, $inProgress being written, with $append at $from is $left', (given) => {
    const unstable = unstableFrom(5, [1, 1], given.inProgress)
    unstable.truncateAndAppend(entriesFrom(given.from, given.append))
    expect(shape(unstable)).toEqual({ terms: given.left, offset: given.offset, inProgress: given.progress })
  })

  it('takes no entries behind a gap', () => {
    expect(() => unstableFrom(5, [1]).truncateAndAppend(entriesFrom(7, [1]))).toThrow(InvariantViolation)
  })

  it('does not change what it handed out', () => {
    const unstable = unstableFrom(5, [1, 1])
    const handedOut = unstable.nextEntries()
    unstable.truncateAndAppend(entriesFrom(6, [2]))
    unstable.stableTo(5, 1)
    expect(handedOut).toEqual(entriesFrom(5, [1, 1]))
  })

  it('does not change what it was given', () => {
    const given = Object.freeze(entriesFrom(5, [1, 1]))
    const unstable = new Unstable(5)
    unstable.truncateAndAppend(given)
    unstable.truncateAndAppend(entriesFrom(7, [1]))
    expect(given).toHaveLength(2)
  })
})
