import { afterAll, describe, expect, it } from 'vitest'
import { History } from './torture/history.js'
import { type Found, LogState, NOTHING } from './torture/log-state.js'
import { type Operation, snapshotDigest } from './torture/operations.js'
import { checkRefusal, Failure } from './torture/verdict.js'
import { USUAL, Worker } from './torture/workers.js'

const TRIALS = 25
/** A busy machine runs fewer of them. */
const ENOUGH_MS = 12_000
/** The built server and mounts are left to the long form. */
const SHORT = USUAL.filter((damage) => !['server', 'read-only', 'full-disk'].includes(damage))
const DAY_MS = 24 * 60 * 60 * 1000

const worker = new Worker(0)
afterAll(() => worker.close())

it('killed, damaged and opened again: everything is there, or it refuses', { timeout: 60_000 }, async () => {
  const first = Math.floor(Date.now() / DAY_MS) * 1_000
  console.log(`store torture: seeds from ${first}`)
  const endMs = performance.now() + ENOUGH_MS
  for (let seed = first; seed < first + TRIALS && performance.now() < endMs; seed++) {
    const { failure, damage, notes } = await worker.run(seed, SHORT)
    expect(failure, `seed ${seed}, ${damage}: ${notes.join(', ')}`).toBeNull()
  }
})

describe('the judge', () => {
  it('sees a store that lies: a directory that was put back as it was earlier', { timeout: 60_000 }, async () => {
    const report = await worker.run(1, ['older-directory'])
    worker.forget(report)
    expect(report.failure).toMatch(/opened, but not with what was acknowledged/)
  })

  const operations: Operation[] = [
    { kind: 'append', hardState: { term: 2, vote: 3, commit: 2 }, first: 1, terms: [1, 2, 2], bytes: 20, salt: 7 },
    { kind: 'record', name: 'a', bytes: 8, salt: 5 },
    { kind: 'save', snapshot: { index: 2, term: 2 } },
    { kind: 'append', hardState: { term: 3, vote: 1, commit: 3 }, first: 4, terms: [3], bytes: 20, salt: 8 },
  ]
  /** All but the last operation were acknowledged. */
  function historyWith(count: number): History {
    const history = new History(NOTHING)
    for (const [number, operation] of operations.slice(0, count).entries()) history.offer(number, operation)
    for (let number = 0; number < count - 1; number++) history.acknowledge(number)
    return history
  }
  /** What a store has after so many of them. */
  function foundAfter(count: number): Found {
    const state = new LogState(NOTHING)
    for (const operation of operations.slice(0, count)) state.apply(operation)
    const { identity, hardState, prevIndex, prevTerm, entries, records } = state
    const snapshot = { index: 2, term: 2, digest: snapshotDigest({ index: 2, term: 2 }) }
    return { identity, hardState, prevIndex, prevTerm, entries, records: Object.fromEntries(records), snapshot }
  }

  it('takes what was acknowledged, with and without what was under way', () => {
    expect(historyWith(4).differences(foundAfter(3))).toEqual([])
    expect(historyWith(4).differences(foundAfter(4))).toEqual([])
  })

  const whole = foundAfter(3)
  it.each<[string, Found, RegExp]>([
    ['an entry less', { ...whole, entries: whole.entries.slice(0, -1) }, /last entry/],
    ['another entry', { ...whole, entries: whole.entries.with(1, { term: 2, digest: 'x' }) }, /entry 2/],
    ['another term', { ...whole, entries: whole.entries.with(1, { term: 1, digest: 'x' }) }, /entry 2/],
    ['another vote', { ...whole, hardState: { ...whole.hardState, vote: 1 } }, /hard state/],
    ['an older commit index', { ...whole, hardState: { ...whole.hardState, commit: 1 } }, /hard state/],
    ['a record less', { ...whole, records: {} }, /records/],
    ['no snapshot', { ...whole, snapshot: null }, /snapshot 2 is gone/],
    ['another snapshot', { ...whole, snapshot: { index: 2, term: 2, digest: 'x' } }, /other contents/],
    ['a log that was never compacted', { ...whole, prevIndex: 1, entries: whole.entries.slice(1) }, /starts after 1/],
  ])('sees %s', (_what, found, words) => {
    expect(historyWith(4).differences(found).join('; ')).toMatch(words)
  })

  it('does not take any refusal for a good one', () => {
    const message =
      'the data directory /d is damaged: log/: x. Remove the member (`tnl members remove N`), wipe this directory, and add it again with `tnl members add`.'
    expect(() => checkRefusal({ kind: 'damaged', message }, ['damaged'], '/d')).not.toThrow()
    expect(() => checkRefusal({ kind: 'io', message }, ['damaged'], '/d')).toThrow(Failure)
    expect(() => checkRefusal({ kind: 'damaged', message }, ['damaged'], '/other')).toThrow(/does not name/)
    expect(() => checkRefusal({ kind: 'damaged', message: 'damaged: /d log/' }, ['damaged'], '/d')).toThrow(/rejoin/)
    expect(() => checkRefusal({ kind: 'damaged', message: message.replace('log/', '') }, ['damaged'], '/d')).toThrow(
      /where/,
    )
  })
})
