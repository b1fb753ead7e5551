import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { NodeStatus } from '../../../src/raft/node/node-api.js'
import { HttpPort, type LockReport } from '../../../src/server/http/http-port.js'
import { ServerMetrics } from '../../../src/server/http/metrics.js'
import { HTTP_LOCKS_MAX, HTTP_MAX_CONNECTIONS } from '../../../src/server/limits.js'
import { LEADER, statusSources } from '../../kit/status-sources.js'

let port: HttpPort | null = null
afterEach(async () => {
  await port?.close()
  port = null
})

interface Situation {
  node?: NodeStatus | null
  leaseMs?: number
  locks?: () => Iterable<LockReport>
  hasPlaces?: boolean
}

async function serve({ node = LEADER, leaseMs = 8_500, locks = () => [], hasPlaces = true }: Situation = {}) {
  const sources = statusSources({ node: () => node, leaseRemainingMs: () => leaseMs, hasPlaces: () => hasPlaces })
  const counted = { proposals: () => 11, dropped: () => 0, ignored: () => 0, level: () => 1 }
  const metrics = new ServerMetrics(sources, counted)
  const warnings: string[] = []
  const warn = (message: string) => void warnings.push(message)
  port = await HttpPort.open({ listen: { host: '127.0.0.1', port: 0 }, sources, metrics, locks, warn })
  const base = `http://127.0.0.1:${port.port}`
  const get = async (path: string, init?: RequestInit) => {
    const response = await fetch(base + path, init)
    return { status: response.status, type: response.headers.get('content-type'), body: await response.text() }
  }
  return { get, metrics, warnings, port: port.port }
}

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

  it('shows the first locks of very many', async () => {
    function* endless(): Generator<LockReport> {
      for (let token = 1; ; token += 1)
        yield { name: `l${token}`, token, session: 1, holder: 'c', since: 0, waiters: 0 }
    }
    const { get } = await serve({ locks: endless })
    const { locks, truncated } = JSON.parse((await get('/v1/locks')).body)
    expect({ count: locks.length, truncated }).toEqual({ count: HTTP_LOCKS_MAX, truncated: true })
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

describe('what does not fit', () => {
  it('is refused, and an error of our own is not the end', async () => {
    const { get, warnings } = await serve({
      locks: () => {
        throw new Error('broken')
      },
    })
    expect((await get('/nothing')).status).toBe(404)
    expect((await get('/v1/status', { method: 'POST' })).status).toBe(405)
    expect((await get('/v1/locks')).status).toBe(500)
    expect(warnings).toEqual(['http /v1/locks: broken'])
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
