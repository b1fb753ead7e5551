/** Event streams over real connections, on a clock that runs a hundred times as fast. */
import { connect, type Socket } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import type { LockEvent } from '../../../src/locks/effects.js'
import type { Clock } from '../../../src/platform.js'
import { HttpPort } from '../../../src/server/http/http-port.js'
import { HTTP_MAX_CONNECTIONS, HTTP_STREAMS_MAX_COUNT } from '../../../src/server/limits.js'
import { SystemClock } from '../../../src/server/system-clock.js'
import { httpAccess } from '../../kit/http-access.js'
import { type ReadSituation, readSources } from '../../kit/read-sources.js'
import { serverMetrics } from '../../kit/server-metrics.js'
import { statusSources } from '../../kit/status-sources.js'
import { EVENT_TIMEOUT_MS, inTime } from '../../kit/wire.js'
import { Bench } from '../../locks/harness.js'

const TIMES_FASTER = 100

function fastClock(): Clock {
  const clock = new SystemClock()
  return {
    speakerNow: () => clock.speakerNow(),
    takerNow: () => clock.takerNow(),
    wallNow: () => clock.wallNow(),
    after: (delayMs, run) => clock.after(delayMs / TIMES_FASTER, run),
    soon: (run) => clock.soon(run),
  }
}

let port: HttpPort | null = null
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await port?.close()
  port = null
})

async function serve(situation: ReadSituation = {}) {
  const sources = statusSources()
  const reads = readSources(situation)
  reads.reads.start()
  const listen = { host: '127.0.0.1', port: 0 }
  const metrics = serverMetrics(sources)
  port = await HttpPort.open({
    listen,
    clock: fastClock(),
    sources,
    metrics,
    reads,
    access: httpAccess(),
    warn: () => undefined,
  })
  const base = `http://127.0.0.1:${port.port}`
  let place = 0
  /** An entry did this, as a rule the one after the first, which the node has applied. */
  const happens = (name: string, type: LockEvent['type'] = 'granted', index = 2): void => {
    const event: LockEvent = {
      kind: 'event',
      index,
      place,
      type,
      name,
      token: 7,
      holder: 'h',
      sinceWallMs: 0,
      how: null,
    }
    place += 1
    reads.reads.event(event)
  }
  return { base, port: port.port, reads: reads.reads, happens }
}

/** What a reader of a stream has got so far. */
class Follower {
  text = ''
  status = 0
  readonly #controller = new AbortController()
  #more: () => void = () => undefined

  static async open(url: string, headers: Record<string, string> = {}): Promise<Follower> {
    const follower = new Follower()
    const response = await fetch(url, { headers, signal: follower.#controller.signal })
    follower.status = response.status
    void follower.#follow(response).catch(() => undefined)
    return follower
  }

  async #follow(response: Response): Promise<void> {
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) {
      this.text += decoder.decode(chunk, { stream: true })
      this.#more()
    }
  }

  /** The events, once there are so many. */
  async events(count: number): Promise<readonly { id?: string; event: string; data: Record<string, unknown> }[]> {
    const all = () =>
      this.text
        .split('\n\n')
        .slice(0, -1)
        .filter((block) => !block.startsWith(':'))
        .map((block) => {
          const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2)))
          return { ...fields, data: JSON.parse(fields.data) }
        })
    while (all().length < count) {
      await inTime(`${count} events, after ${this.text}`, new Promise<void>((resolve) => (this.#more = resolve)))
    }
    return all()
  }

  close(): void {
    this.#controller.abort()
  }
}

it('/v1/events tells what happens to names with a prefix', async () => {
  const { base, happens } = await serve()
  const follower = await Follower.open(`${base}/v1/events?prefix=db/`)
  await follower.events(1)
  happens('web/1')
  happens('db/1')
  happens('db/1', 'released')
  expect(await follower.events(3)).toEqual([
    { id: '1.0', event: 'watching', data: { at: '1.0' } },
    { id: '2.1', event: 'granted', data: { at: '2.1', name: 'db/1', token: 7, holder: 'h' } },
    { id: '2.2', event: 'released', data: { at: '2.2', name: 'db/1', token: 7, holder: 'h' } },
  ])
  follower.close()
})

it('goes on behind `since`, or where a browser says that its stream was broken off', async () => {
  const { base, happens } = await serve()
  for (const name of ['a', 'b', 'c']) happens(name, 'granted', 1)
  const [since, broken] = [
    await Follower.open(`${base}/v1/events?since=1.0`),
    await Follower.open(`${base}/v1/events?since=1.0`, { 'last-event-id': '1.1' }),
  ]
  expect((await since.events(3)).map(({ id, event }) => [id, event])).toEqual([
    ['1.0', 'watching'],
    ['1.1', 'granted'],
    ['1.2', 'granted'],
  ])
  expect((await broken.events(2)).map(({ id }) => id)).toEqual(['1.1', '1.2'])
  since.close()
  broken.close()
})

it('tells a gap and what there is, and names its position only behind all of that', async () => {
  const bench = new Bench({ checkEachEntry: false })
  bench.nodeUp('n1', 7)
  bench.lock(bench.open('n1', 7, { clientId: 'me' }), 1, 'x', { meta: 'a,b "c"' })
  const { base } = await serve({ machine: bench.machine })
  const follower = await Follower.open(`${base}/v1/events?since=0.0`)
  const events = await follower.events(4)
  expect(events.map(({ id, event }) => [id, event])).toEqual([
    ['0.0', 'watching'],
    [undefined, 'gap'],
    [undefined, 'lock'],
    ['1.0', 'end'],
  ])
  expect(events[2]?.data).toMatchObject({ name: 'x', mode: 'exclusive', state: 'held', holder: 'me', meta: 'a,b "c"' })
  expect(events[3]?.data).toEqual({ count: 1 })
  follower.close()
})

it('refuses what is wrong, and without a quorum what needs one', async () => {
  const { base } = await serve({ outcome: 'unavailable' })
  for (const [path, status] of [
    ['/v1/events?prefix=%20', 400],
    ['/v1/events?since=x', 400],
    ['/v1/events', 503],
  ] as const) {
    expect((await fetch(base + path)).status, path).toBe(status)
  }
  const follower = await Follower.open(`${base}/v1/events?stale=yes`)
  expect((await follower.events(1))[0]?.event).toBe('watching')
  follower.close()
  expect((await fetch(`${base}/v1/events`, { method: 'POST' })).status).toBe(405)
  expect((await fetch(`${base}/dashboard/feed`, { method: 'HEAD' })).headers.get('content-type')).toBe(
    'text/event-stream',
  )
})

it('strangers who open many connections cut off nobody who looks', async () => {
  const { base, port: number, happens } = await serve()
  const follower = await Follower.open(`${base}/v1/events`)
  await follower.events(1)
  let ended = 0
  const gone = new Promise<void>((resolve) => {
    for (let count = 0; count <= HTTP_MAX_CONNECTIONS; count += 1) {
      const stranger = connect(number, '127.0.0.1').on('error', () => undefined)
      stranger.on('close', () => {
        ended += 1
        resolve()
      })
      sockets.push(stranger)
    }
  })
  await inTime('one of the strangers makes room', gone)
  happens('x')
  expect((await follower.events(2))[1]?.event).toBe('granted')
  expect(ended).toBeGreaterThan(0)
  follower.close()
})

it('has so many streams, and room again when one is closed', async () => {
  const { base, reads } = await serve()
  const followers = await Promise.all(
    Array.from({ length: HTTP_STREAMS_MAX_COUNT }, () => Follower.open(`${base}/v1/events`)),
  )
  expect(reads.watches.count).toBe(HTTP_STREAMS_MAX_COUNT)
  const refused = await fetch(`${base}/dashboard/feed`)
  expect([refused.status, await refused.json()]).toMatchObject([503, { error: { code: 'limit' } }])
  expect((await fetch(`${base}/healthz`)).status).toBe(200)
  followers[0]?.close()
  for (let status = 503; status !== 200; ) {
    const next = await Follower.open(`${base}/dashboard/feed`)
    status = next.status
    if (status === 200) expect((await next.events(1))[0]?.event).toBe('overview')
    next.close()
  }
  for (const follower of followers) follower.close()
})

it('drops a watcher that stands still, while others are served', async () => {
  const { base, port: at, reads, happens } = await serve()
  const socket = connect(at, '127.0.0.1')
  sockets.push(socket)
  socket.on('error', () => undefined)
  socket.pause()
  socket.write('GET /v1/events HTTP/1.1\r\nHost: a\r\n\r\n')
  while (reads.watches.count === 0) await new Promise(setImmediate)
  const follower = await Follower.open(`${base}/v1/events?prefix=other/`)
  const endsMs = Date.now() + EVENT_TIMEOUT_MS
  // What is told fills the kernel's buffers first, then a megabyte of ours, then the watch waits, and its stream is given up.
  while (reads.watches.count === 2 && Date.now() < endsMs) {
    for (let i = 0; i < 500; i += 1) happens(`${'n'.repeat(200)}/${i}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  expect(reads.watches.count).toBe(1)
  happens('other/1')
  expect((await follower.events(2))[1]?.data).toMatchObject({ name: 'other/1' })
  follower.close()
})
