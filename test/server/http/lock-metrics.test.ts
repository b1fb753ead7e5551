import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import type { EventType, LockEvent } from '../../../src/locks/effects.js'
import type { HoldEnd } from '../../../src/locks/state/standing.js'
import type { QueueReport } from '../../../src/locks/views/queues.js'
import { LockMetrics } from '../../../src/server/http/lock-metrics.js'
import { OTHER, PrefixLabels } from '../../../src/server/http/prefix-labels.js'
import { METRICS_PREFIXES_MAX_COUNT } from '../../../src/server/limits.js'
import type { QueueVisitor } from '../../../src/service/reads/queue-walk.js'

const NOW_MS = 1_000_000

function made(prefixes: readonly string[] = []) {
  const registry = new Registry()
  const metrics = new LockMetrics({ registry, prefixes, wallNow: () => NOW_MS })
  const happened = (type: EventType, name: string, secondsAgo: number, how: HoldEnd | null = null): void => {
    const sinceWallMs = NOW_MS - secondsAgo * 1_000
    const event: LockEvent = { kind: 'event', index: 1, place: 0, type, name, token: 1, holder: 'h', sinceWallMs, how }
    metrics.event(event)
  }
  const lines = async () => (await registry.metrics()).split('\n')
  return { metrics, happened, lines }
}

const queue = (name: string, waiters: number, secondsAgo: number): QueueReport => ({
  name,
  waiters,
  sinceWallMs: NOW_MS - secondsAgo * 1_000,
  waiter: 'w',
  holder: 'h',
  token: 1,
  heldSinceWallMs: 0,
  holdCount: 1,
})

/** A walk that visits these at once. */
const walkOver = (queues: readonly QueueReport[]) => ({
  begin: (visitor: QueueVisitor) => {
    visitor.begin()
    for (const each of queues) visitor.visit(each)
    visitor.end()
  },
})

it('shows that nothing was lost yet from the first word of a name on, also where another node counts', async () => {
  const { happened, metrics, lines } = made()
  const losses = async (prefix: string) =>
    (await lines()).filter((line) => line.startsWith(`tnl_losses_total{prefix="${prefix}"`))
  happened('granted', 'deploy/web', 0)
  metrics.heardOf('db/orders')
  const reasons = ['expired', 'node-lost', 'ttl', 'forced']
  expect(await losses('deploy')).toEqual(
    reasons.map((reason) => `tnl_losses_total{prefix="deploy",reason="${reason}"} 0`),
  )
  happened('lost', 'db/orders', 2, 'node-lost')
  metrics.heardOf('db/users')
  expect(await losses('db')).toEqual(
    reasons.map((reason) => `tnl_losses_total{prefix="db",reason="${reason}"} ${reason === 'node-lost' ? 1 : 0}`),
  )
})

it('counts how long was waited, by what came of it, and how long was held', async () => {
  const { happened, lines } = made()
  happened('granted', 'deploy/web', 0.02)
  happened('granted', 'deploy/db', 40)
  happened('left', 'deploy/db', 3)
  happened('queued', 'deploy/db', 0)
  happened('released', 'deploy/web', 700, 'released')
  happened('lost', 'deploy/db', 2, 'expired')
  const text = await lines()
  for (const line of [
    'tnl_wait_seconds_bucket{le="0.01",prefix="deploy",outcome="granted"} 0',
    'tnl_wait_seconds_bucket{le="0.025",prefix="deploy",outcome="granted"} 1',
    'tnl_wait_seconds_bucket{le="60",prefix="deploy",outcome="granted"} 2',
    'tnl_wait_seconds_sum{prefix="deploy",outcome="left"} 3',
    'tnl_hold_seconds_count{prefix="deploy"} 2',
    'tnl_hold_seconds_sum{prefix="deploy"} 702',
    'tnl_losses_total{prefix="deploy",reason="expired"} 1',
  ])
    expect(text).toContain(line)
})

it('never shows a negative time, whatever the clocks of two nodes say', async () => {
  const { happened, lines } = made()
  happened('granted', 'x', -30)
  happened('released', 'x', -30, 'released')
  const text = await lines()
  expect(text).toContain('tnl_wait_seconds_sum{prefix="x",outcome="granted"} 0')
  expect(text).toContain('tnl_hold_seconds_sum{prefix="x"} 0')
})

it('counts refusals by reason', async () => {
  const { metrics, lines } = made()
  metrics.refused('a/1', 'held')
  metrics.refused('a/2', 'held')
  metrics.refused('a/2', 'deadlock')
  const text = await lines()
  expect(text).toContain('tnl_refusals_total{prefix="a",reason="held"} 2')
  expect(text).toContain('tnl_refusals_total{prefix="a",reason="deadlock"} 1')
})

it('adds up the queues of a label, and goes on showing one that has none any more', async () => {
  const { metrics, lines } = made()
  await metrics.survey(walkOver([queue('a/1', 3, 10), queue('a/2', 1, 90), queue('b', 2, 5)]))
  const text = await lines()
  expect(text).toContain('tnl_queue_length{prefix="a"} 4')
  expect(text).toContain('tnl_oldest_waiter_seconds{prefix="a"} 90')
  expect(text).toContain('tnl_queue_length{prefix="b"} 2')
  await metrics.survey(walkOver([queue('b', 1, 6)]))
  const later = await lines()
  expect(later).toContain('tnl_queue_length{prefix="a"} 0')
  expect(later).toContain('tnl_oldest_waiter_seconds{prefix="a"} 0')
  expect(later).toContain('tnl_oldest_waiter_seconds{prefix="b"} 6')
})

it('many who ask at a time are one walk', async () => {
  const { metrics } = made()
  const visitors: QueueVisitor[] = []
  const walk = { begin: (visitor: QueueVisitor) => void visitors.push(visitor) }
  const all = Promise.all([metrics.survey(walk), metrics.survey(walk), metrics.survey(walk)])
  expect(visitors).toHaveLength(1)
  visitors[0]?.end()
  await all
  void metrics.survey(walk)
  expect(visitors).toHaveLength(2)
})

it('labels by the first segments seen, so many and never others', () => {
  const labels = new PrefixLabels([])
  expect([labels.of('deploy/web'), labels.of('deploy/db/x'), labels.of('deploy')]).toEqual(Array(3).fill('deploy'))
  for (let i = 1; i < METRICS_PREFIXES_MAX_COUNT; i += 1) expect(labels.of(`s${i}/x`)).toBe(`s${i}`)
  expect(labels.of('one-more/x')).toBe(OTHER)
  for (let i = 0; i < 1_000; i += 1) labels.of(`stranger${i}`)
  expect([labels.of('deploy/x'), labels.of('s1'), labels.of('stranger7')]).toEqual(['deploy', 's1', OTHER])
})

it('labels by the longest prefix that was chosen', () => {
  const labels = new PrefixLabels(['deploy/', 'deploy/prod/', 'db'])
  expect(['deploy/x', 'deploy/prod/x', 'dbx', 'deploy', 'x'].map((name) => labels.of(name))).toEqual([
    'deploy/',
    'deploy/prod/',
    'db',
    OTHER,
    OTHER,
  ])
})

describe('numbers of a label are for whoever sees all names that it counts', () => {
  /** By the beginnings of names. */
  const sees = (...prefixes: readonly string[]) => {
    const has = (name: string): boolean => prefixes.some((prefix) => name.startsWith(prefix))
    return { has, hasAllUnder: has }
  }

  it('where it was chosen: names of others that begin alike are among them', () => {
    const labels = new PrefixLabels(['team', 'db/'])
    expect(labels.isFor(sees('team/'), 'team')).toBe(false)
    expect(labels.isFor(sees('team'), 'team')).toBe(true)
    expect(labels.isFor(sees('db/'), 'db/')).toBe(true)
    expect(labels.isFor(sees('db/a'), 'db/')).toBe(false)
  })

  it('where it is a first segment: also a lock of just that name, from when there is one', () => {
    const labels = new PrefixLabels([])
    labels.of('team/x')
    expect(labels.isFor(sees('team/'), 'team')).toBe(true)
    expect(labels.isFor(sees('team/x'), 'team')).toBe(false)
    labels.of('team')
    expect(labels.isFor(sees('team/'), 'team')).toBe(false)
    expect(labels.isFor(sees('team'), 'team')).toBe(true)
  })

  it('and never those of all the rest', () => {
    for (const chosen of [[], ['team/']]) expect(new PrefixLabels(chosen).isFor(sees('other'), OTHER)).toBe(false)
  })
})
