import { HELLO_NONCE_BYTES } from '../../src/raft/limits.js'
import { encodeHello } from '../../src/raft/net/handshake.js'
import type { PeerHello } from '../../src/raft/ports/transport.js'

/** What a member says of itself, with changes. */
export function helloOf(change: Partial<PeerHello> = {}): PeerHello {
  return {
    clusterId: 'c1',
    nodeId: 'n1',
    raftId: 1,
    memberUid: 'u1',
    listHash: 'h1',
    empty: false,
    level: 1,
    processId: 'p1',
    held: { term: 0, vote: 0, lastIndex: 0 },
    ...change,
  }
}

/** As a node without a peer secret sends it. */
export function helloFrame(change: Partial<PeerHello> = {}): Uint8Array {
  return encodeHello({ hello: helloOf(change), nonce: new Uint8Array(HELLO_NONCE_BYTES), secret: 'none' })
}
