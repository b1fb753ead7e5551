/** Whatever a peer sends: the node goes on, and closes at most the connection over which it came. */
import { pack } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import { MsgType, message } from '../../../src/raft/core/messages.js'
import { EntryType } from '../../../src/raft/core/types.js'
import { encodeBatch } from '../../../src/raft/node/command-batch.js'
import { FrameKind, PeerProtocolError } from '../../../src/raft/ports/transport.js'
import { encodeMessages } from '../../../src/raft/wire/raft-codec.js'
import { helloOf } from '../../kit/hello.js'
import { seededRandom } from '../net/kit.js'
import { TestCluster, type TestNode } from './cluster.js'

const EXTREMES = [0, 1, 2, 3, 5, 1_000, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 52, 2 ** 53 - 2, 2 ** 53 - 1]
const NOT_NUMBERS = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '7', null, undefined, [], {}]
const text = (word: string): Uint8Array => new TextEncoder().encode(word)

interface Attacked {
  readonly cluster: TestCluster
  readonly node: TestNode
  readonly clusterId: string
}

/** A follower or leader of a formed cluster whose other members are gone: what comes in their names is made up. */
async function attacked(seed: number): Promise<Attacked> {
  const cluster = new TestCluster(seed, 3)
  await cluster.startAll()
  const leader = await cluster.waitForLeader()
  cluster.say(leader, 'before')
  await cluster.waitFor('applied', () =>
    [...cluster.nodes.values()].every((one) => one.machine.state.words.length === 1),
  )
  for (const nodeId of ['n2', 'n3']) cluster.kill(nodeId)
  const node = cluster.nodes.get('n1')
  if (node?.identity == null) throw new Error('no node')
  return { cluster, node, clusterId: node.identity.clusterId }
}

function pretend({ cluster, clusterId }: Attacked, nodeId: string, raftId: number): void {
  const hello = helloOf({ clusterId, nodeId, raftId, memberUid: `uid of ${nodeId}`, processId: `hostile ${nodeId}` })
  expect(cluster.network.node('n1')?.pretend(hello)).toEqual({ accept: true })
}

describe('a frame that no member sends', () => {
  const raft = (fields: Parameters<typeof message>[3]) =>
    Buffer.concat(encodeMessages([message(MsgType.app, 1, 2, { term: 9, ...fields })]))
  const entry = (index: number, term = 1, data = encodeBatch([text('x')])) => ({
    index,
    term,
    type: EntryType.normal,
    data,
  })
  const begin = (metadata: object) => pack({ id: 1, sizeBytes: 10, metadata, term: 9, from: 2, to: 1 })
  const confState = { voters: [1, 2, 3], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false }
  const cases: [string, FrameKind, Uint8Array][] = [
    ['raft messages that are cut off', FrameKind.raft, raft({}).subarray(0, 20)],
    ['no raft messages at all', FrameKind.raft, new Uint8Array(0)],
    ['entries with a gap', FrameKind.raft, raft({ index: 1, logTerm: 1, entries: [entry(2), entry(4)] })],
    ['entries of a term to come', FrameKind.raft, raft({ index: 1, logTerm: 1, entries: [entry(2, 10)] })],
    ['an entry that is no batch', FrameKind.raft, raft({ index: 1, logTerm: 1, entries: [entry(2, 1, text('x'))] })],
    ['a term that is near 2^53', FrameKind.raft, raft({ term: 2 ** 53 - 1 })],
    ['a term far ahead', FrameKind.raft, raft({ term: 2 ** 40 })],
    ['no term', FrameKind.raft, raft({ term: 0 })],
    [
      'a word that only an own thread says',
      FrameKind.raft,
      Buffer.concat(encodeMessages([message(MsgType.forgetLeader, 1, 2)])),
    ],
    ['an empty batch of proposals', FrameKind.propose, new Uint8Array(0)],
    ['a batch that is cut off', FrameKind.propose, encodeBatch([text('hello')]).subarray(0, 4)],
    ['a command that the machine cannot read', FrameKind.propose, encodeBatch([text('ok'), text('garbage')])],
    [
      'a snapshot whose index is a path',
      FrameKind.snapshotBegin,
      begin({ index: '../../../etc/x', term: 1, confState }),
    ],
    [
      'a snapshot without voters',
      FrameKind.snapshotBegin,
      begin({ index: 1, term: 1, confState: { ...confState, voters: [] } }),
    ],
    ['a snapshot that is nothing', FrameKind.snapshotBegin, pack(null)],
    ['a chunk without a header', FrameKind.snapshotChunk, new Uint8Array(3)],
    ['a chunk at no offset', FrameKind.snapshotChunk, new Uint8Array(Buffer.from('7ff8000000000000'.repeat(3), 'hex'))],
    ['an acknowledgement of nothing', FrameKind.snapshotAck, pack({ id: 1, offset: -1, state: 'more' })],
    ['no MessagePack', FrameKind.snapshotAck, Buffer.from('c1c1', 'hex')],
    ['a bootstrap by nobody', FrameKind.bootstrap, pack('hello')],
    [
      'a bootstrap in the year 292,000,000',
      FrameKind.bootstrap,
      pack({ clusterId: 'c', listHash: '', createdUnixSeconds: 2 ** 52, nodeLeaseMs: 1, confirmed: true }),
    ],
  ]

  it.each(cases)('%s: is malformed, and nothing of it is used', async (_name, kind, payload) => {
    const target = await attacked(101)
    pretend(target, 'n2', 2)
    const { cluster, node } = target
    expect(cluster.network.inject('n1', 'n2', kind, payload)).toBeInstanceOf(PeerProtocolError)
    await cluster.clock.run(300)
    expect(node.fatal).toBeNull()
    expect(node.node.term()).toBeLessThan(9)
    expect(node.machine.state.words).toEqual(['before'])
  })

  it('a kind or a message type of a newer program is left alone, and counted', async () => {
    const target = await attacked(102)
    pretend(target, 'n2', 2)
    const { cluster, node } = target
    const term = node.node.term()
    expect(cluster.network.inject('n1', 'n2', 0x2f as FrameKind, text('from the future'))).toBeNull()
    const newer = Buffer.concat(encodeMessages([message(60 as MsgType, 1, 2, { term: 9 })]))
    expect(cluster.network.inject('n1', 'n2', FrameKind.raft, newer)).toBeNull()
    expect(node.node.droppedFrames()).toBe(2)
    expect(node.node.term()).toBe(term)
  })

  it('a command of a newer program is left out and counted, and the others of its frame are proposed', async () => {
    const target = await attacked(104)
    pretend(target, 'n2', 2)
    const { cluster, node } = target
    const frame = encodeBatch([text('newer one'), text('known')])
    expect(cluster.network.inject('n1', 'n2', FrameKind.propose, frame)).toBeNull()
    expect(node.node.droppedFrames()).toBe(1)
  })

  it('a message in the name of another member does not count', async () => {
    const target = await attacked(103)
    pretend(target, 'n2', 2)
    pretend(target, 'n3', 3)
    const { cluster, node } = target
    const term = node.node.term() + 5
    const fromThree = Buffer.concat(encodeMessages([message(MsgType.heartbeat, 1, 3, { term })]))
    expect(cluster.network.inject('n1', 'n2', FrameKind.raft, fromThree)).toBeNull()
    await cluster.clock.run(20)
    expect(node.node.term()).toBeLessThan(term)
    expect(cluster.network.inject('n1', 'n3', FrameKind.raft, fromThree)).toBeNull()
    await cluster.clock.run(20)
    expect([node.node.term(), node.node.leader()]).toEqual([term, 'n3'])
  })

  it('a commit index above the log: the connection ends; only whom this node dialled is believed', async () => {
    const target = await attacked(104)
    pretend(target, 'n2', 2)
    const { cluster, node } = target
    const ahead = Buffer.concat(encodeMessages([message(MsgType.heartbeat, 1, 2, { term: 9, commit: 1_000 })]))
    expect(cluster.network.inject('n1', 'n2', FrameKind.raft, ahead)).toBeInstanceOf(PeerProtocolError)
    expect(node.fatal).toBeNull()
    cluster.network.node('n1')?.dialledTo('n2')
    expect(cluster.network.inject('n1', 'n2', FrameKind.raft, ahead)).toBeInstanceOf(PeerProtocolError)
    await cluster.clock.run(50)
    expect(node.fatal).toMatchObject({ exitCode: 4, error: { message: expect.stringMatching(/put back/) } })
  })
})

describe('random frames', () => {
  it('never end a node, whatever their kind and their values', async () => {
    const seed = Number(process.env.TNL_SEED ?? Math.floor(Math.random() * 2 ** 31))
    const random = seededRandom(seed)
    const target = await attacked(seed)
    const { cluster, node } = target
    const fuzz = new FrameFuzzer(random, node)
    for (let round = 0; round < 3_000; round++) {
      const [nodeId, raftId] = random() < 0.5 ? (['n2', 2] as const) : (['n3', 3] as const)
      if (round % 50 === 0) pretend(target, nodeId, raftId)
      const [kind, payload] = fuzz.frame(raftId)
      const error = cluster.network.inject('n1', nodeId, kind, payload)
      if (error !== null) expect(error, `seed ${seed}, round ${round}`).toBeInstanceOf(PeerProtocolError)
      if (round % 10 === 0) await cluster.clock.run(5 + random() * 200)
      expect(node.fatal, `seed ${seed}, round ${round}, kind ${kind}`).toBeNull()
    }
  }, 60_000)
})

/** Frames of every kind: noise, and what is nearly right, with the values at which numbers break. */
class FrameFuzzer {
  constructor(
    private readonly random: () => number,
    private readonly node: TestNode,
  ) {}

  frame(raftId: number): [FrameKind, Uint8Array] {
    const kind = this.#pick([1, 1, 1, 1, 1, 2, 3, 3, 4, 5, 6, 6, 0, 15, 0x2f]) as FrameKind
    if (this.random() < 0.2) return [kind, this.#noise()]
    switch (kind) {
      case FrameKind.raft:
        return [kind, this.#cut(Buffer.concat(encodeMessages(this.#messages(raftId))))]
      case FrameKind.propose:
        return [kind, this.#cut(encodeBatch([this.#noise(), text('word')]))]
      case FrameKind.snapshotChunk: {
        const bytes = new Uint8Array(40)
        new DataView(bytes.buffer).setFloat64(0, Number(this.#number()))
        new DataView(bytes.buffer).setFloat64(8, Number(this.#number()))
        return [kind, this.#cut(bytes)]
      }
      default:
        return [kind, this.#cut(pack(this.#fields(raftId)))]
    }
  }

  #messages(from: number) {
    const types = [...Object.values(MsgType).filter((type) => ![0, 1, 10, 11, 12, 19, 20, 21, 22].includes(type)), 60]
    return Array.from({ length: 1 + Math.floor(this.random() * 3) }, () => {
      const term = this.#near(this.node.node.term())
      const index = this.#near(this.node.node.status()?.lastIndex ?? 0)
      const logTerm = this.random() < 0.7 ? Math.min(term, this.node.node.term()) : this.#integer()
      return message(this.#pick(types) as MsgType, 1, from, {
        term,
        index,
        logTerm,
        commit: this.#near(index),
        vote: this.#pick([0, 1, 2, 3]),
        reject: this.random() < 0.3,
        rejectHint: this.#near(index),
        context: this.random() < 0.7 ? new Uint8Array(0) : this.#noise().subarray(0, 8),
        entries: this.random() < 0.5 ? [] : this.#entries(index, logTerm, term),
      })
    })
  }

  #entries(index: number, logTerm: number, term: number) {
    const wild = this.random() < 0.3
    return Array.from({ length: 1 + Math.floor(this.random() * 3) }, (_, at) => ({
      index: wild ? this.#integer() : Math.min(index + 1 + at, Number.MAX_SAFE_INTEGER),
      term: wild ? this.#integer() : Math.max(logTerm, Math.min(term, 1 + at)),
      type: (wild ? this.#pick([0, 1, 2]) : EntryType.normal) as EntryType,
      data: wild ? this.#noise() : encodeBatch([text('from a stranger')]),
    }))
  }

  #fields(raftId: number): object {
    const confState = {
      voters: this.#pick([[1, 2, 3], [], [1, 1], [0], ['1']]),
      learners: this.#pick([[], [4], [1], [-1]]),
      votersOutgoing: this.#pick([[], [], [1, 2], [Number.NaN]]),
      learnersNext: this.#pick([[], [], [2], [9]]),
      autoLeave: this.#pick([false, true, 1]),
    }
    const fields: Record<string, unknown> = {
      id: this.#number(),
      sizeBytes: this.#number(),
      metadata: this.#pick<unknown>([{ index: this.#number(), term: this.#number(), confState }, null, 7, []]),
      term: this.#number(),
      from: raftId,
      to: 1,
      offset: this.#number(),
      state: this.#pick(['more', 'done', 'failed', 'other', 0]),
      join: this.#pick([true, false, undefined]),
      clusterId: this.#pick(['c', '', 'x'.repeat(5_000), 7]),
      raftId: this.#number(),
      members: this.#pick<unknown>([[], [null], [{ nodeId: 'n9', raftId: 9, address: '' }], 'n9']),
      listHash: this.#pick<unknown>(['', 'h', {}]),
      createdUnixSeconds: this.#number(),
      nodeLeaseMs: this.#number(),
      confirmed: this.#pick([true, false, 'yes']),
    }
    for (const name of Object.keys(fields)) if (this.random() < 0.05) delete fields[name]
    return fields
  }

  /** Any number, sometimes none at all. */
  #number(): unknown {
    return this.random() < 0.3 ? this.#pick(NOT_NUMBERS) : this.#integer()
  }
  #integer(): number {
    return this.#pick(EXTREMES)
  }
  #near(value: number): number {
    if (this.random() < 0.2) return this.#integer()
    return Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, value + Math.floor(this.random() * 4) - 1))
  }
  #noise(): Uint8Array {
    return Uint8Array.from({ length: Math.floor(this.random() * 40) }, () => this.random() * 256)
  }
  #cut(bytes: Uint8Array): Uint8Array {
    return this.random() < 0.9 ? bytes : bytes.subarray(0, Math.floor(this.random() * bytes.length))
  }
  #pick<T>(from: readonly T[]): T {
    const one = from[Math.floor(this.random() * from.length)]
    if (one === undefined) return from[0] as T
    return one
  }
}
