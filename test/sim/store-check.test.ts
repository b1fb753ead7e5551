/** The model of a directory sees what a store must not do, and passes what a crash may do. */
import { describe, expect, it } from 'vitest'
import { EMPTY_CONF_STATE, type Entry, EntryType, type HardState } from '../../src/raft/core/types.js'
import type { LoadedLog } from '../../src/raft/ports/store.js'
import type { Write } from './checks/durable-log.js'
import { DurableVolume } from './checks/durable-volume.js'

const entry = (index: number, term = 1): Entry => ({ index, term, type: EntryType.normal, data: new Uint8Array() })
const append = (hardState: HardState, ...entries: Entry[]): Write => ({ kind: 'append', batch: { hardState, entries } })
const snapshot = (index: number) => ({ index, term: 1, confState: { ...EMPTY_CONF_STATE, voters: [1] } })
const loaded = (change: Partial<LoadedLog> = {}): LoadedLog => ({
  identity: null,
  hardState: { term: 1, vote: 1, commit: 2 },
  snapshot: null,
  entries: [entry(1), entry(2)],
  prevIndex: 0,
  prevTerm: 0,
  ...change,
})
const NO_RECORDS: ReadonlyMap<string, string> = new Map()

function volumeOf(...writes: Write[]): DurableVolume {
  const volume = new DurableVolume()
  for (const write of writes) {
    volume.begun(write)
    volume.acknowledged(write)
  }
  return volume
}

const twoEntries = () => volumeOf(append({ term: 1, vote: 1, commit: 2 }, entry(1), entry(2)))

describe('what a process finds', () => {
  it('is what was acknowledged', () => {
    expect(twoEntries().opened(loaded(), NO_RECORDS, false)).toBeNull()
  })

  it.each<[string, Partial<LoadedLog>, RegExp]>([
    ['a shorter log', { entries: [entry(1)] }, /last entry 1, not 2/],
    ['another entry', { entries: [entry(1), entry(2, 2)] }, /term 2 at entry 2, not 1/],
    ['an older commit index', { hardState: { term: 1, vote: 1, commit: 1 } }, /1\/1\/1, not 1\/1\/2/],
    ['another vote', { hardState: { term: 1, vote: 2, commit: 2 } }, /1\/2\/2, not 1\/1\/2/],
    ['a log that forgot too much', { entries: [entry(2)], prevIndex: 1, prevTerm: 1 }, /first entry 2, not 1/],
    ['a snapshot that nobody made', { snapshot: snapshot(2) }, /nobody made/],
  ])('is not %s', (_what, change, problem) => {
    expect(twoEntries().opened(loaded(change), NO_RECORDS, false)).toMatch(problem)
  })

  it('has the write that was under way as a whole, or nothing of it', () => {
    const find = (found: LoadedLog) => {
      const volume = twoEntries()
      volume.begun(append({ term: 2, vote: 3, commit: 2 }, entry(3, 2), entry(4, 2)))
      return volume.opened(found, NO_RECORDS, false)
    }
    const next = { term: 2, vote: 3, commit: 2 }
    expect(find(loaded())).toBeNull()
    expect(find(loaded({ hardState: next, entries: [entry(1), entry(2), entry(3, 2), entry(4, 2)] }))).toBeNull()
    expect(find(loaded({ hardState: next, entries: [entry(1), entry(2), entry(3, 2)] }))).toMatch(/last entry 3/)
    expect(find(loaded({ hardState: next }))).toMatch(/last entry 2, not 4/)
    expect(find(loaded({ entries: [entry(1), entry(2), entry(3, 2), entry(4, 2)] }))).toMatch(/1\/1\/2, not 2\/3\/2/)
  })

  it('has every record', () => {
    const volume = twoEntries()
    const write: Write = { kind: 'record', key: 'epochs', value: '07' }
    volume.begun(write)
    expect(volume.opened(loaded(), NO_RECORDS, false)).toBeNull()
    volume.begun(write)
    volume.acknowledged(write)
    expect(volume.opened(loaded(), NO_RECORDS, false)).toMatch(/another record epochs/)
    expect(volume.opened(loaded(), new Map([['epochs', '07']]), false)).toBeNull()
  })

  it('has the newest snapshot, or an older one of a damaged directory whose log reaches back to it', () => {
    const saved = () => {
      const volume = twoEntries()
      for (const index of [1, 2]) {
        volume.snapshotBegun(snapshot(index))
        volume.snapshotSaved(snapshot(index))
      }
      return volume
    }
    expect(saved().opened(loaded({ snapshot: snapshot(2) }), NO_RECORDS, false)).toBeNull()
    expect(saved().opened(loaded({ snapshot: snapshot(1) }), NO_RECORDS, false)).toMatch(/only snapshot 1-1, not 2/)
    expect(saved().opened(loaded({ snapshot: snapshot(1) }), NO_RECORDS, true)).toBeNull()
    expect(saved().opened(loaded(), NO_RECORDS, true)).toMatch(/lost the snapshot of 2/)
  })

  it('may have forgotten what a compaction asked for, and no more', () => {
    const compacted = () => {
      const volume = twoEntries()
      volume.snapshotBegun(snapshot(2))
      volume.snapshotSaved(snapshot(2))
      volume.begun({ kind: 'compact', index: 1 })
      return volume
    }
    const from = (index: number) =>
      loaded({ snapshot: snapshot(2), entries: [entry(1), entry(2)].slice(index), prevIndex: index, prevTerm: 1 })
    expect(compacted().opened(loaded({ snapshot: snapshot(2) }), NO_RECORDS, false)).toBeNull()
    expect(compacted().opened(from(1), NO_RECORDS, false)).toBeNull()
    expect(compacted().opened(from(2), NO_RECORDS, false)).toMatch(/first entry 3, not 1 to 2/)
  })
})
