/** The network between clients and nodes. */
import type { Channel, StreamNetwork } from '../../../src/sockets/streams.js'
import { MemoryNetwork } from '../../../src/testing/memory-network.js'
import type { MemoryStream } from '../../../src/testing/memory-stream.js'
import type { Station, Texture } from '../../../src/testing/memory-tcp.js'
import type { Process } from '../process.js'
import type { World } from '../world.js'
import { ClientConnection, type ClientHandlers } from './client-connection.js'
import { relayTo } from './relay.js'
import { clientAddressOf, stationOf } from './station.js'

const TERMS = { allowHalfOpen: true }
const SMALL_WINDOW_CHANCE = 0.2
/** Less than an answer to a busy session: what was written may stay with the node. */
const SMALL_WINDOW_BYTES = 300
const WINDOW_BYTES = 262_144
const SPLIT_CHANCE = 0.05

export interface ClientTimes {
  readonly meanMs: number
  /** How many of the connections go through a relay. */
  readonly relayedShare: number
}

export class ClientNetwork {
  readonly #network: MemoryNetwork
  /** By the end that a node, or a relay, will take. */
  readonly #connections = new WeakMap<MemoryStream, ClientConnection>()
  readonly #stations = new Map<Process, Station>()

  constructor(
    private readonly world: World,
    private readonly times: ClientTimes,
  ) {
    const { random } = world
    const texture = (): Texture => ({
      windowBytes: random.chance(SMALL_WINDOW_CHANCE) ? SMALL_WINDOW_BYTES : WINDOW_BYTES,
      splitChance: SPLIT_CHANCE,
    })
    const weather = { delayMs: () => random.around(times.meanMs), isHeld: () => false }
    this.#network = new MemoryNetwork(world, random, { weather, texture })
  }

  /** What the client port of this process listens on. */
  at(process: Process, nodeId: string, accepted: (connection: ClientConnection) => void): StreamNetwork {
    const station = this.#stationOf(process, nodeId)
    process.onKilled(() => this.#network.gone(station, process.diedSilently))
    const streams = this.#network.at(station, TERMS)
    return {
      ...streams,
      listen: (address, onChannel, onError) => {
        const accept = (channel: Channel): void => {
          this.#watch(channel.tcp as MemoryStream, process, accepted)
          onChannel(channel)
        }
        return streams.listen(address, accept, onError)
      },
    }
  }

  /** What the kernel's table says of the send queues of this process. */
  sendQueues(process: Process, nameOf: (end: MemoryStream) => string | null): ReadonlyMap<string, number> {
    const station = this.#stations.get(process)
    return station === undefined ? new Map() : this.#network.sendQueues(station, nameOf)
  }

  dial(process: Process, nodeId: string, handlers: ClientHandlers): ClientConnection {
    const station = this.#stations.get(process) ?? this.#stationOf(process, process.name)
    const to = clientAddressOf(nodeId)
    const isRelayed = this.world.random.chance(this.times.relayedShare)
    const relay = isRelayed ? relayTo(this.world, this.#network, to) : null
    const path = this.#network.dial(station, TERMS, relay?.address ?? to)
    const connection = new ClientConnection(this.world, process, path, handlers)
    if (relay === null) this.#connections.set(path.acceptor, connection)
    else relay.onDialled = (onward) => this.#connections.set(onward.acceptor, connection)
    return connection
  }

  #stationOf(process: Process, name: string): Station {
    const isNode = /^n\d+$/.test(name)
    const station = isNode ? stationOf(process, name) : stationOf(process, name, `10.1.0.${this.#stations.size + 1}`)
    this.#stations.set(process, station)
    return station
  }

  /** Every word to a client is checked when its node hands it on; and there a process may die. */
  #watch(stream: MemoryStream, process: Process, accepted: (connection: ClientConnection) => void): void {
    const connection = this.#connections.get(stream)
    if (connection === undefined) return
    connection.node = { process, stream }
    accepted(connection)
    const { world } = this
    stream.tap = {
      wrote: (bytes) => {
        const text = Buffer.from(bytes).toString()
        world.tell(() => `${process.name} -> ${connection.client.process.name}: ${JSON.stringify(text)}`)
        connection.onWritten(text)
      },
      beforeSend: () => !process.pass('before client write'),
      afterSend: () => void process.pass('after client write'),
      blocked: () => world.count('seen client that takes no more for now'),
      closed: () => connection.onNodeClosed(),
    }
  }
}
