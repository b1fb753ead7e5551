/** Browsers, peers and strangers at the ports of a whole node. Each says how much it has fed. */
import { encodeFragment } from '../../../src/raft/net/frame.js'
import { LinkKind } from '../../../src/raft/net/handshake.js'
import { Lane } from '../../../src/raft/ports/transport.js'
import { helloFrame } from '../../kit/hello.js'
import { httpRequest } from '../http-grammar.js'
import { peerFrame } from '../peer-grammar.js'
import { strangersWords } from '../stranger-grammar.js'
import { damaged } from '../values.js'
import type { Attack } from './attack.js'
import { Dialled } from './dialled.js'
import type { Door } from './fuzzed-node.js'
import { Listener } from './planted.js'

const REQUESTS_MAX = 6
const FRAMES_MAX = 12
/** A stream of events has no end, and a wrong token is answered after a second: some are waited for, others broken off. */
const HTTP_PATIENCE_MS = [100, 300, 1_300] as const
const PATIENCE_MS = 300

/** Several requests in one go, as a pipeline. */
export async function feedRequests({ node, random, trail, words }: Attack): Promise<number> {
  const requests = Array.from({ length: 1 + random.int(REQUESTS_MAX) }, () => httpRequest(random))
  const dialled = await node.dial('http', random)
  if (dialled === null) return 1
  const listener = new Listener(words, trail)
  dialled.onText = (text) => listener.heard(text)
  for (const bytes of requests) trail.add(bytes.toString('latin1'))
  dialled.say(Buffer.concat(requests))
  if (random.chance(0.7)) dialled.end()
  await dialled.until(() => dialled.isClosed, random.pick(HTTP_PATIENCE_MS))
  dialled.reset()
  listener.check()
  return requests.length
}

/** A hello that may be a member's, and frames behind it. */
export async function feedFrames({ node, random, trail, words }: Attack): Promise<number> {
  const dialled = await node.dial('peer', random)
  if (dialled === null) return 1
  const listener = new Listener(words, trail)
  dialled.onText = (text) => listener.heard(text)
  const sent = Array.from({ length: 1 + random.int(FRAMES_MAX) }, () => peerFrame(random))
  if (random.chance(0.8)) {
    const nodeId = random.pick(['n1', 'n2', 'n3', 'nobody'])
    sent.unshift({ kind: LinkKind.hello, payload: helloFrame({ clusterId: node.clusterId, nodeId }) })
    if (random.chance(0.5)) sent.splice(1, 0, { kind: LinkKind.accept, payload: new Uint8Array() })
  }
  const bytes = Buffer.concat(
    sent.flatMap(({ kind, payload }) => encodeFragment(Lane.control, kind, random.chance(0.1), [payload])),
  )
  trail.add(`frames ${bytes.toString('hex')}`)
  dialled.say(random.chance(0.2) ? damaged(random, bytes) : bytes)
  await dialled.until(() => dialled.isClosed, random.pick([10, PATIENCE_MS]))
  dialled.reset()
  listener.check()
  return sent.length
}

/** What is no TLS, no relay, no HTTP and no line, at any port. */
export async function feedNoise({ node, random, trail, words, hello }: Attack): Promise<number> {
  const door = random.pick<Door>(['client', 'http', 'peer'])
  const bytes = strangersWords(random, hello)
  trail.add(`${door}: ${bytes.toString('latin1')}`)
  const dialled = await Dialled.bare(node.ports[door], random.chance(0.5) ? node.relayAddress : null)
  if (dialled === null) return 1
  const listener = new Listener(words, trail)
  dialled.onText = (text) => listener.heard(text)
  dialled.say(bytes)
  if (random.chance(0.6)) dialled.end()
  await dialled.until(() => dialled.isClosed, random.pick([10, PATIENCE_MS]))
  dialled.reset()
  listener.check()
  return 1
}
