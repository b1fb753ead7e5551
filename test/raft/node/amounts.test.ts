import { describe, expect, it } from 'vitest'
import { type Message, MsgType, message } from '../../../src/raft/core/messages.js'
import { EMPTY_BYTES, EMPTY_CONF_STATE, type Entry, EntryType } from '../../../src/raft/core/types.js'
import { BUNDLE_FRAME_BYTES, COMMAND_BYTES } from '../../../src/raft/limits.js'
import { byteLength } from '../../../src/raft/net/frame.js'
import { Applier } from '../../../src/raft/node/applier.js'
import { bundles } from '../../../src/raft/node/bundles.js'
import { decodeBatch, encodeBatch } from '../../../src/raft/node/command-batch.js'
import { CommandQueue } from '../../../src/raft/node/command-queue.js'
import { decodeMessages, encodedBytes, encodeMessages } from '../../../src/raft/wire/raft-codec.js'
import { TestCluster } from './cluster.js'

const entryOf = (index: number, bytes: number): Entry => ({
  index,
  term: 1,
  type: EntryType.normal,
  data: new Uint8Array(bytes),
})
const appendOf = (index: number, ...sizes: number[]): Message =>
  message(MsgType.app, 2, 1, { index, entries: sizes.map((bytes, i) => entryOf(index + 1 + i, bytes)) })

describe('what goes to a peer in one turn', () => {
  it('is cut into frames of at most 2 MiB, in order', () => {
    const messages = Array.from({ length: 40 }, (_, i) => appendOf(i * 2, 500_000, (i * 7919) % 500_000))
    const frames = bundles(messages, BUNDLE_FRAME_BYTES).map((bundle) => Buffer.concat(encodeMessages(bundle)))
    expect(Math.max(...frames.map((frame) => frame.length))).toBeLessThanOrEqual(BUNDLE_FRAME_BYTES + 8)
    expect(frames.length).toBeLessThan(25)
    expect(frames.flatMap((frame) => decodeMessages(frame).map(({ index }) => index))).toEqual(
      messages.map(({ index }) => index),
    )
  })

  it('is one frame when it is little, and none when it is nothing', () => {
    const messages = [appendOf(1, 10), appendOf(2, 10)]
    expect(bundles(messages, BUNDLE_FRAME_BYTES)).toEqual([messages])
    expect(bundles([], BUNDLE_FRAME_BYTES)).toEqual([])
  })

  it('is counted as it is encoded', () => {
    const one = appendOf(5, 3, 0, 200)
    expect(byteLength(encodeMessages([one]))).toBe(4 + encodedBytes(one))
  })
})

describe('a queue of commands', () => {
  const limits = { queueBytes: 10_000, batchBytes: 1_000, batchCommands: 50 }

  it('holds what it hands out, encoded, and no more', () => {
    const queue = new CommandQueue(limits)
    let taken = 0
    // Empty commands have no payload at all, and still take a byte each.
    while (queue.push(EMPTY_BYTES)) taken++
    expect(taken).toBe(10_000)
    const batches = queue.take()
    expect(Math.max(...batches.map((batch) => batch.length))).toBeLessThanOrEqual(51)
    let commands = 0
    for (const batch of batches) commands += decodeBatch(batch).length
    expect(commands).toBe(taken)
    expect(queue.push(EMPTY_BYTES)).toBe(true)
  })

  it('closes a batch before it would be too long', () => {
    const queue = new CommandQueue(limits)
    for (let i = 0; i < 20; i++) expect(queue.push(new Uint8Array(300))).toBe(true)
    expect(queue.take().map((batch) => batch.length)).toEqual([...Array(6).fill(907), 605])
  })

  it('refuses a command that no frame should hold', () => {
    const queue = new CommandQueue({ ...limits, queueBytes: Number.POSITIVE_INFINITY })
    expect(queue.push(new Uint8Array(COMMAND_BYTES + 1))).toBe(false)
    expect(queue.push(new Uint8Array(COMMAND_BYTES))).toBe(true)
  })
})

describe('applying', () => {
  it('stops within an order of the core when the turn has had enough, and answers it at its end', () => {
    const applied: number[] = []
    const slices: number[] = []
    const answers: Message[] = []
    const ignore = () => undefined
    const applier = new Applier({
      raw: { applyConfChange: () => EMPTY_CONF_STATE },
      window: { applySnapshot: ignore },
      machine: { applyCommand: ignore, endEntry: ignore, applyMembership: ignore },
      maker: { applied: (index, _term, bytes) => void slices.push(index, bytes), restored: ignore },
      events: {
        entryApplied: (index) => void applied.push(index),
        termApplied: ignore,
        membershipApplied: ignore,
        restored: ignore,
      },
      appliedIndex: 0,
      confState: EMPTY_CONF_STATE,
      term: () => 2,
      respond: (response) => void answers.push(response),
      storeCommit: ignore,
    })
    const data = encodeBatch(Array<Uint8Array>(1_000).fill(EMPTY_BYTES))
    const answer = message(MsgType.storageApplyResp, 1)
    const order = message(MsgType.storageApply, 1, 1, {
      entries: Array.from({ length: 5 }, (_, i) => ({ ...entryOf(i + 1, 0), data })),
      responses: [answer],
    })
    applier.push(order)
    expect(applier.applySome(2_000)).toBe(2_000)
    expect(applied).toEqual([1, 2])
    expect(answers).toEqual([])
    expect(applier.applySome(1)).toBe(1_000)
    expect(applier.applySome(10_000)).toBe(2_000)
    const bytes = data.length
    expect([applied, slices, answers]).toEqual([[1, 2, 3, 4, 5], [2, 2 * bytes, 3, bytes, 5, 2 * bytes], [answer]])
    expect(applier.isIdle).toBe(true)
  })
})

describe('a cluster', () => {
  const KILOBYTE = 'x'.repeat(1_000)
  const FRAME_BYTES_AT_MOST = BUNDLE_FRAME_BYTES + 1_000

  it('brings back a follower that lacks 40 MiB of log, in frames of 2 MiB', async () => {
    const cluster = new TestCluster(71, 3)
    await cluster.startAll()
    const leader = await cluster.waitForLeader()
    const [away] = [...cluster.nodes.values()].filter((node) => node !== leader)
    if (away === undefined) throw new Error('no follower')
    cluster.kill(away.nodeId)
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 1_000; i++) expect(cluster.say(leader, `${KILOBYTE}${round}-${i}`)).toBe(true)
      await cluster.clock.run(5)
    }
    const words = () => leader.machine.state.words.length
    await cluster.waitFor('applied', () => words() === 40_000)
    const back = await cluster.start(away.nodeId)
    await cluster.waitFor('caught up', () => back.machine.state.words.length === 40_000)
    expect([...cluster.nodes.values()].map(({ fatal }) => fatal)).toEqual([null, null, null])
    expect(cluster.network.longestFrameBytes).toBeLessThan(FRAME_BYTES_AT_MOST)
  }, 60_000)

  it('sends on what a follower was asked in one turn in frames of 2 MiB', async () => {
    const cluster = new TestCluster(72, 3)
    await cluster.startAll()
    const leader = await cluster.waitForLeader()
    const [follower] = [...cluster.nodes.values()].filter((node) => node !== leader)
    if (follower === undefined) throw new Error('no follower')
    await cluster.waitFor('leader known', () => follower.node.leader() === leader.nodeId)
    let taken = 0
    while (cluster.say(follower, KILOBYTE)) taken++
    expect(taken).toBeGreaterThan(16_000)
    await cluster.waitFor('applied', () => follower.machine.state.words.length === taken)
    expect([...cluster.nodes.values()].map(({ fatal }) => fatal)).toEqual([null, null, null])
    expect(cluster.network.longestFrameBytes).toBeLessThan(FRAME_BYTES_AT_MOST)
  }, 60_000)
})
