/** Requests that no browser sends, over real connections: each is answered or refused, and the port serves on. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { sha256 } from '../../../src/digest.js'
import type { Clock } from '../../../src/platform.js'
import { readAuth } from '../../../src/server/access/auth-schema.js'
import { HttpPort } from '../../../src/server/http/http-port.js'
import { SystemClock } from '../../../src/server/system-clock.js'
import { AccessControl } from '../../../src/service/access/access-control.js'
import { FailedAttempts } from '../../../src/service/access/failed-attempts.js'
import { FilePolicy } from '../../../src/service/access/file-policy.js'
import { openPolicy } from '../../../src/service/access/open-policy.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { httpAccess } from '../../kit/http-access.js'
import { readSources } from '../../kit/read-sources.js'
import { serverMetrics } from '../../kit/server-metrics.js'
import { statusSources } from '../../kit/status-sources.js'
import { type Area, Finding, Trail } from '../area.js'
import { damaged, freeText, nameText, numberText } from '../values.js'

const REQUESTS = 40
const ANSWER_TIMEOUT_MS = 5_000

const SOURCES = statusSources()

const PATHS = [
  '/',
  '/healthz',
  '/readyz',
  '/metrics',
  '/v1/status',
  '/v1/locks',
  '/v1/members',
  '/v1/locks/a',
  '/v1/check',
  '/v1/check?name=a&token=1',
  '/v1/why/a',
  '/v1/history/a',
  '/v1/sessions',
  '/v1/marks',
  '/v1/freezes',
  '/v1/locks?search=a&contended=yes&limit=3',
  '/v1/events?since=x',
  '/dashboard/dashboard.css',
]
const METHODS = [
  'GET',
  'GET',
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'PRI',
  'get',
  'G E T',
  '',
  'CONNECT',
]

function path(random: SeededRandom): string {
  const known = random.pick(PATHS)
  if (random.chance(0.4)) return known
  return random.pick([
    ...[
      `${known}?${freeText(random)}`,
      `${known}/${nameText(random)}`,
      `${known}/../..`,
      `//${known}`,
      `http://x${known}`,
    ],
    ...[
      `*`,
      '',
      '?',
      '#',
      `${known}%00`,
      `${known}/%2e%2e/%2e%2e/etc/passwd`,
      '/__proto__',
      '/constructor',
      '\\',
      'x'.repeat(9_000),
    ],
    ...[`${known}?stale=${freeText(random)}`, `${known}?prefix=${nameText(random)}&since=${numberText(random)}`],
  ])
}

const TOKEN = 'tnl_0000000000000000000000000000000000000000000'
/** Whoever has it sees a part of what there is. */
const AUTH = `identities: { team: { tokens: ['sha256:${sha256(TOKEN).toString('hex')}'], may: { 'a': see } } }`
const POLICIES = [openPolicy('this machine', false), policyOf(AUTH)] as const

function policyOf(text: string): FilePolicy {
  const read = readAuth(text)
  if ('problems' in read) throw new Error(JSON.stringify(read.problems))
  return new FilePolicy(read.data, false)
}

function header(random: SeededRandom): string {
  if (random.chance(0.3)) {
    return random.pick([
      `Authorization: Bearer ${TOKEN}`,
      `Authorization: bearer  ${TOKEN} `,
      `Authorization: Bearer ${TOKEN}x`,
      `Authorization: Bearer ${freeText(random)}`,
      `Authorization: Basic ${freeText(random)}`,
      `Authorization: Bearer ${TOKEN}\r\nAuthorization: Bearer x`,
      'Authorization:',
      `Host: ${random.pick(['localhost', '127.0.0.1:1', '[::1]', 'evil.example', freeText(random)])}`,
    ])
  }
  return random.pick([
    ...[
      'Host: x',
      'Host:',
      'Host: a\r\nHost: b',
      'Connection: close',
      'Connection: upgrade\r\nUpgrade: h2c',
      'Expect: 100-continue',
    ],
    ...[`Content-Length: ${numberText(random)}`, 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked, chunked'],
    ...[
      'Content-Length: 5\r\nTransfer-Encoding: chunked',
      `X: ${'y'.repeat(random.pick([100, 20_000]))}`,
      ' folded: x',
      'no colon',
    ],
    ...[
      `Range: bytes=0-${numberText(random)}`,
      `Accept: ${freeText(random)}`,
      'If-None-Match: *',
      `Cookie: ${freeText(random)}`,
    ],
  ])
}

function request(random: SeededRandom): Buffer {
  const version = random.pick(['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', '', 'TNL'])
  const headers = Array.from({ length: random.int(5) }, () => header(random))
  if (random.chance(0.7)) headers.unshift('Host: localhost')
  const body = random.chance(0.2)
    ? random.pick(['0\r\n\r\n', 'ffffffffffffffffff\r\nx', '5\r\nhello\r\n0\r\n\r\n', freeText(random)])
    : ''
  const text = `${random.pick(METHODS)} ${path(random)} ${version}\r\n${headers.join('\r\n')}\r\n\r\n${body}`
  const bytes = Buffer.from(text, random.chance(0.5) ? 'utf8' : 'latin1')
  return random.chance(0.2) ? Buffer.from(damaged(random, bytes)) : bytes
}

/** Wrong tokens wait for nothing: what is tried is not the waiting. */
const AT_ONCE: Pick<Clock, 'after'> = {
  after: (_, run) => {
    const handle = setImmediate(run)
    return { cancel: () => clearImmediate(handle) }
  },
}

class HttpArea implements Area {
  readonly name = 'http'
  readonly what = 'requests over real connections, as no browser sends them'
  #port: HttpPort | null = null
  readonly #reads = readSources()
  /** What escaped from the server's own code. */
  readonly #escaped: unknown[] = []
  readonly #warnings: string[] = []
  readonly #leaks: string[] = []
  readonly #control = new AccessControl(POLICIES[0])
  readonly #onEscape = (error: unknown): void => void this.#escaped.push(error)

  async play(seed: number): Promise<number> {
    const random = new SeededRandom(seed)
    const trail = new Trail(5)
    const { port } = await this.#opened()
    this.#control.replace(random.pick(POLICIES))
    const requests = Array.from({ length: REQUESTS }, () => request(random))
    for (const bytes of requests) trail.add(bytes.toString('latin1'))
    await Promise.all(requests.map((bytes) => this.#send(port, bytes)))
    const [escaped] = this.#escaped.splice(0)
    if (escaped !== undefined) throw new Finding(`escaped: ${String(escaped)}`, trail.lines, { cause: escaped })
    const [warning] = this.#warnings.splice(0)
    if (warning !== undefined) throw new Finding(`a request was an error of our own: ${warning}`, trail.lines)
    const [leak] = this.#leaks.splice(0)
    if (leak !== undefined) throw new Finding(`an answer repeats a token: ${leak}`, trail.lines)
    const health = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) })
    if (health.status !== 200) throw new Finding(`/healthz says ${health.status}`, trail.lines)
    return REQUESTS
  }

  async close(): Promise<void> {
    process.off('unhandledRejection', this.#onEscape)
    process.off('uncaughtException', this.#onEscape)
    await this.#port?.close()
    this.#port = null
    this.#reads.reads.stop()
  }

  async #opened(): Promise<HttpPort> {
    if (this.#port !== null) return this.#port
    process.on('unhandledRejection', this.#onEscape)
    process.on('uncaughtException', this.#onEscape)
    const metrics = serverMetrics(SOURCES)
    const listen = { host: '127.0.0.1', port: 0 }
    const warn = (message: string): void => void this.#warnings.push(message)
    this.#port = await HttpPort.open({
      listen,
      clock: new SystemClock(),
      sources: SOURCES,
      metrics,
      reads: this.#reads,
      access: httpAccess({ access: this.#control, failedAttempts: new FailedAttempts(AT_ONCE) }),
      warn,
    })
    return this.#port
  }

  /** Half-closes after the request, so that one without an end is not waited for. */
  async #send(port: number, bytes: Buffer): Promise<void> {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
    })
    socket.end(bytes)
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy())
    await once(socket, 'close').catch(() => {})
    if (answer.includes(TOKEN)) this.#leaks.push(answer.slice(0, 200))
  }
}

export const http: Area = new HttpArea()
