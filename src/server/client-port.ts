import { createServer, type Server, type Socket } from 'node:net'
import type { HostPort } from '../address.js'
import type { Clock } from '../raft/node/interfaces.js'
import { ClientSocket, type ClientSocketOwner } from './client-socket.js'
import { FairInput } from './fair-input.js'
import type { ClientConnection, ConnectionHandler } from './front.js'
import { DISCARD_INPUT_MS, KEEPALIVE_IDLE_MS, REFUSING_MAX_CONNECTIONS } from './limits.js'
import { bindError, describeSystemError, hasCode, listenOn } from './listen.js'
import { SendQueueWatch } from './send-queue-watch.js'
import { readSendQueues } from './tcp-table.js'

/** Before the first line the dialect is unknown; this is an error in both. */
const TOO_MANY_CONNECTIONS = 'err,code:busy,message:too many connections\n'

export interface ClientPortFront {
  turn(): void
  connected(connection: ClientConnection): ConnectionHandler
}

export interface ClientPortOptions {
  /** Host `localhost` stands for 127.0.0.1 and, where the machine has it, ::1. */
  readonly listen: HostPort
  readonly maxConnections: number
  readonly clock: Clock
  readonly front: ClientPortFront
  /** The system refuses connections, for lack of descriptors for example. */
  warn(message: string): void
}

/** The client port: accepts connections and joins all that is written to one of them in a turn into one packet. */
export class ClientPort implements ClientSocketOwner {
  readonly clock: Clock
  readonly input: FairInput
  readonly #front: ClientPortFront
  readonly #maxConnections: number
  readonly #warn: (message: string) => void
  readonly #servers: Server[] = []
  readonly #sockets = new Set<ClientSocket>()
  readonly #refusing = new Set<Socket>()
  readonly #watch: SendQueueWatch
  #toWrite: ClientSocket[] = []
  #refusedCount = 0
  #boundPort = 0
  /** Set while `close` waits for the last connection. */
  #onClosed: (() => void) | null = null

  private constructor(options: ClientPortOptions) {
    const { clock, front, maxConnections } = options
    this.clock = clock
    this.input = new FairInput(clock)
    this.#front = front
    this.#maxConnections = maxConnections
    this.#warn = (message) => options.warn(message)
    this.#watch = new SendQueueWatch(clock, readSendQueues)
  }

  /** Throws UsageError when an address cannot be bound. */
  static async open(options: ClientPortOptions): Promise<ClientPort> {
    const port = new ClientPort(options)
    const { host, port: number } = options.listen
    try {
      if (host !== 'localhost') {
        await port.#listen({ host, port: number })
      } else {
        await port.#listen({ host: '127.0.0.1', port: number })
        await port.#listenOnIpv6Loopback()
      }
    } catch (error) {
      await port.close()
      throw bindError('--listen', options.listen, error)
    }
    return port
  }

  /** The bound port: of interest when port 0 was asked for. */
  get port(): number {
    return this.#boundPort
  }

  get connectionCount(): number {
    return this.#sockets.size
  }

  /** Connections refused because of `--max-connections` since the start. */
  get connectionsRefused(): number {
    return this.#refusedCount
  }

  /** Takes no more connections; those that are open stay. */
  stopAccepting(): void {
    for (const server of this.#servers) server.close()
  }

  /** Stops accepting and waits until every connection is gone, which the front has begun; resets what is left. */
  close(): Promise<void> {
    this.stopAccepting()
    this.#watch.stop()
    this.#flush()
    return new Promise((resolve) => {
      const timer = this.clock.after(DISCARD_INPUT_MS, () => {
        for (const socket of this.#sockets) socket.reset()
        for (const socket of this.#refusing) socket.destroy()
      })
      const waitForAll = (): void => {
        if (this.#sockets.size + this.#refusing.size > 0) return
        this.input.stop()
        timer.cancel()
        this.#onClosed = null
        resolve()
      }
      this.#onClosed = waitForAll
      waitForAll()
    })
  }

  // ---------------------------------------------------------------------------------- what a socket needs of us

  turn(): void {
    this.#front.turn()
  }

  writeSoon(socket: ClientSocket): void {
    if (this.#toWrite.length === 0) this.clock.soon(this.#flush)
    this.#toWrite.push(socket)
  }

  heard(socket: ClientSocket): void {
    this.#watch.forget(socket)
  }

  closed(socket: ClientSocket): void {
    this.#sockets.delete(socket)
    this.#watch.forget(socket)
    this.#onClosed?.()
  }

  // ---------------------------------------------------------------------------------------------------- inside

  readonly #flush = (): void => {
    // A pause of the process may lie between the check of a word and this write: rule 7 comes first here too.
    this.turn()
    const due = this.#toWrite
    this.#toWrite = []
    for (const socket of due) {
      if (socket.flush()) this.#watch.wrote(socket)
    }
  }

  async #listen(address: HostPort): Promise<void> {
    const options = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEPALIVE_IDLE_MS }
    const server = createServer(options, (socket) => this.#accept(socket))
    this.#boundPort = await listenOn(server, address)
    // Without a listener a failed accept would end the process, and with it every lock of its clients.
    server.on('error', (error) => this.#warn(`accepting a connection: ${describeSystemError(error)}`))
    this.#servers.push(server)
  }

  async #listenOnIpv6Loopback(): Promise<void> {
    try {
      await this.#listen({ host: '::1', port: this.#boundPort })
    } catch (error) {
      if (!hasCode(error, 'EADDRNOTAVAIL', 'EAFNOSUPPORT')) throw error
    }
  }

  #accept(socket: Socket): void {
    this.turn()
    if (this.#sockets.size >= this.#maxConnections) {
      this.#refuse(socket)
      return
    }
    const connection = new ClientSocket(socket, this)
    this.#sockets.add(connection)
    connection.serve(this.#front.connected(connection))
  }

  #refuse(socket: Socket): void {
    this.#refusedCount += 1
    socket.on('error', () => {})
    if (this.#refusing.size >= REFUSING_MAX_CONNECTIONS) {
      socket.destroy()
      return
    }
    this.#refusing.add(socket)
    const timer = this.clock.after(DISCARD_INPUT_MS, () => socket.destroy())
    socket.on('close', () => {
      timer.cancel()
      this.#refusing.delete(socket)
      this.#onClosed?.()
    })
    socket.resume()
    socket.end(TOO_MANY_CONNECTIONS)
  }
}
