/**
 * TCP in memory and in virtual time: connections that hang in SYN, bytes that come in other pieces than they were written
 * in, kernels that take only so much, FIN, RST, half-open connections, hosts that vanish without a word. How long things
 * take, and what is held up, is the weather, which somebody else makes.
 */
import { formatHostPort, type HostPort } from '../address.js'
import type { Channel, StreamNetwork } from '../sockets/streams.js'
import { type Acceptor, type ConnectionGround, MemoryConnection } from './memory-connection.js'
import type { MemoryStream } from './memory-stream.js'
import type { Chance, Station, StationTerms, Texture, Time, Weather } from './memory-tcp.js'

export interface NetworkConditions {
  readonly weather: Weather
  /** What the next connection is like. */
  texture(): Texture
  /** A connection reaches somebody who listens. False: it is refused. */
  mayMeet?(from: Station, to: Station): boolean
}

const FIRST_EPHEMERAL_PORT = 32_768
const EPHEMERAL_PORTS = 28_232
/** What a process listens on, if it does not name its host. */
const ANY_HOST = new Set(['0.0.0.0', '::'])

export class MemoryNetwork implements ConnectionGround {
  readonly connections = new Set<MemoryConnection>()
  readonly weather: Weather
  readonly #conditions: NetworkConditions
  readonly #acceptors = new Map<string, Acceptor>()
  /** Hosts that have lost their power: nobody answers there. */
  readonly #dark = new Set<string>()
  readonly #exiled = new Set<Station>()
  #dialled = 0

  constructor(
    readonly time: Time,
    readonly random: Chance,
    conditions: NetworkConditions,
  ) {
    this.#conditions = conditions
    this.weather = conditions.weather
  }

  /** The network as this process sees it. */
  at(station: Station, terms: StationTerms): StreamNetwork {
    return {
      dial: (address) => channelOf(this.dial(station, terms, address).dialler),
      listen: async (address, onChannel) => {
        const accept = (stream: MemoryStream) => onChannel(channelOf(stream))
        return { port: address.port, close: this.listen({ station, terms, accept }, address) }
      },
    }
  }

  dial(station: Station, terms: StationTerms, to: HostPort, port = this.#ephemeralPort()): MemoryConnection {
    const connection = new MemoryConnection(this, station, terms, port, to, this.#conditions.texture())
    this.connections.add(connection)
    if (this.#exiled.has(station)) connection.sever()
    connection.open()
    return connection
  }

  #ephemeralPort(): number {
    return FIRST_EPHEMERAL_PORT + (this.#dialled++ % EPHEMERAL_PORTS)
  }

  /** Returns what ends it. */
  listen(acceptor: Acceptor, { host, port }: HostPort): () => void {
    const { name } = acceptor.station
    if (this.#exiled.has(acceptor.station)) return () => undefined
    const key = formatHostPort({ host: ANY_HOST.has(host) ? name : host, port })
    this.#acceptors.set(key, acceptor)
    if (this.#dark.delete(name)) for (const connection of [...this.connections]) connection.hostIsBack(name)
    return () => {
      if (this.#acceptors.get(key) === acceptor) this.#acceptors.delete(key)
    }
  }

  /** The process has died. Its kernel closes for it, unless that is gone as well (`silently`). */
  gone(station: Station, silently: boolean): void {
    this.#deafen(station)
    if (silently) this.#dark.add(station.name)
    for (const connection of this.#connectionsOf(station)) {
      for (const end of connection.ends) if (end.station === station) end.programDied(silently)
      if (silently) connection.lostTouch()
    }
  }

  /** From now on nobody reaches this process, and it reaches nobody. */
  exile(station: Station): void {
    this.#exiled.add(station)
    this.#deafen(station)
    for (const connection of this.#connectionsOf(station)) connection.sever()
  }

  /** The weather between these two has improved: what was held arrives. */
  release(one: string, other: string): void {
    for (const connection of this.#connectionsBetween(one, other)) connection.release()
  }

  /** Nothing gets through between these two from now on: who only listens finds out by keepalive. */
  lostTouch(one: string, other: string): void {
    for (const connection of this.#connectionsBetween(one, other)) connection.lostTouch()
  }

  /** Bytes that the kernel of this process holds unacknowledged, by the name that it gives a connection. */
  sendQueues(station: Station, nameOf: (end: MemoryStream) => string | null): ReadonlyMap<string, number> {
    const queues = new Map<string, number>()
    for (const end of this.#connectionsOf(station).flatMap(({ ends }) => ends)) {
      const name = end.station === station && end.unackedBytes > 0 ? nameOf(end) : null
      if (name !== null) queues.set(name, end.unackedBytes)
    }
    return queues
  }

  // -------------------------------------------------------------------------------------- what connections need

  acceptorFor(from: Station, to: HostPort): Acceptor | 'dark' | null {
    if (this.#dark.has(to.host)) return 'dark'
    const acceptor = this.#acceptors.get(formatHostPort(to))
    if (acceptor === undefined || !acceptor.station.isAlive) return null
    return this.#conditions.mayMeet?.(from, acceptor.station) === false ? null : acceptor
  }

  isDark(host: string): boolean {
    return this.#dark.has(host)
  }

  ended(connection: MemoryConnection): void {
    this.connections.delete(connection)
  }

  #deafen(station: Station): void {
    for (const [key, acceptor] of this.#acceptors) if (acceptor.station === station) this.#acceptors.delete(key)
  }

  #connectionsOf(station: Station): MemoryConnection[] {
    return [...this.connections].filter(({ ends }) => ends.some((end) => end.station === station))
  }

  #connectionsBetween(one: string, other: string): MemoryConnection[] {
    return [...this.connections].filter((connection) => connection.isBetween(one, other))
  }
}

const channelOf = (stream: MemoryStream): Channel => ({ stream, tcp: stream })
