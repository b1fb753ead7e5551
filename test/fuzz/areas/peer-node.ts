/**
 * Frames to a running node in the names of its peers: honest ones of before, again and changed, and such as no member
 * sends. It may close the connection; it must not end, and nothing but a breach of the protocol may be thrown.
 */
import { type Message, MsgType } from '../../../src/raft/core/messages.js'
import { type FrameKind, FrameKind as Kind, PeerProtocolError } from '../../../src/raft/ports/transport.js'
import { decodeMessages, encodeMessages } from '../../../src/raft/wire/raft-codec.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { helloOf } from '../../kit/hello.js'
import { TestCluster } from '../../raft/node/cluster.js'
import { type Area, describe, Finding, Trail } from '../area.js'
import { packed } from '../packed.js'
import { anyMessage } from '../peer-grammar.js'
import { damaged, EXTREME_INTEGERS } from '../values.js'

const FRAMES = 400
const TURN_MS = 3
const ATTACKED = 'n1'
const LIARS = ['n2', 'n3'] as const

interface Heard {
  readonly from: string
  readonly kind: FrameKind
  readonly payload: Uint8Array
}

class Case {
  readonly #random: SeededRandom
  readonly #trail = new Trail(20)
  readonly #cluster: TestCluster
  readonly #heard: Heard[] = []

  constructor(seed: number) {
    this.#random = new SeededRandom(seed)
    this.#cluster = new TestCluster(seed, 3, { snapshotIntervalEntries: this.#random.pick([20, 100_000]) })
  }

  async run(): Promise<number> {
    await this.#form()
    for (let frame = 0; frame < FRAMES; frame++) {
      this.#inject()
      if (this.#random.chance(0.1)) await this.#cluster.clock.run(this.#random.int(2 * TURN_MS))
      if (this.#random.chance(0.01)) await this.#cluster.clock.run(2_000)
      this.#check()
    }
    await this.#cluster.clock.run(5_000)
    this.#check()
    this.#cluster.kill(ATTACKED)
    return FRAMES
  }

  /** An honest cluster does some work; what the node hears of the others is remembered. Then liars take their places. */
  async #form(): Promise<void> {
    const cluster = this.#cluster
    const random = this.#random
    await cluster.startAll()
    const transport = cluster.network.node(ATTACKED)
    if (transport === undefined) throw new Error('no node to attack')
    for (const liar of LIARS) this.#listenTo(liar)
    for (let word = 0; word < 5 + random.int(40); word++) {
      cluster.say(await cluster.waitForLeader(), `word ${word}`)
      await cluster.clock.run(random.int(60))
    }
    // Mostly a follower is attacked, and now and then the leader.
    for (const liar of LIARS) cluster.kill(liar)
    const clusterId = cluster.nodes.get(ATTACKED)?.identity?.clusterId ?? ''
    for (const [at, nodeId] of LIARS.entries()) {
      const held = { term: 0, vote: 0, lastIndex: 0 }
      const uid = cluster.disks.get(nodeId)?.identity?.memberUid ?? ''
      const hello = helloOf({ clusterId, nodeId, raftId: at + 2, memberUid: uid, processId: `liar ${at}`, held })
      transport.pretend(hello)
    }
  }

  #listenTo(from: string): void {
    const transport = this.#cluster.network.node(from)
    if (transport === undefined) return
    const send = transport.send.bind(transport)
    transport.send = (to, lane, kind, parts) => {
      if (to === ATTACKED) this.#heard.push({ from, kind, payload: Uint8Array.from(Buffer.concat(parts)) })
      return send(to, lane, kind, parts)
    }
  }

  #inject(): void {
    const { from, kind, payload } = this.#frame()
    this.#trail.add(`${from} ${kind} ${Buffer.from(payload).toString('hex')}`)
    const error = this.#cluster.network.inject(ATTACKED, from, kind, payload)
    if (error === null || error instanceof PeerProtocolError) return
    throw new Finding(`a frame of kind ${kind} made the node throw ${describe(error)}`, this.#trail.lines, {
      cause: error,
    })
  }

  #frame(): Heard {
    const random = this.#random
    const from: string = random.pick(LIARS)
    if (this.#heard.length > 0 && random.chance(0.6)) {
      const honest = random.pick(this.#heard)
      if (honest.kind === Kind.raft && random.chance(0.7)) return { ...honest, payload: this.#lie(honest.payload) }
      return random.chance(0.8) ? { ...honest, payload: damaged(random, honest.payload) } : honest
    }
    const kind = random.pick(Object.values(Kind))
    if (kind === Kind.raft) return { from, kind, payload: encoded([anyMessage(random)]) ?? random.bytes(9) }
    return { from, kind, payload: random.chance(0.8) ? packed(random) : random.bytes(random.int(60)) }
  }

  /** Honest messages with a few fields changed: near what is so, or far from it. */
  #lie(payload: Uint8Array): Uint8Array {
    const random = this.#random
    const messages = decodeMessages(payload).map((message) => this.#altered(message))
    return encoded(messages) ?? damaged(random, payload)
  }

  #altered(message: Message): Message {
    const random = this.#random
    const made = { ...message }
    const keys = ['term', 'logTerm', 'index', 'commit', 'vote', 'rejectHint'] as const
    for (let times = random.int(3); times > 0; times--) {
      const key = random.pick(keys)
      made[key] = random.chance(0.7)
        ? Math.max(0, made[key] + random.int(7) - 3)
        : Math.abs(random.pick(EXTREME_INTEGERS))
    }
    if (random.chance(0.1)) made.type = random.pick(Object.values(MsgType))
    if (random.chance(0.1)) made.reject = !made.reject
    if (random.chance(0.1)) made.from = random.pick([1, 2, 3, 4])
    if (random.chance(0.2)) {
      made.entries = made.entries.map((entry) => ({
        ...entry,
        index: entry.index + random.int(3) - 1,
        term: entry.term + random.int(2),
      }))
    }
    return made
  }

  #check(): void {
    const node = this.#cluster.nodes.get(ATTACKED)
    const fatal = node?.fatal
    if (fatal == null) return
    const what = `the node ended with ${fatal.exitCode}: ${describe(fatal.error)}`
    throw new Finding(what, this.#trail.lines, { cause: fatal.error })
  }
}

/** Null if no node could write it. */
function encoded(messages: readonly Message[]): Uint8Array | null {
  try {
    return Buffer.concat(encodeMessages(messages))
  } catch {
    return null
  }
}

export const peerNode: Area = {
  name: 'peer-node',
  what: 'frames in the names of its peers, to a running node: repeated, changed, and such as no member sends',
  through: 'memory',
  play: (seed) => new Case(seed).run(),
}
