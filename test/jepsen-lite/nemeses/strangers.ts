/** Somebody at the peer port who is no peer, and means no good. */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeFragment } from '../../../src/raft/net/frame.js'
import { LinkKind } from '../../../src/raft/net/handshake.js'
import { FrameKind, Lane } from '../../../src/raft/ports/transport.js'
import type { Ground } from '../ground.js'
import type { LocalNode } from '../local-node.js'
import type { Fault, Nemesis, Random } from '../types.js'
import { repeated } from './repeated.js'

const AT_ONCE = 8
const STAY_MS = 100
/** They stay open for the whole fault, and say nothing. */
const SILENT = 40

export const strangerNemeses: readonly Nemesis[] = [
  { name: 'hostile-peer', aim: async (ground, random) => hostilePeer(ground, random) },
]

/** Keeps at it: garbage, the node's own words thrown back, refusals, frames that never end, and silence. */
function hostilePeer(ground: Ground, random: Random): Fault {
  const node = random.pick(ground.nodes)
  const silent: Socket[] = []
  const step = async (): Promise<void> => {
    while (silent.length < SILENT) silent.push(dial(node))
    const sockets = Array.from({ length: AT_ONCE }, () => {
      const socket = dial(node)
      attack(socket, random)
      return socket
    })
    await sleep(STAY_MS)
    for (const socket of sockets) socket.destroy()
  }
  return repeated(node.id, step, () => {
    for (const socket of silent) socket.destroy()
  })
}

function dial(node: LocalNode): Socket {
  const socket = connect(node.directPeerAddress)
  socket.on('error', () => {})
  socket.on('data', () => {})
  return socket
}

const bytesOf = (kind: number, payload: Uint8Array, more = false): Buffer =>
  Buffer.concat(encodeFragment(Lane.control, kind, more, [payload]))

function attack(socket: Socket, random: Random): void {
  const garbage = Buffer.from(Array.from({ length: 1 + random.int(200) }, () => random.int(256)))
  switch (random.int(7)) {
    case 0:
      socket.write(garbage)
      break
    case 1:
      // Reflects: the hello that it gets is its own introduction.
      socket.on('data', (bytes) => void socket.write(bytes))
      break
    case 2:
      // The same with a bit changed and the checksum right would be better; here the checksum catches it.
      socket.on('data', (bytes: Buffer) => {
        const changed = Buffer.from(bytes)
        const at = random.int(changed.length)
        changed[at] = (changed[at] ?? 0) ^ (1 << random.int(8))
        socket.write(changed)
      })
      break
    case 3:
      socket.write(bytesOf(LinkKind.refuse, refusal(random)))
      break
    case 4:
      socket.write(bytesOf(random.pick([FrameKind.raft, FrameKind.snapshotBegin, FrameKind.propose]), garbage))
      break
    case 5:
      // Fragments without end, before any hello.
      for (let count = 0; count < 200; count++) socket.write(bytesOf(LinkKind.hello, Buffer.alloc(1_000), true))
      break
    default:
      socket.on('data', (bytes) => {
        socket.write(bytes)
        socket.write(bytesOf(LinkKind.refuse, refusal(random)))
        socket.write(bytesOf(FrameKind.raft, garbage))
      })
  }
}

/** As a peer words it: a msgpack array of one text. */
function refusal(random: Random): Uint8Array {
  const text = random.pick([
    'final: you were removed from the cluster',
    'another cluster',
    'final: this is another cluster',
  ])
  return Buffer.concat([Buffer.from([0x91, 0xd9, text.length]), Buffer.from(text)])
}
