/** Spans of locks, as a program with OpenTelemetry sees them: a tracer provider of the test, registered through the API. */
import { AsyncLocalStorage } from 'node:async_hooks'
import * as api from '@opentelemetry/api'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Client, connect, NotGrantedError } from '../../src/client/index.js'
import { splitTrace, withTrace } from '../../src/client/tracing/traceparent.js'
import { startTestCluster, type TestCluster } from '../../src/test-cluster/index.js'

/** What a span was told. */
interface Told {
  readonly name: string
  readonly context: api.SpanContext
  readonly parent: string | undefined
  readonly attributes: api.Attributes
  readonly links: api.Link[]
  status: api.SpanStatusCode
  ended: boolean
}

/** In the order in which they ended, and in that in which they began. */
const spans: Told[] = []
const begun: Told[] = []
let isSampled = true
let last = 0

function startSpan(name: string, options: api.SpanOptions = {}, around: api.Context = api.context.active()): api.Span {
  const parent = api.trace.getSpanContext(around)
  last += 1
  const told: Told = {
    name,
    context: {
      traceId: parent?.traceId ?? last.toString(16).padStart(32, '0'),
      spanId: last.toString(16).padStart(16, '0'),
      traceFlags: isSampled ? 1 : 0,
    },
    parent: parent?.spanId,
    attributes: { ...options.attributes },
    links: [...(options.links ?? [])],
    status: api.SpanStatusCode.UNSET,
    ended: false,
  }
  begun.push(told)
  const span: api.Span = {
    spanContext: () => told.context,
    setAttribute: (key, value) => {
      if (value !== undefined) told.attributes[key] = value
      return span
    },
    setAttributes: (all) => {
      Object.assign(told.attributes, all)
      return span
    },
    addEvent: () => span,
    addLink: (link) => {
      told.links.push(link)
      return span
    },
    addLinks: (links) => {
      told.links.push(...links)
      return span
    },
    setStatus: ({ code }) => {
      told.status = code
      return span
    },
    updateName: () => span,
    end: () => {
      if (told.ended) throw new Error(`${name} ended twice`)
      told.ended = true
      spans.push(told)
    },
    isRecording: () => isSampled && !told.ended,
    recordException: () => undefined,
  }
  return span
}

const storage = new AsyncLocalStorage<api.Context>()
const contexts: api.ContextManager = {
  active: () => storage.getStore() ?? api.ROOT_CONTEXT,
  with: (around, work, self, ...args) => storage.run(around, () => work.call(self as never, ...args)),
  bind: (_, target) => target,
  enable: () => contexts,
  disable: () => contexts,
}

let cluster: TestCluster
let one: Client
let two: Client

beforeAll(async () => {
  cluster = await startTestCluster({ nodes: 1 })
  const endpoints = cluster.endpoints
  one = await connect({ endpoints, clientId: 'one' })
  two = await connect({ endpoints, clientId: 'two' })
})
afterAll(async () => {
  api.trace.disable()
  api.context.disable()
  await Promise.all([one?.close(), two?.close()])
  await cluster?.close()
})
beforeEach(() => {
  spans.length = 0
  begun.length = 0
  isSampled = true
})

describe('without a tracer', () => {
  it('nothing is made, and nothing put into the metadata', async () => {
    const lock = await one.acquire('untraced')
    const info = await one.find('untraced')
    expect(info?.holds[0]).toMatchObject({ metadata: null, traceparent: null })
    expect(lock.trace).toBe(null)
    await lock.release()
    expect(spans).toEqual([])
  })
})

describe('with a tracer', () => {
  beforeAll(() => {
    // Later than the clients: they look when they ask.
    api.trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan, startActiveSpan: () => undefined as never }) })
    api.context.setGlobalContextManager(contexts)
  })

  it('a lock is a wait and a hold, of the task that asks; what it does is inside the hold', async () => {
    const outer = startSpan('request')
    await api.context.with(api.trace.setSpan(api.context.active(), outer), () =>
      one.withLock(['a', 'b'], async () => startSpan('work').end()),
    )
    expect(spans.map(({ name }) => name)).toEqual(['lock.wait', 'work', 'lock.hold'])
    const [wait, work, hold] = spans
    const parent = outer.spanContext().spanId
    expect([wait?.parent, hold?.parent, work?.parent]).toEqual([parent, parent, hold?.context.spanId])
    expect(wait?.attributes).toMatchObject({
      'tcpnetlock.lock.names': ['a', 'b'],
      'tcpnetlock.lock.outcome': 'granted',
      'tcpnetlock.lock.token': hold?.attributes['tcpnetlock.lock.token'],
    })
    expect(hold?.attributes['tcpnetlock.lock.token']).toBeGreaterThan(0)
    expect(hold?.links.map(({ context }) => context.spanId)).toEqual([wait?.context.spanId])
    expect(hold?.status).toBe(api.SpanStatusCode.UNSET)
  })

  it('a wait leads to the trace of who holds the lock', async () => {
    const held = await one.acquire('contended')
    const [holder] = spans
    const waiting = two.acquire('contended')
    const waits = () => begun.filter(({ name }) => name === 'lock.wait')
    await vi.waitFor(() => expect(waits()[1]?.links).toHaveLength(1), { timeout: 10_000, interval: 5 })
    await held.release()
    await (await waiting).release()
    const wait = spans.filter(({ name }) => name === 'lock.wait')[1]
    expect(wait?.attributes).toMatchObject({ 'tcpnetlock.lock.queued': true, 'tcpnetlock.lock.outcome': 'granted' })
    expect(wait?.links).toEqual([{ context: { ...holder?.context, isRemote: true } }])
  })

  it('a refusal is an outcome and no error; a loss is one', async () => {
    const held = await one.acquire('taken')
    await expect(two.acquire('taken', { wait: 0 })).rejects.toThrow(NotGrantedError)
    expect(spans.at(-1)).toMatchObject({
      attributes: { 'tcpnetlock.lock.outcome': 'held' },
      status: api.SpanStatusCode.UNSET,
    })
    const lost = new Promise((resolve) => held.onLost(resolve))
    await cluster.expireSession(one)
    await lost
    expect(spans.at(-1)).toMatchObject({ name: 'lock.hold', status: api.SpanStatusCode.ERROR })
    expect(spans.at(-1)?.attributes['tcpnetlock.lock.lost']).toMatch(/lease-expired|deadline/)
    await held.release().catch(() => undefined)
    expect(spans.filter(({ name }) => name === 'lock.hold')).toHaveLength(1)
  })

  it('who is not sampled puts nothing into the metadata', async () => {
    isSampled = false
    const lock = await two.acquire('quiet')
    expect((await two.find('quiet'))?.holds[0]).toMatchObject({ metadata: null, traceparent: null })
    await lock.release()
  })

  it('metadata that somebody wrote stays; a JSON object has one more key', async () => {
    for (const [metadata, kept] of [
      ['release 42', 'release 42'],
      ['[1]', '[1]'],
    ] as const) {
      const lock = await two.acquire('described', { metadata })
      expect((await two.find('described'))?.holds[0]).toMatchObject({ metadata: kept, traceparent: null })
      await lock.release()
    }
    const lock = await two.acquire('described', { metadata: '{"by":"ci"}' })
    const hold = (await two.find('described'))?.holds[0]
    expect(JSON.parse(hold?.metadata ?? '')).toEqual({ by: 'ci', traceparent: hold?.traceparent })
    await lock.release()
  })
})

it('a trace in the metadata is read back, and nothing else is taken for one', () => {
  const trace = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  expect(splitTrace(withTrace(undefined, trace) ?? null)).toEqual({ metadata: null, traceparent: trace })
  for (const text of ['traceparent=x', `traceparent=${trace} and more`, '{"traceparent":7}', '{', '{}', 'null', '']) {
    expect([text, splitTrace(text)]).toEqual([text, { metadata: text, traceparent: null }])
  }
  expect(withTrace(JSON.stringify({ x: 'y'.repeat(4_080) }), trace)).toBe(JSON.stringify({ x: 'y'.repeat(4_080) }))
  expect(withTrace('{"traceparent":"theirs"}', trace)).toBe('{"traceparent":"theirs"}')
})
