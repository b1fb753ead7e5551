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
import { HTTP_TOKEN, httpRequest } from '../http-grammar.js'
import { cameTrue } from '../own-time.js'

const REQUESTS = 40
const ANSWER_TIMEOUT_MS = 5_000

const SOURCES = statusSources()

const AUTH = `identities: { team: { tokens: ['sha256:${sha256(HTTP_TOKEN).toString('hex')}'], may: { 'a': see } } }`
const POLICIES = [openPolicy('this machine', false), policyOf(AUTH)] as const

function policyOf(text: string): FilePolicy {
  const read = readAuth(text)
  if ('problems' in read) throw new Error(JSON.stringify(read.problems))
  return new FilePolicy(read.data, false)
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
  readonly through = 'sockets'
  #port: HttpPort | null = null
  readonly #reads = readSources()
  readonly #warnings: string[] = []
  readonly #leaks: string[] = []
  readonly #control = new AccessControl(POLICIES[0])

  async play(seed: number): Promise<number> {
    const random = new SeededRandom(seed)
    const trail = new Trail(5)
    const { port } = await this.#opened()
    this.#control.replace(random.pick(POLICIES))
    const requests = Array.from({ length: REQUESTS }, () => httpRequest(random))
    for (const bytes of requests) trail.add(bytes.toString('latin1'))
    await Promise.all(requests.map((bytes) => this.#send(port, bytes)))
    const [warning] = this.#warnings.splice(0)
    if (warning !== undefined) throw new Finding(`a request was an error of our own: ${warning}`, trail.lines)
    const [leak] = this.#leaks.splice(0)
    if (leak !== undefined) throw new Finding(`an answer repeats a token: ${leak}`, trail.lines)
    const isHealthy = () => statusOf(`http://127.0.0.1:${port}/healthz`).then((status) => status === 200)
    if (!(await cameTrue(isHealthy, ANSWER_TIMEOUT_MS))) throw new Finding('/healthz does not say 200', trail.lines)
    return REQUESTS
  }

  async close(): Promise<void> {
    await this.#port?.close()
    this.#port = null
    this.#reads.reads.stop()
  }

  async #opened(): Promise<HttpPort> {
    if (this.#port !== null) return this.#port
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
    if (answer.includes(HTTP_TOKEN)) this.#leaks.push(answer.slice(0, 200))
  }
}

/** 0: no answer in time. */
const statusOf = (url: string): Promise<number> =>
  fetch(url, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) }).then(
    ({ status }) => status,
    () => 0,
  )

export const http: Area = new HttpArea()
