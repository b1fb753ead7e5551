import { describe, expect, it } from 'vitest'
import type { HardState } from '../../../src/raft/core/types.js'
import { StoreError } from '../../../src/raft/ports/store.js'
import { INITIAL_JOURNAL, JOURNAL_BYTES, placeSlot } from '../../../src/raft/store/journal.js'
import { type ImageContents, LogImage, type Plan } from '../../../src/raft/store/log-image.js'
import { EMPTY_META } from '../../../src/raft/store/meta.js'
import { LogScan, type RecoveredLog } from '../../../src/raft/store/recovery.js'
import { entry, plain } from './helpers.js'

type Pairs = ReadonlyMap<string, Buffer>

const after = (pairs: Pairs, plan: Plan): Pairs => {
  const next = new Map(pairs)
  for (const operation of plan.operations) {
    if (operation.type === 'put') next.set(operation.key.toString('hex'), operation.value)
    else next.delete(operation.key.toString('hex'))
  }
  return next
}

const EMPTY_CONTENTS: ImageContents = { meta: EMPTY_META, blocks: [], records: new Map(), forgotten: [] }

function recover(pairs: Pairs, journal: Buffer): RecoveredLog {
  const scan = new LogScan('/data')
  for (const [key, value] of [...pairs].sort()) scan.add(Buffer.from(key, 'hex'), value)
  return scan.finish(journal)
}

const journalOf = ({ meta, sequence }: Plan): Buffer => {
  const { position, bytes } = placeSlot(0, meta, { base: sequence, operations: [] })
  const file = Buffer.alloc(JOURNAL_BYTES)
  file.set(bytes, position)
  return file
}

/** The database and the journal after each of a few writes that differ in nothing but their entries. */
function history(text: string): { pairs: Pairs; journal: Buffer; last: number }[] {
  const image = new LogImage(EMPTY_CONTENTS)
  const states: { pairs: Pairs; journal: Buffer; last: number }[] = []
  let pairs: Pairs = new Map()
  const write = (plan: Plan) => {
    pairs = after(pairs, plan)
    states.push({ pairs, journal: journalOf(plan), last: image.meta.last.index })
  }
  for (const [round, index] of [1, 2, 3, 2, 3, 2].entries()) {
    const list = [entry(index, 1, `${text} of write ${round}`)]
    const batch = { hardState: { term: 1, vote: 1, commit: 0 }, entries: list, mustSync: true }
    write(image.planAppend(batch, null))
  }
  write(image.planRecord('a', Buffer.of(1)))
  write(image.planRecord('a', Buffer.of(2)))
  write(image.planRecord('a', null))
  return states
}

describe('recovery', () => {
  it('accepts a database that is ahead of the journal by what was under way, and no other difference', () => {
    const states = history('x')
    states.forEach((database, written) => {
      if (written > 0) expect(() => recover(database.pairs, INITIAL_JOURNAL)).toThrow(/an older copy/)
      states.forEach(({ journal }, proven) => {
        const isRight = written === proven || written === proven + 1
        if (!isRight) expect(() => recover(database.pairs, journal), `${written} ${proven}`).toThrow(StoreError)
        else expect(recover(database.pairs, journal).meta.last.index).toBe(database.last)
      })
    })
  })

  it('refuses a database with other contents than the same write had', () => {
    const [ours, other] = [history('x'), history('y')]
    ours.forEach(({ pairs }, i) => {
      const journal = other[i]?.journal ?? Buffer.alloc(0)
      expect(() => recover(pairs, journal)).toThrow(StoreError)
    })
  })

  it('refuses a database of another life of this member, even one that is longer', () => {
    const live = (...states: HardState[]) => {
      const image = new LogImage(EMPTY_CONTENTS)
      let pairs: Pairs = new Map()
      let journal: Buffer = Buffer.alloc(0)
      for (const hardState of states) {
        const plan = image.planAppend({ hardState, entries: [], mustSync: true }, null)
        pairs = after(pairs, plan)
        journal = journalOf(plan)
      }
      return { pairs, journal }
    }
    const voted = { term: 2, vote: 1, commit: 0 }
    const longer = live({ ...voted, vote: 3 }, { ...voted, vote: 3 })
    expect(recover(longer.pairs, live({ ...voted, vote: 3 }).journal).meta.hardState.vote).toBe(3)
    expect(() => recover(longer.pairs, live(voted).journal)).toThrow(/vote of term 2/)
    expect(() => recover(longer.pairs, live({ ...voted, term: 3 }).journal)).toThrow(/term 3/)
  })

  it('refuses a database that lost any one of its values, or kept any one that a later write replaced', () => {
    const states = history('x').filter((state) => state.pairs.size > 1)
    for (const [i, { pairs, journal }] of states.entries()) {
      for (const key of pairs.keys()) {
        const lost = new Map(pairs)
        lost.delete(key)
        expect(() => recover(lost, journal)).toThrow(StoreError)
        for (const earlier of states.slice(0, i)) {
          const value = earlier.pairs.get(key)
          if (value === undefined || value.equals(pairs.get(key) ?? Buffer.alloc(0))) continue
          expect(() => recover(new Map(pairs).set(key, value), journal)).toThrow(StoreError)
        }
      }
    }
  })

  it('gives out the entries and the values', () => {
    const state = history('x').at(-2)
    const { entries, records, blocks } = recover(state?.pairs ?? new Map(), state?.journal ?? Buffer.alloc(0))
    expect(plain(entries)).toEqual(plain([entry(1, 1, 'x of write 0'), entry(2, 1, 'x of write 5')]))
    expect(blocks.map((block) => block.lastIndex)).toEqual([1, 2])
    expect([...records]).toEqual([['a', new Uint8Array([2])]])
  })
})
