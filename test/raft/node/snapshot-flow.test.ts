import { pack, unpack } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import { type Message, MsgType } from '../../../src/raft/core/messages.js'
import { EMPTY_BYTES, EMPTY_CONF_STATE } from '../../../src/raft/core/types.js'
import { SNAPSHOT_TRANSFER_CHUNK_BYTES, SNAPSHOT_TRANSFER_WINDOW_CHUNKS } from '../../../src/raft/limits.js'
import { SnapshotInbox, SnapshotSender } from '../../../src/raft/node/snapshots/snapshot-transfer.js'
import type { LogStore, SnapshotReader, SnapshotReceiver } from '../../../src/raft/ports/store.js'
import { FrameKind, type Transport } from '../../../src/raft/ports/transport.js'
import { readAck, readChunkHeader, writeChunkHeader } from '../../../src/raft/wire/control-messages.js'
import { VirtualClock } from '../../../src/testing/virtual-clock.js'
import { settle } from '../../kit/settle.js'
import { readsAll } from '../store/helpers.js'

const METADATA = { index: 9, term: 2, confState: EMPTY_CONF_STATE }
const CHUNKS = 12

/** A leader that sends a snapshot of 12 chunks. */
async function sending() {
  const clock = new VirtualClock(settle)
  const sizeBytes = CHUNKS * SNAPSHOT_TRANSFER_CHUNK_BYTES
  const reader = {
    sizeBytes,
    readRaw: async (offset: number, max: number) => new Uint8Array(Math.min(max, sizeBytes - offset)),
    close: async () => undefined,
  } as unknown as SnapshotReader
  const begun: number[] = []
  const offsets: number[] = []
  const transport = {
    send: (_to: string, _lane: number, kind: FrameKind, parts: Uint8Array[]) => {
      const payload = Buffer.concat(parts)
      if (kind === FrameKind.snapshotBegin) begun.push((unpack(payload) as { id: number }).id)
      else offsets.push(readChunkHeader(payload).offset / SNAPSHOT_TRANSFER_CHUNK_BYTES)
      return true
    },
  } as unknown as Transport
  const [reports, warnings]: [boolean[], string[]] = [[], []]
  const sender = new SnapshotSender(
    { openSnapshot: async () => reader } as unknown as LogStore,
    transport,
    clock.forProcess().clock,
    1,
    (_to, ok) => reports.push(ok),
    (error) => {
      throw error
    },
    (message) => warnings.push(message),
  )
  const snapshot = { metadata: METADATA, data: EMPTY_BYTES }
  sender.start('n2', { type: MsgType.snap, to: 2, from: 1, term: 2, snapshot } as unknown as Message)
  await new Promise(setImmediate)
  const ack = async (chunks: number, state: 'more' | 'done' = 'more') => {
    sender.handleAck('n2', pack({ id: begun.at(-1), offset: chunks * SNAPSHOT_TRANSFER_CHUNK_BYTES, state }))
    await new Promise(setImmediate)
  }
  return { clock, begun, offsets, reports, warnings, ack }
}

describe('a snapshot that is sent', () => {
  it('keeps within its window', async () => {
    const { offsets, ack } = await sending()
    expect(offsets).toEqual([])
    await ack(0)
    expect(offsets.length).toBe(SNAPSHOT_TRANSFER_WINDOW_CHUNKS)
    await ack(0)
    expect(offsets.length).toBe(SNAPSHOT_TRANSFER_WINDOW_CHUNKS)
    await ack(2)
    expect(offsets.length).toBe(SNAPSHOT_TRANSFER_WINDOW_CHUNKS + 2)
    // An old word that comes late, and one of what was never sent, open nothing.
    await ack(1)
    await ack(1_000_000)
    expect(offsets.length).toBe(2 * SNAPSHOT_TRANSFER_WINDOW_CHUNKS + 2)
    expect(offsets).toEqual([...offsets.keys()])
  })

  it('goes on for as long as its receiver says something every few seconds', async () => {
    const { clock, reports, ack, offsets } = await sending()
    await ack(0)
    for (let chunks = 1; chunks <= CHUNKS; chunks++) {
      await clock.run(8_000)
      await ack(chunks - 1)
      await clock.run(8_000)
      await ack(chunks)
    }
    expect(reports).toEqual([])
    expect(offsets.length).toBe(CHUNKS)
    await ack(CHUNKS, 'done')
    expect(reports).toEqual([true])
  })

  it('is given up with a word when its receiver says nothing for ten', async () => {
    const { clock, reports, warnings, ack } = await sending()
    await ack(0)
    await clock.run(9_900)
    expect(reports).toEqual([])
    await clock.run(200)
    expect(reports).toEqual([false])
    expect(warnings).toEqual([expect.stringContaining('n2 said nothing for 10 s')])
  })
})

/** A node that receives; `release` lets its disk finish. */
function receiving() {
  const clock = new VirtualClock(settle)
  const log: string[] = []
  let release: () => void = () => undefined
  let opened = 0
  const receiveSnapshot = async (): Promise<SnapshotReceiver> => {
    const name = `file ${++opened}`
    return {
      write: async (offset: number, bytes: Uint8Array) => {
        log.push(`${name} write ${offset}`)
        return offset + bytes.length
      },
      finish: () =>
        new Promise((resolve) => {
          release = () => resolve(METADATA)
        }),
      abort: async () => void log.push(`${name} abort`),
    }
  }
  const acks: { id: number; offset: number; state: string }[] = []
  const transport = {
    send: (_to: string, _lane: number, _kind: number, [ack = EMPTY_BYTES]: Uint8Array[]) => acks.push(readAck(ack)) > 0,
  } as unknown as Transport
  const received: number[] = []
  const inbox = new SnapshotInbox(
    { receiveSnapshot } as unknown as LogStore,
    transport,
    clock.forProcess().clock,
    () => readsAll,
    ({ index }) => received.push(index),
    (error) => {
      throw error
    },
  )
  const begin = async (id: number, sizeBytes = 8) => {
    inbox.handleBegin('n1', { id, sizeBytes, metadata: METADATA, term: 2, from: 1, to: 2 })
    await new Promise(setImmediate)
  }
  const chunk = (id: number, offset: number) => {
    inbox.handleChunk('n1', Buffer.concat([writeChunkHeader({ id, offset }), new Uint8Array(4)]))
  }
  return { clock, log, acks, received, inbox, begin, chunk, release: () => release() }
}

describe('a snapshot that is received', () => {
  it('is said to be in work while a slow disk syncs it, and no longer', async () => {
    const { clock, acks, received, begin, chunk, release } = receiving()
    await begin(5)
    chunk(5, 0)
    chunk(5, 4)
    await new Promise(setImmediate)
    const before = acks.length
    await clock.run(60_000)
    // At least twice in the ten seconds after which it would begin anew.
    expect(acks.length - before).toBeGreaterThanOrEqual(25)
    expect(acks.at(-1)).toEqual({ id: 5, offset: 8, state: 'more' })
    release()
    await new Promise(setImmediate)
    expect([acks.at(-1)?.state, received]).toEqual(['done', [9]])
    const after = acks.length
    await clock.run(60_000)
    expect(acks.length).toBe(after)
  })

  it('ends an earlier one from the same node, of which nothing is taken any more', async () => {
    const { clock, log, acks, begin, chunk } = receiving()
    await begin(5)
    chunk(5, 0)
    await new Promise(setImmediate)
    await begin(6)
    chunk(5, 4)
    chunk(6, 0)
    await new Promise(setImmediate)
    expect(log).toEqual(['file 1 write 0', 'file 1 abort', 'file 2 write 0'])
    const from = acks.length
    await clock.run(10_000)
    expect(new Set(acks.slice(from).map(({ id }) => id))).toEqual(new Set([6]))
  })

  it('does not hold more in memory than was asked for', async () => {
    const { log, begin, chunk } = receiving()
    await begin(5, 1_000)
    for (let n = 0; n < 100; n++) chunk(5, n * 4)
    await new Promise(setImmediate)
    expect(log.length).toBe(SNAPSHOT_TRANSFER_WINDOW_CHUNKS + 1)
  })
})
