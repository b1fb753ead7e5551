/** Who is told what over HTTP. */
import { request } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { sha256 } from '../../../src/digest.js'
import { readAuth } from '../../../src/server/access/auth-schema.js'
import type { HttpAccess } from '../../../src/server/http/http-access.js'
import { HttpPort } from '../../../src/server/http/http-port.js'
import { SystemClock } from '../../../src/server/system-clock.js'
import { AccessControl } from '../../../src/service/access/access-control.js'
import type { AuditRecord } from '../../../src/service/access/audit.js'
import { FailedAttempts } from '../../../src/service/access/failed-attempts.js'
import { FilePolicy } from '../../../src/service/access/file-policy.js'
import { httpAccess } from '../../kit/http-access.js'
import { readSources } from '../../kit/read-sources.js'
import { serverMetrics } from '../../kit/server-metrics.js'
import { statusSources } from '../../kit/status-sources.js'
import { Bench } from '../../locks/harness.js'

let port: HttpPort | null = null
afterEach(async () => {
  await port?.close()
  port = null
})

async function serve(access: HttpAccess) {
  const bench = new Bench({ checkEachEntry: false })
  bench.nodeUp('n1', 1)
  const session = bench.open('n1', 1)
  for (const [at, name] of ['team/a', 'team/secret/b', 'other'].entries()) bench.lock(session, at + 1, name)
  const sources = statusSources()
  port = await HttpPort.open({
    listen: { host: '127.0.0.1', port: 0 },
    clock: new SystemClock(),
    sources,
    metrics: serverMetrics(sources),
    reads: readSources({ machine: bench.machine }),
    access,
    warn: (message) => expect.fail(message),
  })
  const base = `http://127.0.0.1:${port.port}`
  return async (path: string, token?: string, headers: Record<string, string> = {}) => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const response = await fetch(base + path, { headers: { ...authorization, ...headers } })
    return { status: response.status, body: await response.text(), headers: response.headers }
  }
}

const TOKENS = { all: 'tnl_all', team: 'tnl_team', none: 'tnl_none' } as const
const AUTH = (all: string = TOKENS.all) => `
identities:
  all: { tokens: ['sha256:${sha256(all).toString('hex')}'], may: { '': see } }
  team:
    tokens: ['sha256:${sha256(TOKENS.team).toString('hex')}']
    may: { 'team/': see, 'team/secret/': lock }
  none: { tokens: ['sha256:${sha256(TOKENS.none).toString('hex')}'], may: { '': lock } }
`

function policyOf(text: string): FilePolicy {
  const read = readAuth(text)
  if ('problems' in read) throw new Error(JSON.stringify(read.problems))
  return new FilePolicy(read.data, false)
}

function guarded() {
  const audited: AuditRecord[] = []
  const control = new AccessControl(policyOf(AUTH()))
  // Whoever shows a wrong token is answered when the test says so.
  const late: (() => void)[] = []
  const failedAttempts = new FailedAttempts({
    after: (_, run) => {
      late.push(run)
      return { cancel: () => undefined }
    },
  })
  const audit = { wantsGrants: false, record: (record: AuditRecord) => void audited.push(record) }
  return { audited, control, late, access: httpAccess({ access: control, audit, failedAttempts }) }
}

const DATA = [
  ...['/metrics', '/v1/status', '/v1/members', '/v1/locks', '/v1/locks/other', '/v1/why/other', '/v1/history/other'],
  ...['/v1/check?name=other&token=1', '/v1/sessions', '/v1/marks', '/v1/freezes', '/v1/events', '/dashboard/feed'],
]
const OPEN = ['/', '/healthz', '/readyz', '/dashboard/icon.svg']

describe('with an auth file', () => {
  it('whoever shows nothing gets what has no data in it, and nothing else', async () => {
    const { access, audited } = guarded()
    const get = await serve(access)
    for (const path of OPEN) expect((await get(path)).status, path).not.toBe(401)
    for (const path of DATA) {
      const { status, body, headers } = await get(path)
      expect(status, path).toBe(401)
      expect(headers.get('www-authenticate')).toBe('Bearer realm="tcpnetlock"')
      expect(JSON.parse(body)).toEqual({
        error: { code: 'unauthorized', message: expect.stringContaining('may not see') },
      })
    }
    expect(audited.map(({ action }) => action)).toEqual(DATA.map((path) => `GET ${path.replace(/\?.*/, '')}`))
    expect(audited.every(({ result, caller }) => result === 'refused' && caller.id === '')).toBe(true)
  })

  it('whoever may see nothing is told that it is known and may not', async () => {
    const { access, audited } = guarded()
    const get = await serve(access)
    for (const path of DATA) expect((await get(path, TOKENS.none)).status, path).toBe(403)
    expect(audited).toHaveLength(DATA.length)
  })

  it.each(['Bearer', 'bearer two words', 'Bearer   '])('%j is a wrong token, and not none', async (authorization) => {
    const { access, late } = guarded()
    const get = await serve(access)
    const answer = get('/v1/locks', undefined, { authorization })
    while (late.length === 0) await new Promise(setImmediate)
    late[0]?.()
    expect((await answer).body).toContain('auth: this token is not known here')
  })

  it('a wrong token is answered late, and stands nowhere', async () => {
    const { access, audited, late } = guarded()
    const get = await serve(access)
    const answer = get('/v1/locks', 'tnl_wrong')
    while (late.length === 0) await new Promise(setImmediate)
    expect(audited).toHaveLength(1)
    late[0]?.()
    const { status, body } = await answer
    expect(status).toBe(401)
    expect(body + JSON.stringify(audited)).not.toContain('tnl_wrong')
    expect(body).toContain('auth: this token is not known here')
  })

  it('whoever sees all is told all', async () => {
    const get = await serve(guarded().access)
    for (const path of DATA.slice(0, -2)) expect((await get(path, TOKENS.all)).status, path).toBe(200)
    expect(JSON.parse((await get('/v1/locks', TOKENS.all)).body).locks).toHaveLength(3)
    expect(JSON.parse((await get('/v1/status', TOKENS.all)).body)).toMatchObject({ lock_count: 3, waiters: 5 })
    expect((await get('/metrics', TOKENS.all)).body).toMatch(/^tnl_locks 3$/m)
  })

  it('whoever sees some names is told of those, and no numbers of others', async () => {
    const get = await serve(guarded().access)
    const names = async (path: string) =>
      JSON.parse((await get(path, TOKENS.team)).body).locks.map(({ name }: { name: string }) => name)
    expect(await names('/v1/locks')).toEqual(['team/a'])
    expect(await names('/v1/locks?match=.*')).toEqual(['team/a'])
    expect(await names('/v1/locks?search=b')).toEqual([])
    for (const path of ['/v1/locks/', '/v1/why/', '/v1/history/']) {
      expect((await get(`${path}team/a`, TOKENS.team)).status).toBe(200)
      // Whether there is such a lock makes no difference.
      const [there, free] = [await get(`${path}other`, TOKENS.team), await get(`${path}others`, TOKENS.team)]
      expect([there.status, free.status]).toEqual([403, 403])
      expect(there.body).toBe(free.body.replaceAll('others', 'other'))
    }
    expect((await get('/v1/check?name=team/secret/b&token=1', TOKENS.team)).status).toBe(403)
    expect((await get('/v1/events?prefix=team/', TOKENS.team)).status).toBe(403)
    const status = JSON.parse((await get('/v1/status', TOKENS.team)).body)
    expect([status.lock_count, status.waiters, status.node]).toEqual([undefined, undefined, 'n1'])
    const metrics = (await get('/metrics', TOKENS.team)).body
    expect(metrics).not.toMatch(/^tnl_(?:locks|waiters|contended_locks) /m)
    expect(metrics).toMatch(/^tnl_connections 9$/m)
  })

  it('streams end when something else is allowed, and whoever was cut off is asked again', async () => {
    const { access, control, late } = guarded()
    await serve(access)
    const watch = () =>
      new Promise<number>((resolve, reject) => {
        const headers = { authorization: `Bearer ${TOKENS.all}` }
        const asked = request({ port: port?.port, path: '/v1/events', headers }, (response) => {
          response.on('close', () => resolve(response.statusCode ?? 0))
          response.on('error', () => undefined)
          response.resume()
          control.replace(policyOf(AUTH('tnl_another')))
        })
        asked.on('error', reject)
        asked.end()
      })
    expect(await watch()).toBe(200)
    // The same token opens nothing any more, and is answered late.
    void watch().catch(() => undefined)
    while (late.length === 0) await new Promise(setImmediate)
    late[0]?.()
  })
})

describe('without an auth file', () => {
  it('a port of this machine answers what was asked of this machine', async () => {
    const access = httpAccess()
    await serve(access)
    const statusFor = (host: string, path = '/v1/locks') =>
      new Promise<number>((resolve, reject) => {
        const asked = request({ port: port?.port, path, headers: { host } }, (response) => {
          response.resume()
          resolve(response.statusCode ?? 0)
        })
        asked.on('error', reject)
        asked.end()
      })
    const own = ['localhost', 'LOCALHOST:7656', '127.0.0.1:80', '[::1]:7656', '10.1.2.3', 'n1.example', 'N1.example:1']
    for (const host of own) expect(await statusFor(host), host).toBe(200)
    const strange = ['evil.example', 'localhost.evil.example', 'n1.example.evil:7656', '127.0.0.1.evil', 'x y', 'a:b:c']
    for (const host of strange)
      for (const path of ['/v1/locks', '/', '/healthz']) {
        expect(await statusFor(host, path), host).toBe(421)
      }
  })

  it('pages from elsewhere get nothing, and hold no stream; a link to the dashboard leads there', async () => {
    const get = await serve(httpAccess())
    // `fetch` sends no such headers of its own, as a browser does.
    const page = (site: string, dest: string) => ({ 'sec-fetch-site': site, 'sec-fetch-dest': dest })
    for (const dest of ['empty', 'script', 'iframe']) {
      for (const path of ['/v1/events', '/dashboard/feed', '/v1/locks', '/'])
        expect((await get(path, undefined, page('cross-site', dest))).status, dest).toBe(403)
    }
    expect((await get('/healthz', undefined, page('cross-site', 'document'))).status).toBe(200)
    expect((await get('/v1/locks', undefined, page('same-origin', 'empty'))).status).toBe(200)
    expect((await get('/v1/locks', undefined, page('none', 'document'))).status).toBe(200)
  })

  it('tokens are not looked at: clients may have theirs before the nodes have the file', async () => {
    const get = await serve(httpAccess())
    expect((await get('/v1/locks', 'tnl_anything')).status).toBe(200)
    expect((await get('/v1/locks', undefined, { authorization: 'Basic YTpi' })).status).toBe(200)
  })
})
