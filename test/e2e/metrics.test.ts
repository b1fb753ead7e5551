/** What a real node shows at `/metrics` of what clients did to it. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { OneServer } from '../kit/one-server.js'
import { until } from '../kit/process-cluster.js'
import { fetchFrom } from '../kit/transport.js'
import { converse, Wire } from '../kit/wire.js'

let server: OneServer
beforeAll(async () => {
  server = await OneServer.start({ http: true, words: ['--metrics-prefixes', 'db/,db/orders'] })
})
afterAll(() => server?.stop())

async function shown(): Promise<readonly string[]> {
  const response = await fetchFrom(server.httpPort, '/metrics')
  return (await response.text()).split('\n')
}

/** Of a series; null: there is none. */
function sample(lines: readonly string[], series: string): number | null {
  const line = lines.find((each) => each.startsWith(`${series} `))
  return line === undefined ? null : Number(line.slice(series.length + 1))
}

it('counts waits, holds, losses and refusals by prefix, and shows who waits now', async () => {
  const [holder, waiter] = [await Wire.open(server.port), await Wire.open(server.port)]
  holder.send('lock,name:db/orders/migrate\n')
  expect(await holder.line()).toBe('ok')
  waiter.send('lock,name:db/orders/migrate,wait:forever\n')
  expect(await converse(server.port, 'lock,name:db/orders/migrate\n')).toBe('not-granted\n')
  expect(await converse(server.port, 'lock,name:elsewhere,limit:2,permits:3\n')).toBe('err,permits exceed limit\n')
  await until('somebody waits', async () => sample(await shown(), 'tnl_queue_length{prefix="db/orders"}') === 1)
  const before = await shown()
  expect(sample(before, 'tnl_contended_locks')).toBe(1)
  expect(sample(before, 'tnl_oldest_waiter_seconds{prefix="db/orders"}')).toBeGreaterThan(0)
  expect(sample(before, 'tnl_refusals_total{prefix="db/orders",reason="held"}')).toBe(1)
  expect(sample(before, 'tnl_refusals_total{prefix="other",reason="limit"}')).toBe(1)
  expect(sample(before, 'tnl_wait_seconds_count{prefix="db/orders",outcome="granted"}')).toBe(1)
  expect(sample(before, 'tnl_hold_seconds_count{prefix="db/orders"}')).toBe(null)

  holder.send('release\n')
  expect(await waiter.line()).toBe('ok')
  const after = await shown()
  expect(sample(after, 'tnl_hold_seconds_count{prefix="db/orders"}')).toBe(1)
  expect(sample(after, 'tnl_wait_seconds_count{prefix="db/orders",outcome="granted"}')).toBe(2)
  expect(sample(after, 'tnl_wait_seconds_sum{prefix="db/orders",outcome="granted"}')).toBeGreaterThan(0)
  expect(sample(after, 'tnl_queue_length{prefix="db/orders"}')).toBe(0)
  expect(sample(after, 'tnl_locks')).toBe(1)

  const session = await Wire.open(server.port)
  session.send('hello,version:2,lease:600,from:unknown\n')
  expect(await session.line()).toMatch(/^welcome,/)
  session.send('lock,id:1,name:db/short,ttl:0.2\n')
  expect(await session.line()).toMatch(/^ok,/)
  expect(await session.line()).toMatch(/^lost,.*reason:ttl/)
  expect(sample(await shown(), 'tnl_losses_total{prefix="db/",reason="ttl"}')).toBe(1)
  for (const wire of [holder, waiter, session]) wire.destroy()
})
