import { expect, it } from 'vitest'
import type { QueueReport } from '../../../src/locks/views/queues.js'
import { TopQueues } from '../../../src/service/reads/top-queues.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'

const MOST = 7

it.each([1, 2, 3])('has the first of each order, whatever the order of the walk (seed %i)', (seed) => {
  const random = new SeededRandom(seed)
  const queues = Array.from({ length: 200 }, (_, at): QueueReport => {
    const name = `${random.int(2) === 0 ? 'a' : 'b'}/${String(at).padStart(3, '0')}`
    const waiters = 1 + random.int(20)
    return {
      name,
      waiters,
      sinceWallMs: random.int(30),
      waiter: '',
      holder: '',
      token: 0,
      heldSinceWallMs: 0,
      holdCount: 0,
    }
  })
  let ended = 0
  const top = new TopQueues('a/', MOST, () => {
    ended += 1
  })
  // A walk that is begun anew forgets the first one.
  for (const _ of [1, 2]) {
    top.begin()
    for (const queue of queues) top.visit(queue)
  }
  top.end()
  const matching = queues.filter(({ name }) => name.startsWith('a/')).sort((a, b) => (a.name < b.name ? -1 : 1))
  const first = (order: (a: QueueReport, b: QueueReport) => number) => [...matching].sort(order).slice(0, MOST)
  expect(ended).toBe(1)
  expect(top.count).toBe(matching.length)
  expect(top.waiters).toBe(matching.reduce((total, { waiters }) => total + waiters, 0))
  expect(top.contended).toEqual(first((a, b) => b.waiters - a.waiters || a.sinceWallMs - b.sinceWallMs))
  expect(top.oldest).toEqual(first((a, b) => a.sinceWallMs - b.sinceWallMs || b.waiters - a.waiters))
})
