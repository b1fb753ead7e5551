/** Reads on any node: never older than the question, bounded, and asked again when an answer is lost. */
import { describe, expect, it } from 'vitest'
import { MsgType } from '../../../src/raft/core/messages.js'
import { READ_PATIENCE_MS, READ_RETRY_MS, READS_WAITING_COUNT } from '../../../src/raft/limits.js'
import { ReadContexts } from '../../../src/raft/node/reads/read-contexts.js'
import { type ReadOutcome, Reads } from '../../../src/raft/node/reads/reads.js'
import { FrameKind } from '../../../src/raft/ports/transport.js'
import { decodeMessages } from '../../../src/raft/wire/raft-codec.js'
import { VirtualClock } from '../../../src/testing/virtual-clock.js'
import { settle } from '../../kit/settle.js'
import { TestCluster, type TestNode } from './cluster.js'

const words = (node: TestNode): readonly string[] => node.machine.state.words

async function formed(seed: number): Promise<{ cluster: TestCluster; leader: TestNode; followers: TestNode[] }> {
  const cluster = new TestCluster(seed, 3)
  await cluster.startAll()
  const leader = await cluster.waitForLeader()
  const followers = [...cluster.nodes.values()].filter((node) => node !== leader)
  await cluster.waitFor('a leader known', () => followers.every(({ node }) => node.leader() === leader.nodeId))
  return { cluster, leader, followers }
}

/** Types of the messages in a frame of Raft. */
const typesIn = (kind: FrameKind, payload: Uint8Array): MsgType[] =>
  kind === FrameKind.raft ? decodeMessages(payload, () => undefined).map(({ type }) => type) : []

/** What a read at this node came to, with what the state held when it did; null: nothing yet. */
function read(at: TestNode): { seen: { outcome: ReadOutcome; words: readonly string[] } | null } {
  const result: ReturnType<typeof read> = { seen: null }
  at.node.read((outcome) => {
    expect(result.seen).toBeNull()
    result.seen = { outcome, words: [...words(at)] }
  })
  return result
}

describe('a read', () => {
  it('at a follower sees what was acknowledged at the leader a moment ago', async () => {
    const { cluster, leader, followers } = await formed(21)
    const [follower] = followers
    if (follower === undefined) throw new Error('no follower')
    cluster.say(leader, 'told')
    await cluster.waitFor('applied at the leader', () => words(leader).length === 1)
    expect(words(follower)).toEqual([])
    const result = read(follower)
    await cluster.waitFor('answered', () => result.seen !== null)
    expect(result.seen).toEqual({ outcome: 'current', words: ['told'] })
  })

  it('costs no entry, and those that are asked for in one turn share a round', async () => {
    const { cluster, leader, followers } = await formed(22)
    const before = leader.node.status()?.lastIndex
    let questions = 0
    cluster.network.loses = (_from, _to, kind, payload) => {
      questions += typesIn(kind, payload).filter((type) => type === MsgType.readIndex).length
      return false
    }
    const results = followers.flatMap((node) => Array.from({ length: 20 }, () => read(node)))
    results.push(...Array.from({ length: 20 }, () => read(leader)))
    await cluster.waitFor('answered', () => results.every(({ seen }) => seen !== null))
    expect(new Set(results.map(({ seen }) => seen?.outcome))).toEqual(new Set(['current']))
    expect(questions).toBe(followers.length)
    expect(leader.node.status()?.lastIndex).toBe(before)
  })

  it('is asked again when the answer is lost', async () => {
    const { cluster, followers } = await formed(23)
    const [follower] = followers
    if (follower === undefined) throw new Error('no follower')
    let lost = 0
    cluster.network.loses = (_from, _to, kind, payload) => {
      const isAnswer = typesIn(kind, payload).includes(MsgType.readIndexResp)
      if (isAnswer) lost++
      return isAnswer && lost === 1
    }
    const result = read(follower)
    await cluster.waitFor('answered', () => result.seen !== null, 2 * READ_RETRY_MS)
    expect(result.seen?.outcome).toBe('current')
    expect(lost).toBe(2)
  })

  it('goes to the next leader when the first one dies over it', async () => {
    const { cluster, leader, followers } = await formed(24)
    const [follower] = followers
    if (follower === undefined) throw new Error('no follower')
    cluster.say(leader, 'told')
    await cluster.waitFor('applied', () => followers.every((node) => words(node).length === 1))
    const result = read(follower)
    cluster.kill(leader.nodeId)
    await cluster.waitFor('answered', () => result.seen !== null)
    expect(result.seen).toEqual({ outcome: 'current', words: ['told'] })
  })

  it('waits for a leader while none is known', async () => {
    const { cluster, leader, followers } = await formed(25)
    const [follower] = followers
    if (follower === undefined) throw new Error('no follower')
    cluster.kill(leader.nodeId)
    await cluster.waitFor('no leader', () => follower.node.leader() === null)
    const result = read(follower)
    await cluster.waitFor('answered', () => result.seen !== null)
    expect(result.seen?.outcome).toBe('current')
  })

  it('is unavailable in time at a node that reaches nobody', async () => {
    const { cluster, leader, followers } = await formed(26)
    const [follower] = followers
    if (follower === undefined) throw new Error('no follower')
    for (const { nodeId } of cluster.nodes.values()) cluster.network.cut(follower.nodeId, nodeId)
    cluster.say(leader, 'unheard')
    const askedMs = cluster.clock.nowMs
    const result = read(follower)
    await cluster.waitFor('answered', () => result.seen !== null, 2 * READ_PATIENCE_MS)
    expect(result.seen).toEqual({ outcome: 'unavailable', words: [] })
    expect(cluster.clock.nowMs - askedMs).toBeLessThan(READ_PATIENCE_MS + READ_RETRY_MS)
  })

  it('at a leader that was cut off never tells the state of before', async () => {
    const { cluster, leader, followers } = await formed(27)
    for (const { nodeId } of followers) cluster.network.cut(leader.nodeId, nodeId)
    const early = read(leader)
    await cluster.waitFor('another leads', () => followers.some(({ node }) => node.isLeaderReady()))
    const next = followers.find(({ node }) => node.isLeaderReady())
    if (next === undefined) throw new Error('nobody leads')
    cluster.say(next, 'newer')
    await cluster.waitFor('applied', () => words(next).length === 1)
    const late = read(leader)
    await cluster.clock.run(1_000)
    expect([early.seen, late.seen]).toEqual([null, null])
    cluster.network.heal()
    await cluster.waitFor('answered', () => early.seen !== null && late.seen !== null)
    expect(late.seen).toEqual({ outcome: 'current', words: ['newer'] })
  })

  it('is unavailable at a node that has stopped', async () => {
    const { leader } = await formed(28)
    await leader.node.stop()
    expect(read(leader).seen?.outcome).toBe('unavailable')
  })
})

describe('the queue of reads', () => {
  function queue() {
    const time = new VirtualClock(settle)
    const reads = new Reads(new ReadContexts(0), time.forProcess().clock)
    const asked: number[] = []
    const outcomes: string[] = []
    return {
      reads,
      asked,
      outcomes,
      ask: (name: string) => reads.ask((outcome) => void outcomes.push(`${name} ${outcome}`)),
      begin: () => reads.begin(true, (context) => void asked.push(context)),
      pass: async (ms: number) => {
        await time.run(ms)
        reads.tick()
      },
    }
  }

  it('a question does not join a round that began before it', () => {
    const { reads, ask, begin, outcomes, asked } = queue()
    ask('first')
    begin()
    ask('second')
    begin()
    expect(asked).toEqual([1])
    reads.confirmed(1, 10)
    expect(reads.applied(10)).toBe(true)
    expect(outcomes).toEqual(['first current'])
    begin()
    reads.confirmed(2, 11)
    expect(reads.applied(10)).toBe(false)
    expect(outcomes).toEqual(['first current'])
    reads.applied(11)
    expect(outcomes).toEqual(['first current', 'second current'])
  })

  it('an answer to the first of two attempts counts, and one to an earlier round does not', async () => {
    const { reads, ask, begin, outcomes, asked, pass } = queue()
    ask('first')
    begin()
    await pass(READ_RETRY_MS)
    begin()
    expect(asked).toEqual([1, 2])
    reads.confirmed(1, 10)
    reads.applied(10)
    ask('second')
    begin()
    reads.confirmed(2, 10)
    reads.applied(10)
    expect(outcomes).toEqual(['first current'])
  })

  it('is bounded, and has room again', () => {
    const { reads, ask, begin, outcomes } = queue()
    for (let i = 0; i < READS_WAITING_COUNT; i++) reads.ask(() => undefined)
    ask('too many')
    expect(outcomes).toEqual(['too many unavailable'])
    begin()
    reads.confirmed(1, 1)
    reads.applied(1)
    ask('room')
    begin()
    reads.confirmed(2, 2)
    reads.applied(2)
    expect(outcomes).toEqual(['too many unavailable', 'room current'])
  })

  it('an old question ends wherever it waits, and a new one asked then is not lost', async () => {
    const { reads, ask, begin, outcomes, pass } = queue()
    ask('to be applied')
    begin()
    reads.confirmed(1, 50)
    ask('in the round')
    begin()
    reads.ask((outcome) => {
      outcomes.push(`waiting ${outcome}`)
      ask('asked again')
    })
    await pass(READ_PATIENCE_MS)
    expect(new Set(outcomes)).toEqual(
      new Set(['to be applied unavailable', 'in the round unavailable', 'waiting unavailable']),
    )
    begin()
    reads.confirmed(3, 50)
    reads.applied(50)
    expect(outcomes.at(-1)).toBe('asked again current')
  })

  it('asks nobody while no leader is known, and again when another leads', () => {
    const { reads, ask, begin, asked } = queue()
    ask('first')
    reads.begin(false, (context) => void asked.push(context))
    expect(asked).toEqual([])
    begin()
    expect(reads.leaderChanged()).toBe(true)
    begin()
    expect(asked).toEqual([1, 2])
  })
})
