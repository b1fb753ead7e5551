import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { HostPort } from '../../address.js'
import { buildStatus, type StatusSources, whyNotReady } from '../../service/status.js'
import { HTTP_CHECK_INTERVAL_MS, HTTP_MAX_CONNECTIONS, HTTP_REQUEST_TIMEOUT_MS } from '../limits.js'
import { bindError, listenOn } from '../sockets/listen.js'
import { type Answer, json, text } from './answers.js'
import type { ServerMetrics } from './metrics.js'
import { type ReadSources, type Route, readRoute } from './read-routes.js'

export interface HttpOptions {
  readonly listen: HostPort
  readonly sources: StatusSources
  readonly metrics: ServerMetrics
  readonly reads: ReadSources
  /** An answer failed for a reason of our own. */
  warn(message: string): void
}

/** Health, status and metrics: everything here is read-only. */
export class HttpPort {
  readonly #server: Server
  /** From the oldest. */
  readonly #sockets = new Set<Socket>()
  readonly #routes: ReadonlyMap<string, Route>
  readonly #reads: ReadSources
  readonly #warn: (message: string) => void
  #boundPort = 0

  private constructor(options: HttpOptions) {
    this.#routes = routesOf(options)
    this.#reads = options.reads
    this.#warn = (message) => options.warn(message)
    const timeouts = { requestTimeout: HTTP_REQUEST_TIMEOUT_MS, headersTimeout: HTTP_REQUEST_TIMEOUT_MS }
    this.#server = createServer(
      { ...timeouts, connectionsCheckingInterval: HTTP_CHECK_INTERVAL_MS },
      (request, response) => void this.#answer(request, response),
    )
    this.#server.on('connection', (socket) => this.#makeRoom(socket))
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
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  /** The oldest connection goes: strangers who open many and say nothing must not keep out the probe of a load balancer. */
  #makeRoom(socket: Socket): void {
    const [oldest] = this.#sockets
    if (oldest !== undefined && this.#sockets.size >= HTTP_MAX_CONNECTIONS) {
      this.#sockets.delete(oldest)
      oldest.destroy()
    }
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, type, body } = await this.#find(request)
    // It may have gone meanwhile.
    if (response.destroyed) return
    response.writeHead(status, {
      'content-type': type,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    response.end(request.method === 'HEAD' ? '' : body)
  }

  async #find(request: IncomingMessage): Promise<Answer> {
    const { path, query } = partsOf(request.url ?? '/')
    const route = this.#routes.get(path) ?? readRoute(path)
    if (route === null) return text(404, `nothing at ${path}`)
    if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'only GET and HEAD')
    try {
      return await route(query, this.#reads)
    } catch (error) {
      this.#warn(`http ${path}: ${error instanceof Error ? error.message : String(error)}`)
      return text(500, 'internal error')
    }
  }
}

function partsOf(url: string): { readonly path: string; readonly query: URLSearchParams } {
  const end = url.indexOf('?')
  if (end < 0) return { path: url, query: new URLSearchParams() }
  return { path: url.slice(0, end), query: new URLSearchParams(url.slice(end + 1)) }
}

function routesOf({ sources, metrics }: HttpOptions): ReadonlyMap<string, Route> {
  return new Map<string, Route>([
    ['/healthz', () => text(200, 'ok')],
    ['/readyz', () => readiness(sources)],
    ['/v1/status', () => json(buildStatus(sources))],
    ['/v1/members', () => json(sources.members())],
    ['/metrics', async () => ({ status: 200, type: metrics.registry.contentType, body: await metrics.text() })],
  ])
}

function readiness(sources: StatusSources): Answer {
  const reason = whyNotReady(sources)
  return reason === null ? text(200, 'ready') : text(503, reason)
}
