import type { HostPort } from '../../../src/address.js'
import type { Peer } from '../../../src/raft/ports/transport.js'
import type { Station } from '../../../src/testing/memory-tcp.js'
import type { Process } from '../process.js'

/** Hosts of a simulated cluster: n7 is 10.0.0.7. */
export const addressOf = (nodeId: string): string => `10.0.0.${nodeId.slice(1)}`

/** Where its clients dial it. */
export const clientAddressOf = (nodeId: string): HostPort => ({ host: nodeId, port: 7654 })

export const peerOf = (nodeId: string): Peer => ({ nodeId, raftId: 0, address: `${nodeId}:7655` })

/** Where a process hangs in the network; others dial it as `name`. */
export function stationOf(process: Process, name: string, address = addressOf(name)): Station {
  return {
    name,
    address,
    get isAlive() {
      return process.isAlive
    },
    get lagMs() {
      return process.lagMs
    },
    deliver: (run) => process.deliver(run),
  }
}
