/** What is refused when it is asked for, because there is enough of it (docs/protocol.md, Bounds). */
import { describe, expect, test, vi } from 'vitest'
import { CommandType } from '../../src/locks/commands/commands.js'
import { answers, attachment, Bench, kinds } from './harness.js'

/** The real bounds take minutes to reach. */
vi.mock('../../src/locks/limits.js', async (original) => ({
  ...(await original<typeof import('../../src/locks/limits.js')>()),
  SESSIONS_MAX: 3,
  SESSIONS_CROWDED: 2,
  HOLDS_AND_PLACES_MAX: 6,
  META_TOTAL_MAX_BYTES: 100,
}))

function oneNode(): Bench {
  const bench = new Bench()
  bench.nodeUp('n1', 100)
  return bench
}

const codeOf = (effects: Parameters<typeof answers>[0]) => {
  const [, , answer] = (answers(effects)[0] ?? []) as [unknown, unknown, { kind: string; code?: string } | undefined]
  return answer?.code ?? answer?.kind
}

describe('sessions', () => {
  test('are refused when there are too many, also of those that are left behind', () => {
    const bench = oneNode()
    const parties = [1, 2].map(() => bench.open('n1', 100, { lingerMs: 86_400_000 }))
    const open = (leaseMs: number, lingerMs: number) => {
      const opening = {
        node: 'n1',
        epoch: 100,
        conn: bench.nextConn(),
        floor: 1,
        clientId: '',
        secretHash: 's',
        identity: '',
      }
      return kinds(bench.apply({ type: CommandType.open, ...opening, leaseMs, lingerMs }))
    }
    // One more, but none that would stay for long without its client.
    expect(open(60_001, 0)).toEqual(['openRefused'])
    expect(open(10_000, 60_001)).toEqual(['openRefused'])
    expect(open(60_000, 60_000)).toEqual(['opened'])
    expect(open(10_000, 0)).toEqual(['openRefused'])
    for (const party of parties)
      bench.apply({ type: CommandType.detach, ...attachment(party), fin: true, wallMs: 0, leaseOnly: false })
    expect(open(10_000, 0)).toEqual(['openRefused'])
    // A classic client is bounded by what it holds.
    expect(bench.classic('n1', 100, 'a').session).not.toBe(0)
    const [first] = parties
    if (first === undefined) throw new Error('no session')
    bench.apply({ type: CommandType.expireSession, session: first.session, attach: 1, wallMs: 0 })
    expect(open(10_000, 0)).toEqual(['opened'])
  })
})

describe('holds and places', () => {
  test('of the cluster are refused when there are too many, and free again when they are not', () => {
    const bench = oneNode()
    const one = bench.open('n1', 100)
    const two = bench.open('n1', 100)
    for (const id of [1, 2, 3]) expect(codeOf(bench.lock(one, id, `l${id}`))).toBe('granted')
    for (const id of [1, 2, 3]) bench.lock(two, id, `l${id}`, { waitMs: -1 })
    expect(codeOf(bench.lock(one, 4, 'l4'))).toBe('limit')
    expect(codeOf(bench.lock(two, 4, 'l4', { waitMs: -1 }))).toBe('limit')
    expect(codeOf(bench.classic('n1', 100, 'l4').effects)).toBe('limit')
    // A place becomes a hold: nobody who was accepted is refused at its turn.
    expect(answers(bench.release(one, 5, 'l1'))).toHaveLength(2)
    expect(codeOf(bench.lock(one, 6, 'l4'))).toBe('granted')
  })

  test('carry meta of no more than the bound in all, counted in bytes', () => {
    const bench = oneNode()
    const one = bench.open('n1', 100)
    const two = bench.open('n1', 100)
    expect(codeOf(bench.lock(one, 1, 'a', { meta: 'é'.repeat(30) }))).toBe('granted')
    expect(kinds(bench.lock(two, 1, 'a', { waitMs: -1, meta: 'm'.repeat(40) }))).toContain('queued')
    expect(codeOf(bench.lock(one, 2, 'b', { meta: 'm' }))).toBe('limit')
    expect(codeOf(bench.lock(one, 3, 'b'))).toBe('granted')
    bench.release(one, 4, 'a')
    expect(codeOf(bench.lock(one, 5, 'c', { meta: 'm'.repeat(60) }))).toBe('granted')
    expect(codeOf(bench.lock(one, 6, 'd', { meta: 'm' }))).toBe('limit')
  })
})
