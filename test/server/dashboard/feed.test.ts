import { expect, it } from 'vitest'
import { DashboardFeed, type Viewer } from '../../../src/server/dashboard/feed.js'
import { makeOverview, type Overview } from '../../../src/server/dashboard/overview.js'
import { FEED_INTERVAL_MS, FEED_MAX_QUEUES } from '../../../src/server/limits.js'
import { ALL_NAMES } from '../../../src/service/access/policy.js'
import { VirtualClock } from '../../../src/testing/virtual-clock.js'
import { readSources } from '../../kit/read-sources.js'
import { statusSources } from '../../kit/status-sources.js'
import { Bench } from '../../locks/harness.js'

class Browser implements Viewer {
  unsentBytes = 0
  readonly seen: number[] = []

  send({ data }: { readonly data: string }): void {
    this.seen.push(JSON.parse(data).number)
  }
}

function made() {
  const time = new VirtualClock(() => Promise.resolve())
  let number = 0
  const feed = new DashboardFeed(time.forProcess().clock, (done) => {
    number += 1
    done({ number } as unknown as Overview)
  })
  return { time, feed, made: () => number }
}

it('is made once a second for all who look', async () => {
  const { time, feed, made: count } = made()
  const [a, b] = [new Browser(), new Browser()]
  feed.add(a)
  feed.add(b)
  expect([a.seen, b.seen]).toEqual([[1], [1]])
  await time.run(3 * FEED_INTERVAL_MS)
  expect([a.seen, b.seen, count()]).toEqual([[1, 2, 3, 4], [1, 2, 3, 4], 4])
})

it('leaves out whoever has not taken the last one, who then gets the newest', async () => {
  const { time, feed } = made()
  const [slow, quick] = [new Browser(), new Browser()]
  feed.add(slow)
  feed.add(quick)
  slow.unsentBytes = 1
  await time.run(5 * FEED_INTERVAL_MS)
  slow.unsentBytes = 0
  await time.run(FEED_INTERVAL_MS)
  expect(slow.seen).toEqual([1, 7])
  expect(quick.seen).toEqual([1, 2, 3, 4, 5, 6, 7])
})

it('is made for nobody when nobody looks, and again for the next one', async () => {
  const { time, feed, made: count } = made()
  const leave = feed.add(new Browser())
  leave()
  await time.run(10 * FEED_INTERVAL_MS)
  expect([count(), feed.count]).toEqual([1, 0])
  const later = new Browser()
  feed.add(later)
  await time.run(FEED_INTERVAL_MS)
  expect(later.seen).toEqual([2, 3])
})

it('who comes back within the second sees what is newest, and is made one thing at a time', async () => {
  const { time, feed, made: count } = made()
  for (let i = 0; i < 10; i += 1) feed.add(new Browser())()
  const last = new Browser()
  feed.add(last)
  await time.run(2 * FEED_INTERVAL_MS)
  expect(last.seen.at(-1)).toBe(count())
  expect(count()).toBe(3)
})

it('the overview shows the longest queues, the oldest waits and the freezes', () => {
  const bench = new Bench()
  bench.nodeUp('n1', 7)
  const holder = bench.open('n1', 7, { clientId: 'holder' })
  const parties = Array.from({ length: 40 }, (_, i) => bench.open('n1', 7, { clientId: `w${i}` }))
  for (const [i, party] of parties.entries()) {
    bench.lock(holder, i + 1, `q/${i}`, { wallMs: 1_000 })
    for (const other of parties.slice(0, i === 7 ? 3 : 1)) {
      bench.lock(other, 100 + i, `q/${i}`, { wallMs: i === 9 ? 1_500 : 5_000, waitMs: -1 })
    }
    void party
  }
  const { reads } = readSources({ machine: bench.machine })
  const seen: Overview[] = []
  makeOverview(
    { status: statusSources(), reads, wallNow: () => 10_000 },
    ALL_NAMES,
    (overview) => void seen.push(overview),
  )
  const [overview] = seen
  expect(overview?.contended).toBe(40)
  expect(overview?.longest).toHaveLength(FEED_MAX_QUEUES)
  expect(overview?.longest[0]).toEqual({
    name: 'q/7',
    waiters: 3,
    waitedFor: 5,
    waiter: 'w0',
    holder: 'holder',
    heldFor: 9,
    holds: 1,
  })
  expect(overview?.oldest[0]).toMatchObject({ name: 'q/9', waitedFor: 8.5 })
  expect(overview?.status).toMatchObject({ node: 'n1', role: 'leader' })
  expect(overview?.unready).toBe(null)
})
