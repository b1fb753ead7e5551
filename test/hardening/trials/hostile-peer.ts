/** Somebody at the peer ports of a running cluster: garbage, half handshakes, lies about who it is, refusals that it replays. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeFragment, FrameParser } from '../../../src/raft/net/frame.js'
import { decodeHello, encodeHello, encodeRefusal, isRefusal, LinkKind } from '../../../src/raft/net/handshake.js'
import { FrameKind, Lane, type PeerHello, RefusalCode } from '../../../src/raft/ports/transport.js'
import { TestCluster, type TestNode } from '../../kit/process-cluster.js'
import { converse } from '../../kit/wire.js'
import { seededRandom } from '../../raft/net/kit.js'
import type { Outcome, Size, Trial } from '../trial.js'

const ATTACK_MS = { short: 5_000, long: 60_000 } as const
const SILENT = 100
const PAUSE_MS = 5

const frame = (kind: number, payload: Uint8Array, more = false): Buffer =>
  Buffer.concat(encodeFragment(Lane.control, kind, more, [payload]))

async function dial(node: TestNode): Promise<Socket> {
  const socket = connect(node.plan.peerPort, '127.0.0.1')
  socket.on('error', () => undefined)
  // Unlike `once`, also when an error comes first.
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve)
    socket.once('close', () => resolve())
  })
  return socket
}

/** What the node says of itself to whoever connects. */
async function helloOf(node: TestNode): Promise<PeerHello> {
  const socket = await dial(node)
  const parser = new FrameParser()
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  parser.push(chunk)
  const said = decodeHello(parser.next()?.payload ?? new Uint8Array(0))
  if (isRefusal(said)) throw new Error(said.message)
  return said.hello
}

/** One connection's worth of malice. */
function attack(random: () => number, hellos: readonly PeerHello[]): Buffer {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
  const noise = (most: number) => Buffer.from(Array.from({ length: random() * most }, () => random() * 256))
  const member = pick(hellos)
  const hello = encodeHello({
    hello:
      random() < 0.5
        ? { ...member, processId: 'hostile' }
        : { ...member, nodeId: `s${Math.floor(random() * 9)}`, raftId: 99 },
    nonce: Buffer.alloc(16, 7),
    secret: pick(['none', 'optional', 'required'] as const),
  })
  const refusal = encodeRefusal({ code: pick(Object.values(RefusalCode)), isFinal: true, message: 'go away for good' })
  const greeted = [frame(LinkKind.hello, hello), frame(LinkKind.accept, Buffer.alloc(0))]
  switch (Math.floor(random() * 7)) {
    case 0:
      return noise(8_000)
    case 1:
      return frame(LinkKind.hello, hello).subarray(0, 1 + random() * 60)
    case 2:
      return Buffer.concat([frame(LinkKind.hello, hello), frame(LinkKind.refuse, refusal)])
    case 3:
      return Buffer.concat(Array.from({ length: 300 }, () => frame(FrameKind.raft, Buffer.alloc(100), true)))
    case 4:
      return Buffer.concat([...greeted, frame(pick(Object.values(FrameKind)), noise(300))])
    case 5:
      return Buffer.concat([frame(LinkKind.proof, noise(64)), ...greeted])
    default:
      return Buffer.concat([...greeted, Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0])])
  }
}

async function run(size: Size): Promise<Outcome> {
  const seed = Math.floor(Math.random() * 2 ** 31)
  const random = seededRandom(seed)
  const cluster = await TestCluster.start()
  try {
    const terms = async () =>
      (await Promise.all(cluster.nodes.map((node) => node.status()))).map((status) => status?.term)
    const before = await terms()
    const hellos = await Promise.all(cluster.nodes.map(helloOf))
    const silent = await Promise.all(Array.from({ length: SILENT }, (_, i) => dial(cluster.node(i % 3))))
    let connections = 0
    for (const endMs = performance.now() + ATTACK_MS[size]; performance.now() < endMs; connections++) {
      const socket = await dial(cluster.node(Math.floor(random() * 3)))
      socket.resume()
      socket.end(attack(random, hellos))
      await sleep(PAUSE_MS)
    }
    for (const socket of silent) socket.destroy()
    const answers = await Promise.all(cluster.nodes.map(({ port, id }) => converse(port, `lock,name:${id}\nrelease\n`)))
    const after = await terms()
    const ended = cluster.nodes.filter(({ end }) => end !== null).map(({ id }) => id)
    // One that was away comes back in the middle of it: the silent ones do not keep it out.
    const [away] = await cluster.followers()
    away.signal('SIGKILL')
    await away.ended()
    const target = await cluster.leader()
    const more = await Promise.all(Array.from({ length: SILENT }, () => dial(target)))
    away.start()
    await cluster.untilAllServe()
    for (const socket of more) socket.destroy()
    const serve = answers.every((answer) => answer === 'ok\nreleased\n')
    return {
      ok: ended.length === 0 && serve && before.join() === after.join(),
      seen: `${connections} hostile connections (seed ${seed}): ${ended.length} nodes ended, ${serve ? 'all grant' : 'not all grant'}, terms ${before.join(' ')} and then ${after.join(' ')}, a node that was killed is back`,
    }
  } finally {
    await cluster.stop()
  }
}

export const trial: Trial = {
  name: 'hostile-peer',
  expected: 'garbage, lies and silence at the peer ports: no node ends, no election, peers are not kept out',
  inShortForm: true,
  run,
}
