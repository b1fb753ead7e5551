import type { HelloVerdict, PeerHello } from '../../../src/raft/ports/transport.js'
import type { PeerTap } from './peer-tap.js'

/** Who watches the connections between nodes, and may keep two apart. */
export interface Meeting {
  /** A frame of Raft messages, over a connection that is there. */
  arrived(at: PeerTap, payload: Uint8Array): void
  mayMeet(one: PeerTap, other: PeerTap): boolean
  judged(judge: PeerTap, peer: PeerTap, hello: PeerHello, verdict: HelloVerdict): void
}
