import { pack, unpack } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import type { Clock } from '../../../src/platform.js'
import { type Message, MsgType } from '../../../src/raft/core/messages.js'
import { EMPTY_BYTES, EMPTY_CONF_STATE } from '../../../src/raft/core/types.js'
import { SnapshotInbox, SnapshotSender } from '../../../src/raft/node/snapshots/snapshot-transfer.js'
import type { LogStore, SnapshotReader, SnapshotReceiver } from '../../../src/raft/ports/store.js'
import type { Transport } from '../../../src/raft/ports/transport.js'
import { VirtualClock } from '../../../src/testing/virtual-clock.js'
import { settle } from '../../kit/settle.js'
import { readsAll } from '../store/helpers.js'

const METADATA = { index: 9, term: 2, confState: EMPTY_CONF_STATE }

/** A leader with one snapshot, whose peer finds it wrong. */
async function rejected(chunks: () => AsyncIterable<Uint8Array>) {
  const reader = {
    sizeBytes: 10,
    chunks,
    readRaw: async () => new Uint8Array(10),
    close: async () => undefined,
  } as unknown as SnapshotReader
  let opened = 0
  const openSnapshot = async () => {
    // Newer snapshots have replaced it since the transfer began.
    if (++opened > 1) throw new Error('no such snapshot')
    return reader
  }
  const store = { openSnapshot } as unknown as LogStore
  const begins: Uint8Array[] = []
  const transport = {
    send: (_to: string, _lane: number, _kind: number, parts: Uint8Array[]) => begins.push(...parts) > 0,
  } as unknown as Transport
  const clock = { after: () => ({ cancel: () => undefined }) } as unknown as Clock
  const [reports, errors]: [boolean[], unknown[]] = [[], []]
  const sender = new SnapshotSender(
    store,
    transport,
    clock,
    1,
    (_to, ok) => reports.push(ok),
    (error) => errors.push(error),
    () => undefined,
  )
  const snapshot = { metadata: METADATA, data: EMPTY_BYTES }
  sender.start('n2', { type: MsgType.snap, to: 2, from: 1, term: 2, snapshot } as unknown as Message)
  await new Promise(setImmediate)
  const { id } = unpack(begins[0] ?? EMPTY_BYTES) as { id: number }
  sender.handleAck('n2', pack({ id, offset: 0, state: 'failed' }))
  await new Promise(setImmediate)
  return { reports, errors }
}

describe('a snapshot that its receiver rejects', () => {
  it('is not sent again for ever if the file here is damaged: the node stops', async () => {
    const damage = new Error('damaged')
    const { reports, errors } = await rejected(async function* () {
      yield new Uint8Array(4)
      throw damage
    })
    expect(reports).toEqual([false])
    expect(errors).toEqual([damage])
  })

  it('may be sent again if it is sound', async () => {
    const { reports, errors } = await rejected(async function* () {
      yield new Uint8Array(4)
    })
    expect(reports).toEqual([false])
    expect(errors).toEqual([])
  })
})

describe('a snapshot that arrives', () => {
  it('ends with a chunk that is not the next one', async () => {
    const written: number[] = []
    const receiver = {
      write: async (offset: number, bytes: Uint8Array) => written.push(offset) && offset + bytes.length,
      abort: async () => undefined,
    } as unknown as SnapshotReceiver
    const store = { receiveSnapshot: async () => receiver } as unknown as LogStore
    const states: string[] = []
    const transport = {
      send: (_to: string, _lane: number, _kind: number, [ack = EMPTY_BYTES]: Uint8Array[]) =>
        states.push((unpack(ack) as { state: string }).state) > 0,
    } as unknown as Transport
    const fail = (error: unknown) => {
      throw error
    }
    const inbox = new SnapshotInbox(
      store,
      transport,
      new VirtualClock(settle).forProcess().clock,
      () => readsAll,
      () => undefined,
      fail,
    )
    inbox.handleBegin('n2', { id: 7, sizeBytes: 10, metadata: METADATA, term: 2, from: 1, to: 2 })
    const chunk = (offset: number) => {
      const bytes = new Uint8Array(16 + 4)
      new DataView(bytes.buffer).setFloat64(0, 7)
      new DataView(bytes.buffer).setFloat64(8, offset)
      return bytes
    }
    inbox.handleChunk('n2', chunk(0))
    inbox.handleChunk('n2', chunk(6))
    await new Promise(setImmediate)
    expect(written).toEqual([0])
    expect(states).toEqual(['more', 'more', 'failed'])
  })
})
