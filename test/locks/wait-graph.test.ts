/** How much a deadlock search looks at. What it finds is compared with a plain search in `model.test.ts`. */
import { expect, test } from 'vitest'
import { CommandType } from '../../src/locks/commands/commands.js'
import { LOCKS_PER_SESSION_MAX } from '../../src/locks/limits.js'
import { findCycle } from '../../src/locks/table/session-graph.js'
import { answers, Bench, kinds, numbered } from './harness.js'

const FOREVER = { waitMs: -1 }

const WAITERS = 40
const NAMES = 40

/**
 * Everybody waits in all queues, in the same order, and the asker holds all the locks. The holder of what is wanted waits
 * for what the first of them holds, to whom the search comes last.
 */
function crowd() {
  const bench = new Bench()
  bench.nodeUp('n1', 100)
  const asker = bench.open('n1', 100)
  const other = bench.open('n1', 100)
  bench.lock(other, 1, 'wanted')
  for (let i = 1; i <= NAMES; i++) bench.lock(asker, i, `l${i}`)
  for (let w = 0; w < WAITERS; w++) {
    const party = bench.open('n1', 100)
    if (w === 0) bench.lock(party, NAMES + 1, 'm')
    for (let i = 1; i <= NAMES; i++) bench.lock(party, i, `l${i}`, { waitMs: -1 })
  }
  bench.lock(other, 2, 'm', { waitMs: -1 })
  const state = bench.machine.inspect()
  const session = state.sessions.get(asker.session)
  const wanted = state.locks.get('wanted')
  if (session === undefined || wanted === undefined) throw new Error('not there')
  return { bench, other, session, wanted }
}

test('each place is looked at once: the search ends within so many steps', () => {
  const { session, wanted } = crowd()
  const holdsAndPlaces = NAMES + 1 + WAITERS * NAMES + 1
  // Sessions are gone through by what they hold and where they wait, and each queue once.
  expect(findCycle(session, wanted, 2 * holdsAndPlaces + WAITERS)).toEqual(['wanted', 'm', 'l1'])
})

test('a search that would take longer is given up, and the request waits', () => {
  const { session, wanted } = crowd()
  // Holds and places count, and the places in a queue as well.
  expect(findCycle(session, wanted, 1_000)).toBe('given-up')
  expect(findCycle(session, wanted, 2_500)).toBe('given-up')
})

test('a request that waits unexamined is told of, and no other', () => {
  const bench = new Bench()
  bench.nodeUp('n1', 100)
  const [asker, other, ...behind] = Array.from({ length: 5 }, () => bench.open('n1', 100))
  if (asker === undefined || other === undefined) throw new Error('not there')
  bench.lock(other, 1, 'wanted')
  bench.lock(asker, 1, 'first')
  for (const party of behind) expect(kinds(bench.lock(party, 1, 'first', FOREVER))).not.toContain('unexamined')
  // Each hold is a step of the search, and each place behind one: three more than it may take.
  const commands = Array.from({ length: LOCKS_PER_SESSION_MAX - 2 }, (_, i) => {
    asker.ack = i + 1
    const asked = { name: `l${i}`, waitMs: 0, meta: '', delayMs: 0, wallMs: 5 }
    return { type: CommandType.lock, ...numbered(asker), request: i + 2, ...asked }
  })
  bench.apply(...commands)
  const effects = bench.lock(asker, LOCKS_PER_SESSION_MAX, 'wanted', FOREVER)
  expect(effects).toContainEqual(['unexamined', asker.session, 'wanted'])
  expect(kinds(effects)).toContain('queued')
})

test('a cycle among many is refused', () => {
  const { bench, other } = crowd()
  const asker = { node: 'n1', epoch: 100, session: other.session - 1, attach: 1, n: NAMES, ack: 0 }
  const [, , answer] = (answers(bench.lock(asker, NAMES + 1, 'wanted', { waitMs: -1 }))[0] ?? []) as unknown[]
  expect(answer).toMatchObject({ kind: 'error', code: 'deadlock' })
})
