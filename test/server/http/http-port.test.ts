import { Agent, get as getHttps } from 'node:https'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { NodeStatus } from '../../../src/raft/node/node-api.js'
import { HttpPort } from '../../../src/server/http/http-port.js'
import { HTTP_LISTINGS_MAX_COUNT, HTTP_LOCKS_MAX, HTTP_MAX_CONNECTIONS } from '../../../src/server/limits.js'
import { SystemClock } from '../../../src/server/system-clock.js'
import type { HandshakeTerms } from '../../../src/sockets/handshakes.js'
import { TlsServer } from '../../../src/sockets/tls/tls-server.js'
import { Authority } from '../../kit/authority.js'
import { httpAccess } from '../../kit/http-access.js'
import { type ReadSituation, readSources } from '../../kit/read-sources.js'
import { serverMetrics } from '../../kit/server-metrics.js'
import { LEADER, statusSources } from '../../kit/status-sources.js'
import { Bench } from '../../locks/harness.js'
import { credentialsOf } from '../../sockets/kit.js'

let port: HttpPort | null = null
afterEach(async () => {
  await port?.close()
  port = null
})

interface Situation {
  node?: NodeStatus | null
  leaseMs?: number
  reads?: ReadSituation
  hasPlaces?: boolean
  handshakes?: HandshakeTerms
}

async function serve(situation: Situation = {}) {
  const { node = LEADER, leaseMs = 8_500, reads = {}, hasPlaces = true, handshakes = null } = situation
  const sources = statusSources({ node: () => node, leaseRemainingMs: () => leaseMs, hasPlaces: () => hasPlaces })
  const metrics = serverMetrics(sources, { proposals: () => 11 })
  const read = readSources(reads)
  const warnings: string[] = []
  const warn = (message: string) => void warnings.push(message)
  port = await HttpPort.open({
    listen: { host: '127.0.0.1', port: 0 },
    clock: new SystemClock(),
    sources,
    metrics,
    reads: read,
    access: httpAccess(),
    handshakes,
    warn,
  })
  const base = `http://127.0.0.1:${port.port}`
  const get = async (path: string, init?: RequestInit) => {
    const response = await fetch(base + path, init)
    return { status: response.status, type: response.headers.get('content-type'), body: await response.text() }
  }
  return { get, metrics, warnings, port: port.port, sources: read }
}

describe('over TLS', () => {
  const serveTls = async (isRequired: boolean) => {
    const authority = await Authority.create()
    const credentials = await credentialsOf(authority)
    const handshakes: HandshakeTerms = {
      clock: new SystemClock(),
      maxCount: 4,
      relays: null,
      tls: new TlsServer({ credentials, isRequired, firstBytes: 'client', needsCertificate: false }),
      firstByteMaxMs: 60_000,
      silentArePlain: false,
      failed: () => undefined,
    }
    const served = await serve({ handshakes })
    /** Two requests over one connection: it is kept as without TLS. */
    const getTwice = async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      const options = { port: served.port, host: '127.0.0.1', servername: 'localhost', ca: authority.cert, agent }
      const get = (path: string) =>
        new Promise<string>((resolve, reject) => {
          const asked = getHttps({ ...options, path }, (response) => {
            response.setEncoding('utf8').on('data', (text: string) => resolve(`${response.statusCode} ${text.trim()}`))
          })
          asked.on('error', reject)
        })
      const answers = [await get('/readyz'), await get('/healthz')]
      agent.destroy()
      return answers
    }
    return { ...served, getTwice }
  }

  it('answers, and not to plain text', async () => {
    const { get, getTwice } = await serveTls(true)
    expect(await getTwice()).toEqual(['200 ready', '200 ok'])
    await expect(get('/readyz')).rejects.toThrow('fetch failed')
  })

  it('answers both on one port, if both are let in', async () => {
    const { get, getTwice } = await serveTls(false)
    expect(await getTwice()).toEqual(['200 ready', '200 ok'])
    expect(await get('/readyz')).toMatchObject({ status: 200, body: 'ready\n' })
  })
})

describe('health and readiness', () => {
  it('is ready with a leader, caught up and in its lease', async () => {
    const { get } = await serve()
    expect(await get('/healthz')).toMatchObject({ status: 200, body: 'ok\n' })
    expect(await get('/readyz')).toMatchObject({ status: 200, body: 'ready\n' })
  })

  const unready: readonly [Situation, RegExp][] = [
    [{ node: null }, /not formed/],
    [{ node: { ...LEADER, leader: null } }, /no leader/],
    [{ node: { ...LEADER, commitIndex: 5_000 } }, /4951 entries behind/],
    [{ leaseMs: 0 }, /lease is not in force/],
  ]
  it.each(unready)('is healthy but not ready: %#', async (situation, reason) => {
    const { get } = await serve(situation)
    expect((await get('/healthz')).status).toBe(200)
    expect(await get('/readyz')).toMatchObject({ status: 503, body: expect.stringMatching(reason) })
  })
})

describe('reports', () => {
  it('has the status that .stats has', async () => {
    const { get } = await serve()
    const { type, body } = await get('/v1/status?pretty')
    expect(type).toBe('application/json')
    expect(JSON.parse(body)).toMatchObject({
      lock_count: 3,
      requests_count: 6,
      lock_acquired_count: 7,
      lock_not_acquired_count: 8,
      node: 'n1',
      role: 'leader',
      leader: 'n1',
      term: 7,
      commit: 50,
      applied: 49,
      lease: 8.5,
      progress: [{ node: 'n2', match: 40, lag: 12, active: true, learner: false }],
      members: [{ node: 'n1', address: 'h:2' }],
    })
    expect(JSON.parse((await get('/v1/members')).body)).toMatchObject([{ node: 'n1', role: 'voter', leader: true }])
  })

  it('shows metrics, those that are read and those that are counted', async () => {
    const { get, metrics } = await serve()
    metrics.leaderChanged()
    metrics.appended(3)
    const { body } = await get('/metrics')
    for (const line of [
      'tnl_raft_is_leader 1',
      'tnl_raft_term 7',
      'tnl_ready 1',
      'tnl_lease_remaining_seconds 8.5',
      'tnl_locks 3',
      'tnl_grants_total 7',
      'tnl_deadlock_searches_given_up_total 10',
      'tnl_raft_proposals_total 11',
      'tnl_raft_leader_changes_total 1',
      'tnl_log_append_seconds_bucket{le="0.005"} 1',
    ]) {
      expect(body.split('\n')).toContain(line)
    }
    expect(body).toContain('nodejs_eventloop_lag_seconds')
  })
})

describe('reads', () => {
  function bench(locks: number): Bench {
    const made = new Bench({ checkEachEntry: false })
    made.nodeUp('n1', 7)
    const holder = made.open('n1', 7, { clientId: 'me' })
    for (let request = 1; request <= locks; request += 1)
      made.lock(holder, request, `db/${1_000 + request}`, { wallMs: 4_000 })
    return made
  }

  it('shows who has what, a page at a time', async () => {
    const { machine } = bench(HTTP_LOCKS_MAX / 2)
    const { get } = await serve({ reads: { machine } })
    const read = async (path: string) => JSON.parse((await get(path)).body)
    const all = await read('/v1/locks')
    expect([all.locks.length, all.truncated, all.after]).toEqual([HTTP_LOCKS_MAX / 2, false, undefined])
    const [lock] = (await read('/v1/locks?match=db/1.01&prefix=db')).locks
    expect(lock).toMatchObject({
      name: 'db/1001',
      mode: 'exclusive',
      state: 'held',
      holder: 'me',
      since: 4,
      heldFor: 6,
    })
    expect(await read('/v1/locks/db/1001')).toMatchObject({
      kind: 'plain',
      holds: [{ token: lock.token }],
      waiterCount: 0,
    })
    expect(await read('/v1/locks/db%2F1001')).toMatchObject({ holdCount: 1 })
    expect(await read(`/v1/check?name=db/1001&token=${lock.token}`)).toMatchObject({ valid: true })
    expect(await read('/v1/check?name=db/1001&token=1')).toMatchObject({ valid: false })
    expect(await read('/v1/why/db/1001')).toMatchObject({ requestCount: 0, now: [{ kind: 'hold', token: lock.token }] })
    expect(await read('/v1/history/db/1001')).toEqual({ name: 'db/1001', ends: [] })
    expect(await read('/v1/sessions')).toMatchObject({ sessions: [{ client: 'me', node: 'n1' }], count: 1 })
    expect(await read('/v1/marks')).toEqual({ marks: [], count: 0, reserved: 0 })
    expect(await read('/v1/freezes')).toEqual({ freezes: [], count: 0 })
  })

  it('looks for a part of a name or of a holder, and for what is waited for, a few at a time', async () => {
    const made = bench(60)
    const other = made.open('n1', 7, { clientId: 'Web-7' })
    made.lock(other, 1, 'zone/a')
    made.lock(other, 2, 'db/1030', { waitMs: -1 })
    const { get } = await serve({ reads: { machine: made.machine } })
    const read = async (query: string) => JSON.parse((await get(`/v1/locks?${query}`)).body)
    const namesOf = async (query: string) => (await read(query)).locks.map(({ name }: { name: string }) => name)
    expect(await namesOf('search=B/103')).toEqual(Array.from({ length: 10 }, (_, i) => `db/${1_030 + i}`))
    expect(await namesOf('search=web-')).toEqual(['zone/a'])
    expect(await namesOf('contended=yes')).toEqual(['db/1030'])
    expect(await namesOf('contended=yes&search=zone')).toEqual([])
    const { locks, after } = await read('search=/10&limit=7')
    expect(locks).toHaveLength(7)
    expect(await namesOf(`search=/10&limit=7&after=${after}`)).toEqual(
      Array.from({ length: 7 }, (_, i) => `db/${1_008 + i}`),
    )
    expect((await get(`/v1/locks?search=${'x'.repeat(256)}`)).status).toBe(400)
    expect((await get('/v1/locks?limit=x')).status).toBe(400)
    expect((await read('limit=0')).locks).toHaveLength(1)
  })

  it('is busy while too many listings are under way, whoever asked for them', async () => {
    const { get, sources } = await serve({ reads: { machine: bench(3).machine } })
    const nothing = { line: () => undefined, end: () => undefined, most: 1, prefix: '', only: null, pattern: null }
    for (let i = 0; i < HTTP_LISTINGS_MAX_COUNT; i += 1) {
      // Each is of a reader that stands still.
      sources.reads.listings.begin({ unsentBytes: Number.POSITIVE_INFINITY }, { ...nothing, after: null })
    }
    expect(await get('/v1/locks')).toMatchObject({ status: 503, body: expect.stringContaining('busy') })
    sources.reads.listings.clear()
    expect((await get('/v1/locks')).status).toBe(200)
  })

  it('serves the dashboard under a policy that lets in nothing from elsewhere', async () => {
    const { port } = await serve()
    const response = await fetch(`http://127.0.0.1:${port}/`)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/)
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    // The sources have no script yet: it is there once it was built.
    expect((await fetch(`http://127.0.0.1:${port}/dashboard/dashboard.js`)).status).toBe(503)
  })

  it('cuts what is too much for one answer, and goes on behind it', async () => {
    const made = bench(HTTP_LOCKS_MAX - 1)
    for (const client of ['a', 'b']) made.lock(made.open('n1', 7, { clientId: client }), 1, `z/${client}`)
    const { get } = await serve({ reads: { machine: made.machine } })
    const { locks, truncated, after } = JSON.parse((await get('/v1/locks')).body)
    expect([locks.length, truncated, after]).toEqual([HTTP_LOCKS_MAX, true, `z/a@${locks.at(-1).token}`])
    const rest = JSON.parse((await get(`/v1/locks?after=${after}`)).body)
    expect(rest.locks).toMatchObject([{ name: 'z/b', holder: 'b' }])
  })

  it('cuts a page whose metadata would make it long', async () => {
    const made = bench(0)
    const holder = made.open('n1', 7)
    for (let request = 1; request <= 400; request += 1) {
      made.lock(holder, request, `long/${1_000 + request}`, { meta: 'm'.repeat(4_000) })
    }
    const { get } = await serve({ reads: { machine: made.machine } })
    const { locks, after } = JSON.parse((await get('/v1/locks')).body)
    expect(locks.length).toBeLessThan(300)
    const rest = JSON.parse((await get(`/v1/locks?after=${after}`)).body)
    expect(locks.length + rest.locks.length).toBe(400)
  })

  it('says 503 without a quorum, unless what is stale will do', async () => {
    const { get } = await serve({ reads: { outcome: 'unavailable', machine: bench(1).machine } })
    for (const path of ['/v1/locks', '/v1/locks/x', '/v1/check?name=x&token=1', '/v1/sessions']) {
      expect(await get(path)).toMatchObject({ status: 503, body: expect.stringContaining('no-quorum') })
    }
    expect(JSON.parse((await get('/v1/locks?stale=yes')).body).locks).toHaveLength(1)
  })

  it('says that a token is valid only while its node may speak', async () => {
    const { machine } = bench(1)
    const { get } = await serve({ reads: { machine, maySpeak: false } })
    const token = machine.holder('db/1001')?.token
    expect((await get(`/v1/check?name=db/1001&token=${token}`)).status).toBe(503)
    expect((await get('/v1/check?name=db/1001&token=1')).status).toBe(200)
  })

  it.each([
    ['/v1/check?name=x', 'bad-request'],
    ['/v1/check?name=.x&token=1', 'bad-name'],
    ['/v1/locks/%ff', 'bad-name'],
    ['/v1/locks?match=(', 'bad-request'],
    ['/v1/locks?prefix=%20', 'bad-request'],
    ['/v1/locks?match=(abcdefgh){200}', 'limit'],
    ['/v1/locks?after=x', 'bad-request'],
    ['/v1/sessions?after=x', 'bad-request'],
    ['/v1/why/x?session=x', 'bad-request'],
  ])('refuses %s', async (path, code) => {
    const { get } = await serve()
    const { status, body } = await get(path)
    expect([status, JSON.parse(body).error.code]).toEqual([400, code])
  })

  it('knows no other paths', async () => {
    const { get } = await serve()
    for (const path of ['/v1/', '/v1/who', '/v1/checks', '/v1/constructor', '/v1/sessions/x', '/v1/locksX']) {
      expect((await get(path)).status, path).toBe(404)
    }
    expect((await get('/v1/locks', { method: 'POST' })).status).toBe(405)
  })
})

describe('what does not fit', () => {
  it('is refused, and an error of our own is not the end', async () => {
    const { get, metrics, warnings } = await serve()
    metrics.registry.metrics = () => Promise.reject(new Error('broken'))
    expect((await get('/nothing')).status).toBe(404)
    expect((await get('/v1/status', { method: 'POST' })).status).toBe(405)
    expect((await get('/metrics')).status).toBe(500)
    expect(warnings).toEqual(['http /metrics: broken'])
    expect(await get('/healthz', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
  })
})

/** Unlike `once`, also when an error comes first: a server that has heard enough may reset. */
const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()))

describe('strangers at the port', () => {
  it('keep out nobody, however many say nothing', async () => {
    const { get, port } = await serve()
    const silent = Array.from({ length: 3 * HTTP_MAX_CONNECTIONS }, () => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      return socket
    })
    const dropped = silent.slice(0, HTTP_MAX_CONNECTIONS).map((socket) => closed(socket))
    await Promise.all(dropped)
    expect(await get('/readyz')).toMatchObject({ status: 200 })
    for (const socket of silent) socket.destroy()
  })

  const NONSENSE = [
    'GET / HTTP/9.9\r\n\r\n',
    'lock,name:x\n',
    '\0\0\0\0',
    'GET /%zz?%00 HTTP/1.1\r\nHost: a\r\n\r\n',
    'POST /v1/locks HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n',
    'GET /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    'CONNECT other:80 HTTP/1.1\r\nHost: other\r\n\r\n',
    'GET /v1/status HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    `GET /${'x'.repeat(100_000)} HTTP/1.1\r\n\r\n`,
    `GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(10_000)}\r\n`,
  ]
  it.each(NONSENSE.map((text) => [text.slice(0, 40), text]))('%j disturbs nobody', async (_, text) => {
    const { get, port } = await serve()
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    socket.end(text)
    await closed(socket)
    expect(await get('/healthz')).toMatchObject({ status: 200, body: 'ok\n' })
  })

  it('may be gone before their answer', async () => {
    const { get, port } = await serve()
    for (const path of ['/metrics', '/v1/status']) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`, () => socket.resetAndDestroy())
      await closed(socket)
    }
    expect(await get('/healthz')).toMatchObject({ status: 200 })
  })
})

describe('/readyz of a full node', () => {
  it('says that all places for clients are taken', async () => {
    const { get } = await serve({ hasPlaces: false })
    expect(await get('/readyz')).toMatchObject({ status: 503, body: 'all places for clients are taken\n' })
  })
})
