/**
 * A proxy beside a node: it has a connection of its own to either side, passes on bytes and FINs, and whatever else ends one
 * of them it tells the other side by a FIN.
 */
import type { HostPort } from '../../../src/address.js'
import type { MemoryConnection } from '../../../src/testing/memory-connection.js'
import type { MemoryNetwork } from '../../../src/testing/memory-network.js'
import type { MemoryStream } from '../../../src/testing/memory-stream.js'
import type { Station } from '../../../src/testing/memory-tcp.js'
import type { World } from '../world.js'

/** It lets go of who does not answer, whatever is still on the way there. */
const TERMS = { allowHalfOpen: true, givesUpUnacknowledged: true }
const RELAY_PORT = 17_654

export interface Relay {
  readonly address: HostPort
  /** Told of its own connection to the node. */
  onDialled: (onward: MemoryConnection) => void
}

/** One that takes one connection. */
export function relayTo(world: World, network: MemoryNetwork, to: HostPort): Relay {
  const name = `relay${network.connections.size}-${world.random.int(1_000_000)}`
  const station: Station = {
    name,
    address: '10.2.0.1',
    isAlive: true,
    lagMs: 0,
    deliver: (run) => void world.after(0, run),
  }
  const relay: Relay = { address: { host: name, port: RELAY_PORT }, onDialled: () => undefined }
  const accept = (near: MemoryStream): void => {
    stopListening()
    const onward = network.dial(station, TERMS, to)
    relay.onDialled(onward)
    join(world, near, onward.dialler)
    join(world, onward.dialler, near)
  }
  const stopListening = network.listen({ station, terms: TERMS, accept }, relay.address)
  return relay
}

function join(world: World, from: MemoryStream, to: MemoryStream): void {
  from.on('data', (chunk: Buffer) => {
    if (!to.write(chunk)) from.pause()
  })
  to.on('drain', () => void from.resume())
  from.on('end', () => to.end())
  from.on('error', () => {
    if (to.writable) world.count('seen reset that became a FIN')
  })
  from.on('close', () => to.end())
}
