/** A client port with a service that only records, and clients of it. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach } from 'vitest'
import type { Clock } from '../../../src/platform.js'
import { clockThatLooks } from '../../../src/raft/ports/looks-first.js'
import { ClientPort } from '../../../src/server/clients/client-port.js'
import { SystemClock } from '../../../src/server/system-clock.js'
import type { ClientProtocol, ClientSocket } from '../../../src/service/lock-service.js'
import type { StreamNetwork } from '../../../src/sockets/streams.js'

/** Records what the port tells it and lets a test act on the connections. */
export class RecordingService {
  readonly connections: ClientSocket[] = []
  readonly events: string[] = []
  /** What happened last, to prove that `turn` comes before every event. */
  #turned = false
  #changed: () => void = () => {}

  turn(): void {
    this.#turned = true
    // A look counts for the event that it began, not for the next one.
    queueMicrotask(() => {
      this.#turned = false
    })
  }

  connected(connection: ClientSocket): ClientProtocol {
    this.connections.push(connection)
    this.#record('connected')
    return {
      data: (chunk) => this.#record(`data ${Buffer.from(chunk).toString()}`),
      fin: () => this.#record('fin'),
      broken: () => this.#record('broken'),
      turnAway: (lastWords) => {
        this.#record(`turned away: ${lastWords.trim()}`)
        connection.write(lastWords)
        connection.end()
      },
    }
  }

  get last(): ClientSocket {
    const connection = this.connections.at(-1)
    if (connection === undefined) throw new Error('nobody connected')
    return connection
  }

  /** Resolves when the events so far satisfy `condition`. */
  async until(condition: (events: readonly string[]) => boolean): Promise<void> {
    while (!condition(this.events)) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve
      })
    }
  }

  #record(event: string): void {
    this.events.push(this.#turned ? event : `${event} without turn`)
    this.#turned = false
    this.#changed()
  }
}

/** Closed after each test. */
export const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})

export async function setUp(
  options: { maxConnections?: number; host?: string; clock?: Clock; network?: StreamNetwork } = {},
) {
  const service = new RecordingService()
  const port = await ClientPort.open({
    listen: { host: options.host ?? '127.0.0.1', port: 0 },
    maxConnections: options.maxConnections ?? 10,
    localPlaces: false,
    clock: clockThatLooks(options.clock ?? new SystemClock(), () => service.turn()),
    service,
    warn: () => {},
    ...(options.network === undefined ? {} : { network: options.network }),
  })
  opened.push(port)
  return { service, port }
}

export async function client(port: ClientPort, host = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ host, port: port.port, allowHalfOpen: true })
  socket.on('error', () => {})
  socket.setEncoding('utf8')
  opened.push({ close: () => socket.resetAndDestroy() })
  await once(socket, 'connect')
  return socket
}

/** What arrives until the node's FIN. The client's own side stays open. */
export function textUntilEnd(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  return new Promise((resolve) => socket.once('end', () => resolve(text)))
}

export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}
