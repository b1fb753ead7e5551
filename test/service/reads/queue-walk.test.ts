import { expect, it } from 'vitest'
import type { QueueReport } from '../../../src/locks/views/queues.js'
import type { Clock } from '../../../src/platform.js'
import { QUEUES_PER_LOOK_AT_CLOCK } from '../../../src/service/limits.js'
import { QueueWalk } from '../../../src/service/reads/queue-walk.js'
import { VirtualClock } from '../../../src/testing/virtual-clock.js'
import { Bench } from '../../locks/harness.js'

const report = (name: string): QueueReport => ({
  name,
  waiters: 1,
  sinceWallMs: 0,
  waiter: '',
  holder: '',
  token: 0,
  heldSinceWallMs: 0,
  holdCount: 0,
})

/** A clock on which each visit takes time, and a set of queues that a test may change on the way. */
function made(count: number, visitMs = 0) {
  const names = new Set(Array.from({ length: count }, (_, i) => `n${i}`))
  const time = new VirtualClock(() => Promise.resolve())
  const { clock } = time.forProcess()
  let spentMs = 0
  const slow: Clock = { ...clock, takerNow: () => clock.takerNow() + spentMs }
  const walk = new QueueWalk(slow, {
    get count() {
      return names.size
    },
    all: function* () {
      for (const name of names) yield report(name)
    },
  })
  const visited: string[] = []
  const ends: number[] = []
  const begin = (visit = (_name: string): void => {}) =>
    walk.begin({
      begin: () => {
        visited.length = 0
      },
      visit: ({ name }) => {
        spentMs += visitMs
        visited.push(name)
        visit(name)
      },
      end: () => void ends.push(visited.length),
    })
  return { names, time, walk, visited, ends, begin }
}

it('is over at once where there are few', () => {
  const { begin, ends } = made(100)
  begin()
  expect(ends).toEqual([100])
})

it('rests between slices, and whoever comes meanwhile joins the next walk', async () => {
  const { begin, ends, time, visited } = made(1_000, 0.1)
  begin()
  expect([visited.length, ends]).toEqual([QUEUES_PER_LOOK_AT_CLOCK, []])
  begin()
  begin()
  await time.until(() => ends.length === 3, 100_000)
  expect(ends).toEqual([1_000, 2_000, 2_000])
})

it('ends, though queues end and begin again behind it all the time', () => {
  const { begin, ends, names } = made(100)
  begin((name) => {
    names.delete(name)
    names.add(name)
  })
  expect(ends).toEqual([100])
})

it('begins once more on a state that a snapshot has brought', async () => {
  const { begin, ends, names, time, walk } = made(1_000, 0.1)
  begin()
  names.clear()
  names.add('new')
  walk.restored()
  await time.until(() => ends.length === 1, 1_000)
  expect(ends).toEqual([1])
})

it('tells everybody who waits for it when the node stops, and whoever comes later', () => {
  const { begin, ends, walk } = made(1_000, 0.1)
  begin()
  begin()
  walk.stop()
  expect(ends).toHaveLength(2)
  begin()
  expect(ends).toHaveLength(3)
})

it('visits what somebody waits for, and who stands first', () => {
  const bench = new Bench()
  bench.nodeUp('n1', 7)
  const [holder, first, second] = ['a', 'b', 'c'].map((clientId) => bench.open('n1', 7, { clientId }))
  if (holder === undefined || first === undefined || second === undefined) throw new Error('three sessions')
  bench.lock(holder, 1, 'x', { wallMs: 1_000 })
  bench.lock(holder, 2, 'free', { wallMs: 1_000 })
  bench.lock(first, 1, 'x', { wallMs: 2_000, waitMs: -1 })
  bench.lock(second, 1, 'x', { wallMs: 3_000, waitMs: -1 })
  const { queues } = bench.machine.reports
  expect([...queues.all()]).toMatchObject([
    { name: 'x', waiters: 2, sinceWallMs: 2_000, waiter: 'b', holder: 'a', heldSinceWallMs: 1_000, holdCount: 1 },
  ])
  bench.release(holder, 3, 'x')
  expect([...queues.all()]).toMatchObject([{ name: 'x', waiters: 1, waiter: 'c', holder: 'b' }])
  bench.release(first, 2, 'x')
  expect(queues.count).toBe(0)
})
