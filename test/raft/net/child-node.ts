/** A node in a process of its own, to be killed: `child-node.ts ID PEER-ID PEER-ADDRESS`. Prints its peer address. */
import { Lane } from '../../../src/raft/ports/transport.js'
import { TestNode } from './kit.js'

const [id, peerId, peerAddress] = process.argv.slice(2)
if (id === undefined || peerId === undefined || peerAddress === undefined)
  throw new Error('usage: ID PEER-ID PEER-ADDRESS')

const node = await new TestNode(id).start()
node.transport.setPeers([{ nodeId: peerId, raftId: 0, address: peerAddress }])
// Killed in the middle of traffic, as a leader would be.
setInterval(() => node.say(peerId, 'heartbeat', Lane.control), 5)
process.stdout.write(`${node.transport.listenAddress()}\n`)
