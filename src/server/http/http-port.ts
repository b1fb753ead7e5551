import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { HostPort } from '../../address.js'
import type { Clock } from '../../platform.js'
import { buildStatus, type StatusSources, whyNotReady } from '../../service/status.js'
import { Handshakes, type HandshakeTerms } from '../../sockets/handshakes.js'
import { type AssetName, asset } from '../dashboard/assets.js'
import { DashboardFeed } from '../dashboard/feed.js'
import { makeOverview } from '../dashboard/overview.js'
import {
  HTTP_CHECK_INTERVAL_MS,
  HTTP_MAX_CONNECTIONS,
  HTTP_REQUEST_TIMEOUT_MS,
  HTTP_STREAMS_MAX_COUNT,
  REQUEST_ID_BYTES,
} from '../limits.js'
import { bindError, listenOn } from '../sockets/listen.js'
import { systemRandom } from '../system-random.js'
import { type Answer, failure, json, text } from './answers.js'
import { EventStream } from './event-stream.js'
import type { Asker, HttpAccess } from './http-access.js'
import type { ServerMetrics } from './metrics.js'
import { type ReadSources, type Route, readRoute } from './read-routes.js'
import { metricsFor, statusFor } from './shown-to.js'
import { type Feeding, type StreamRoute, watchRoute } from './stream-routes.js'

type Find = () => Answer | Feeding | Promise<Answer | Feeding>

export interface HttpOptions {
  readonly listen: HostPort
  readonly clock: Clock
  readonly sources: StatusSources
  readonly metrics: ServerMetrics
  readonly reads: ReadSources
  readonly access: HttpAccess
  /** What comes before a request; null or left out: nothing. */
  readonly handshakes?: HandshakeTerms | null
  /** An answer failed for a reason of our own. */
  warn(message: string, facts?: { readonly request: string }): void
}

/** Health, status, metrics, what can be read of locks, and the dashboard: everything here is read-only. */
export class HttpPort {
  readonly #server: Server
  /** From the oldest. */
  readonly #sockets = new Set<Socket>()
  /** For everybody. */
  readonly #openRoutes: ReadonlyMap<string, () => Answer | Promise<Answer>>
  readonly #routes: ReadonlyMap<string, Route>
  readonly #streamRoutes: ReadonlyMap<string, StreamRoute>
  /** One for all those who see the same. */
  readonly #feeds = new Map<string, DashboardFeed>()
  readonly #reads: ReadSources
  readonly #warn: HttpOptions['warn']
  readonly #streams = new Set<EventStream>()
  /** Their connections. */
  readonly #streaming = new Set<Socket>()
  readonly #strangers: Handshakes | null
  #boundPort = 0

  private constructor(private readonly options: HttpOptions) {
    const { reads } = options
    this.#openRoutes = openRoutesOf(options)
    this.#routes = routesOf(options)
    this.#streamRoutes = new Map<string, StreamRoute>([
      ['/v1/events', watchRoute(reads)],
      ['/dashboard/feed', async (_query, _last, asker) => (stream) => this.#showOverview(stream, asker)],
    ])
    this.#reads = reads
    this.#warn = (message, facts) => options.warn(message, facts)
    const timeouts = { requestTimeout: HTTP_REQUEST_TIMEOUT_MS, headersTimeout: HTTP_REQUEST_TIMEOUT_MS }
    this.#server = createServer(
      { ...timeouts, connectionsCheckingInterval: HTTP_CHECK_INTERVAL_MS },
      (request, response) => void this.#answer(request, response),
    )
    this.#server.on('connection', (socket) => this.#makeRoom(socket))
    // Whoever may still look asks again, and is asked again who it is.
    options.access.onChange(() => {
      for (const stream of this.#streams) stream.drop()
    })
    this.#strangers = options.handshakes == null ? null : handshakesBefore(this.#server, options.handshakes)
  }

  /** Throws UsageError when the address cannot be bound. */
  static async open(options: HttpOptions): Promise<HttpPort> {
    const port = new HttpPort(options)
    try {
      port.#boundPort = await listenOn(port.#server, options.listen)
    } catch (error) {
      throw bindError('--http', options.listen, error)
    }
    return port
  }

  get port(): number {
    return this.#boundPort
  }

  /** Also ends open connections: a scraper must not hold up a stop. */
  close(): Promise<void> {
    for (const feed of this.#feeds.values()) feed.stop()
    this.#strangers?.close()
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  /**
   * The oldest connection goes: strangers who open many and say nothing must not keep out the probe of a load balancer. Nor must
   * they cut off whoever was let in to look: of streams there are fewer than of connections.
   */
  #makeRoom(socket: Socket): void {
    const oldest = [...this.#sockets].find((other) => !this.#streaming.has(other))
    if (oldest !== undefined && this.#sockets.size >= HTTP_MAX_CONNECTIONS) {
      this.#sockets.delete(oldest)
      oldest.destroy()
    }
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const found = await this.#find(request)
    // It may have gone meanwhile.
    if (response.destroyed) return
    if (typeof found === 'function') this.#stream(request, response, found)
    else say(request, response, found)
  }

  async #find(request: IncomingMessage): Promise<Answer | Feeding> {
    const { path, query } = partsOf(request.url ?? '/')
    const find = this.#finder(path, query, request)
    const misdirected = this.options.access.misdirected(request)
    if (misdirected !== null) return misdirected
    if (find === null) return text(404, 'there is nothing at this path')
    if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'only GET and HEAD')
    try {
      return await find()
    } catch (error) {
      // Whoever shows this answer to an operator shows which line of the log it is.
      const id = Buffer.from(systemRandom.bytes(REQUEST_ID_BYTES)).toString('hex')
      this.#warn(`http ${path}: ${error instanceof Error ? error.message : String(error)}`, { request: id })
      return text(500, `internal error (request ${id}, in the log of this node)`)
    }
  }

  /** Null: there is nothing at this path. */
  #finder(path: string, query: URLSearchParams, request: IncomingMessage): Find | null {
    const open = this.#openRoutes.get(path)
    if (open !== undefined) return open
    const stream = this.#streamRoutes.get(path)
    if (stream !== undefined) {
      const last = request.headers['last-event-id']
      return this.#admitted(request, path, (asker) => stream(query, typeof last === 'string' ? last : null, asker))
    }
    const route = this.#routes.get(path) ?? readRoute(path)
    return route === null ? null : this.#admitted(request, path, (asker) => route(query, this.#reads, asker))
  }

  #showOverview(stream: EventStream, { audience, visible }: Asker): () => void {
    const { clock, sources: status, reads } = this.options
    const shown = { status, reads: reads.reads, wallNow: () => reads.wallNow() }
    const feed = this.#feeds.get(audience) ?? new DashboardFeed(clock, (done) => makeOverview(shown, visible, done))
    this.#feeds.set(audience, feed)
    const end = feed.add(stream)
    return () => {
      end()
      if (feed.count === 0) this.#feeds.delete(audience)
    }
  }

  /** What only those are answered who may see something. */
  #admitted(
    request: IncomingMessage,
    path: string,
    find: (asker: Asker) => Answer | Feeding | Promise<Answer | Feeding>,
  ): Find {
    const { access } = this.options
    const what = `${request.method ?? 'GET'} ${path}`
    return async () => {
      const asker = await access.identify(request, what)
      if ('status' in asker) return asker
      return access.refusalOfSight(asker, request, what) ?? find(asker)
    }
  }

  #stream(request: IncomingMessage, response: ServerResponse, feeding: Feeding): void {
    if (request.method === 'HEAD') {
      say(request, response, { status: 200, type: 'text/event-stream', body: '' })
    } else if (this.#streams.size >= HTTP_STREAMS_MAX_COUNT) {
      say(request, response, failure(503, 'limit', `at most ${HTTP_STREAMS_MAX_COUNT} event streams at a node`))
    } else {
      const stream = new EventStream(response, this.options.clock)
      const { socket } = request
      this.#streams.add(stream)
      this.#streaming.add(socket)
      const end = feeding(stream)
      stream.onceClosed(() => {
        this.#streams.delete(stream)
        this.#streaming.delete(socket)
        end()
      })
    }
  }
}

/** What listens for connections hears of each when it is ready to be read, and of no other. */
function handshakesBefore(server: Server, terms: HandshakeTerms): Handshakes {
  const listeners = server.listeners('connection')
  const strangers = new Handshakes(terms, ({ socket }) => {
    for (const listener of listeners) listener.call(server, socket)
  })
  server.removeAllListeners('connection')
  server.on('connection', (tcp) => strangers.accept(tcp))
  return strangers
}

function say({ method }: IncomingMessage, response: ServerResponse, { status, type, body, headers }: Answer): void {
  response.writeHead(status, {
    'content-type': type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  })
  response.end(method === 'HEAD' ? '' : body)
}

function partsOf(url: string): { readonly path: string; readonly query: URLSearchParams } {
  const end = url.indexOf('?')
  if (end < 0) return { path: url, query: new URLSearchParams() }
  return { path: url.slice(0, end), query: new URLSearchParams(url.slice(end + 1)) }
}

/** A page without data, and what balancers ask. */
function openRoutesOf({ sources }: HttpOptions): ReadonlyMap<string, () => Answer | Promise<Answer>> {
  const page = (name: AssetName) => () => asset(name)
  return new Map<string, () => Answer | Promise<Answer>>([
    ['/', page('index.html')],
    ['/dashboard/dashboard.css', page('dashboard.css')],
    ['/dashboard/dashboard.js', page('dashboard.js')],
    ['/dashboard/icon.svg', page('icon.svg')],
    ['/healthz', () => text(200, 'ok')],
    ['/readyz', () => readiness(sources)],
  ])
}

function routesOf({ sources, metrics }: HttpOptions): ReadonlyMap<string, Route> {
  return new Map<string, Route>([
    ['/v1/status', (_query, _reads, asker) => json(statusFor(asker.visible, buildStatus(sources)))],
    ['/v1/members', () => json(sources.members())],
    [
      '/metrics',
      async (_query, _reads, asker) => {
        const body = metricsFor(asker, await metrics.text(), metrics.labels)
        return { status: 200, type: metrics.registry.contentType, body }
      },
    ],
  ])
}

function readiness(sources: StatusSources): Answer {
  const reason = whyNotReady(sources)
  return reason === null ? text(200, 'ready') : text(503, reason)
}
