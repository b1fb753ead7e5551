import type { HelloVerdict, PeerHello } from '../../src/raft/ports/transport.js'
import type { SimTransport } from './peer-network.js'

/** Who watches the connections between nodes, and may keep two apart. */
export interface Meeting {
  /** A frame of Raft messages, over a connection that is there. */
  arrived(at: SimTransport, payload: Uint8Array): void
  mayMeet(one: SimTransport, other: SimTransport): boolean
  judged(judge: SimTransport, peer: SimTransport, hello: PeerHello, verdict: HelloVerdict): void
}
