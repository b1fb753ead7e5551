import type { HostPort } from '../../address.js'
import type { Clock, Timer } from '../../platform.js'
import { plainError } from '../../protocol/replies.js'
import { awaited, type LooksFirst } from '../../raft/ports/looks-first.js'
import type { ClientProtocol, ClientSocket } from '../../service/lock-service.js'
import type { Channel, StreamListener, StreamNetwork } from '../../sockets/streams.js'
import { tcpNetwork } from '../../sockets/tcp.js'
import {
  CLOSING_MAX_CONNECTIONS,
  DISCARD_INPUT_MS,
  FIRST_LINE_MAX_MS,
  SILENCE_CHECK_MS,
  SILENT_PLACES_MAX_COUNT,
} from '../limits.js'
import { bindError, describeSystemError, hasCode } from '../sockets/listen.js'
import { lookingBy } from '../sockets/looking.js'
import { SendQueueWatch } from '../sockets/send-queue-watch.js'
import { TcpClientSocket, type TcpClientSocketOwner } from '../sockets/tcp-client-socket.js'
import { type SendQueues, TcpTables } from '../sockets/tcp-table.js'
import { ClientPlaces } from './client-places.js'
import { clientTcpTerms } from './client-tcp.js'
import { FairInput } from './fair-input.js'

/** Before the first line the dialect is unknown; this is an error in both. */
const SILENT_TOO_LONG = plainError('code:busy,message:nothing was asked in time')

export interface ClientPortService {
  /** The look at the clock with which every event begins (rules.md rule 7). */
  turn(): void
  connected(connection: ClientSocket): ClientProtocol
}

export interface ClientPortOptions {
  /** Host `localhost` stands for 127.0.0.1 and, where the machine has it, ::1. */
  readonly listen: HostPort
  readonly maxConnections: number
  /** `--admin`: the last places are kept for this machine. */
  readonly localPlaces: boolean
  readonly clock: LooksFirst<Clock>
  readonly service: ClientPortService
  /** The system refuses connections, for lack of descriptors for example. */
  warn(message: string): void
  /** Where connections come from; TCP unless given. */
  readonly network?: StreamNetwork
  /** The kernel's send queues; its own table unless given. */
  readonly sendQueues?: () => Promise<SendQueues | null>
}

/** The client port: accepts connections and joins all that is written to one of them in a turn into one packet. */
export class ClientPort implements TcpClientSocketOwner {
  readonly clock: Clock
  readonly input: FairInput
  readonly #service: ClientPortService
  /** This node has closed them, or is about to, and they are not gone yet; from the one that was closed first. */
  readonly #closing = new Set<TcpClientSocket>()
  readonly #places: ClientPlaces<TcpClientSocket>
  readonly #mostSockets: number
  readonly #localPlaces: boolean
  readonly #warn: (message: string) => void
  readonly #network: StreamNetwork
  readonly #listeners: StreamListener[] = []
  readonly #sockets = new Set<TcpClientSocket>()
  readonly #watch: SendQueueWatch
  #silenceTimer: Timer | null = null
  #toWrite: TcpClientSocket[] = []
  #refusedCount = 0
  #boundPort = 0
  /** Set while `close` waits for the last connection. */
  #onClosed: (() => void) | null = null

  private constructor(options: ClientPortOptions) {
    const { clock, service, maxConnections } = options
    this.clock = clock
    this.input = new FairInput(clock, () => this.look())
    this.#service = service
    this.#places = new ClientPlaces(maxConnections)
    this.#mostSockets = maxConnections + SILENT_PLACES_MAX_COUNT + CLOSING_MAX_CONNECTIONS
    this.#localPlaces = options.localPlaces
    this.#warn = (message) => options.warn(message)
    this.#network = options.network ?? tcpNetwork(clientTcpTerms)
    const queues = options.sendQueues ?? kernelQueues()
    this.#watch = new SendQueueWatch(clock, queues === null ? null : () => awaited(() => this.look(), queues()))
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

  /** Only clients that come back are taken now, and this machine. */
  get isFull(): boolean {
    return this.#places.isFull
  }

  /** Connections turned away since the start, for lack of a place or because they said nothing. */
  get connectionsRefused(): number {
    return this.#refusedCount
  }

  /** Takes no more connections; those that are open stay. */
  stopAccepting(): void {
    for (const listener of this.#listeners) listener.close()
  }

  /** Stops accepting and waits until every connection is gone, which the service has begun; resets what is left. */
  close(): Promise<void> {
    this.stopAccepting()
    this.#watch.stop()
    this.#silenceTimer?.cancel()
    this.#flush()
    return new Promise((resolve) => {
      const timer = this.clock.after(DISCARD_INPUT_MS, () => {
        for (const socket of this.#sockets) socket.reset()
      })
      const waitForAll = (): void => {
        if (this.#sockets.size > 0) return
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

  look(): void {
    this.#service.turn()
  }

  writeSoon(socket: TcpClientSocket): void {
    if (this.#toWrite.length === 0) this.clock.soon(this.#flush)
    this.#toWrite.push(socket)
  }

  heard(socket: TcpClientSocket): void {
    this.#watch.forget(socket)
  }

  seated(socket: TcpClientSocket, isResume: boolean): boolean {
    const guest = isResume ? 'resume' : this.#localPlaces && socket.loopback ? 'this machine' : 'anybody'
    const isSeated = this.#places.seated(socket, guest)
    if (!isSeated) {
      this.#refusedCount += 1
      this.#warn('a client found no place: see --max-connections')
    }
    return isSeated
  }

  left(socket: TcpClientSocket): void {
    this.#places.left(socket)
    if (this.#sockets.has(socket)) this.#closing.add(socket)
  }

  closed(socket: TcpClientSocket): void {
    this.#places.left(socket)
    this.#sockets.delete(socket)
    this.#closing.delete(socket)
    this.#watch.forget(socket)
    this.#onClosed?.()
  }

  // ---------------------------------------------------------------------------------------------------- inside

  readonly #flush = (): void => {
    const due = this.#toWrite
    this.#toWrite = []
    for (const socket of due) {
      if (socket.flush()) this.#watch.wrote(socket)
    }
  }

  async #listen(address: HostPort): Promise<void> {
    const looking = lookingBy(() => this.look())
    const listener = await this.#network.listen(
      address,
      looking((channel: Channel) => this.#accept(channel)),
      (error) => this.#warn(`accepting a connection: ${describeSystemError(error)}`),
    )
    this.#boundPort = listener.port
    this.#listeners.push(listener)
  }

  async #listenOnIpv6Loopback(): Promise<void> {
    try {
      await this.#listen({ host: '::1', port: this.#boundPort })
    } catch (error) {
      if (!hasCode(error, 'EADDRNOTAVAIL', 'EAFNOSUPPORT')) throw error
    }
  }

  #accept(channel: Channel): void {
    if (this.#sockets.size >= this.#mostSockets) this.#dropClosing()
    const connection = new TcpClientSocket(channel, this)
    this.#sockets.add(connection)
    connection.serve(this.#service.connected(connection))
    this.#turnAway(this.#places.arrived(connection, this.clock.takerNow()))
    this.#watchSilence()
  }

  /** A connection that was told to go and is still there makes room at once, whether it has read why or not. */
  #dropClosing(): void {
    const [longest] = this.#closing
    if (longest === undefined) return
    this.#closing.delete(longest)
    this.#sockets.delete(longest)
    longest.reset()
  }

  #watchSilence(): void {
    if (this.#silenceTimer !== null || this.#places.silentCount === 0) return
    this.#silenceTimer = this.clock.after(SILENCE_CHECK_MS, () => {
      this.#silenceTimer = null
      const beforeMs = this.clock.takerNow() - FIRST_LINE_MAX_MS
      for (
        let silent = this.#places.takeSilent(beforeMs);
        silent !== null;
        silent = this.#places.takeSilent(beforeMs)
      ) {
        this.#turnAway(silent)
      }
      this.#watchSilence()
    })
  }

  #turnAway(silent: TcpClientSocket | null): void {
    if (silent === null) return
    this.#refusedCount += 1
    silent.turnAway(SILENT_TOO_LONG)
  }
}

/** Null on a system that shows no such queues. */
function kernelQueues(): (() => Promise<SendQueues | null>) | null {
  const tables = TcpTables.open()
  return tables === null ? null : () => tables.read()
}
