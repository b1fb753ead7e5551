/**
 * Snapshot transfer between peers: the file goes in chunks on the bulk lane, so that heartbeats
 * pass it; the receiver has it durable before the core is told. Any gap or error ends the transfer; the leader's core
 * then probes again and a new transfer starts at offset 0.
 */
import { pack } from 'msgpackr'
import type { Clock, Timer } from '../../../platform.js'
import { type Message, MsgType } from '../../core/messages.js'
import { EMPTY_BYTES, NONE, type RaftId, type SnapshotMetadata, type Term } from '../../core/types.js'
import {
  SNAPSHOT_TRANSFER_CHUNK_BYTES,
  SNAPSHOT_TRANSFER_STALL_MS,
  SNAPSHOT_TRANSFER_WINDOW_CHUNKS,
  SNAPSHOT_TRANSFER_WORKING_MS,
} from '../../limits.js'
import {
  type LogStore,
  type SnapshotReader,
  type SnapshotReceiver,
  SnapshotRejected,
  type StateReader,
} from '../../ports/store.js'
import { FrameKind, Lane, type Transport } from '../../ports/transport.js'
import {
  type Ack,
  type Begin,
  CHUNK_HEADER_BYTES,
  readAck,
  readChunkHeader,
  writeChunkHeader,
} from '../../wire/control-messages.js'

interface Outgoing {
  readonly id: number
  readonly raftId: RaftId
  readonly begin: Begin
  reader: SnapshotReader | null
  sent: number
  acked: number
  reading: boolean
  stall: Timer
}

export class SnapshotSender {
  #nextId: number
  readonly #outgoing = new Map<string, Outgoing>()
  #isVerifying = false

  constructor(
    private readonly store: LogStore,
    private readonly transport: Transport,
    private readonly clock: Clock,
    firstId: number,
    private readonly report: (to: RaftId, ok: boolean) => void,
    private readonly onError: (error: unknown) => void,
    private readonly warn: (message: string) => void,
  ) {
    this.#nextId = firstId
  }

  /** One transfer per peer: a repeated request for one under way changes nothing. */
  start(nodeId: string, message: Message): void {
    const { snapshot } = message
    if (snapshot === null || this.#outgoing.has(nodeId)) return
    const id = this.#nextId++
    const { metadata } = snapshot
    const begin = { id, sizeBytes: 0, metadata, term: message.term, from: message.from, to: message.to }
    const stall = this.#watch(nodeId, id)
    const transfer: Outgoing = { id, raftId: message.to, begin, reader: null, sent: 0, acked: 0, reading: false, stall }
    this.#outgoing.set(nodeId, transfer)
    this.store.openSnapshot(metadata.index, metadata.term).then(
      (reader) => {
        transfer.reader = reader
        const header = pack({ ...begin, sizeBytes: reader.sizeBytes } satisfies Begin)
        if (!this.transport.send(nodeId, Lane.bulk, FrameKind.snapshotBegin, [header]))
          this.#end(nodeId, transfer, false)
      },
      () => this.#end(nodeId, transfer, false),
    )
  }

  handleAck(nodeId: string, payload: Uint8Array): void {
    const ack = readAck(payload)
    const transfer = this.#outgoing.get(nodeId)
    if (transfer === undefined || transfer.id !== ack.id) return
    if (ack.state === 'more') {
      // Said again while its disk works, and perhaps behind a later one.
      transfer.acked = Math.min(Math.max(transfer.acked, ack.offset), transfer.sent)
      transfer.stall.cancel()
      transfer.stall = this.#watch(nodeId, transfer.id)
      this.#pump(nodeId, transfer)
      return
    }
    if (ack.state === 'failed') this.#verify(transfer)
    this.#end(nodeId, transfer, ack.state === 'done')
  }

  peerDown(nodeId: string): void {
    const transfer = this.#outgoing.get(nodeId)
    if (transfer !== undefined) this.#end(nodeId, transfer, false)
  }

  stop(): void {
    for (const [nodeId, transfer] of [...this.#outgoing]) this.#end(nodeId, transfer, false)
  }

  /**
   * A receiver found it wrong. If the file is damaged, it must not be sent again and again: this node refuses to go on. It is
   * read through the handle of the transfer: its name may be gone, because newer snapshots have replaced it.
   */
  #verify(transfer: Outgoing): void {
    const { reader } = transfer
    if (reader === null || this.#isVerifying) return
    transfer.reader = null
    this.#isVerifying = true
    readThrough(reader).then(() => {
      this.#isVerifying = false
    }, this.onError)
  }

  #pump(nodeId: string, transfer: Outgoing): void {
    const { reader } = transfer
    if (reader === null || transfer.reading || transfer.sent >= reader.sizeBytes) return
    if (transfer.sent - transfer.acked >= SNAPSHOT_TRANSFER_WINDOW_CHUNKS * SNAPSHOT_TRANSFER_CHUNK_BYTES) return
    transfer.reading = true
    reader.readRaw(transfer.sent, SNAPSHOT_TRANSFER_CHUNK_BYTES).then(
      (bytes) => {
        transfer.reading = false
        if (this.#outgoing.get(nodeId) !== transfer) return
        const header = writeChunkHeader({ id: transfer.id, offset: transfer.sent })
        transfer.sent += bytes.length
        if (!this.transport.send(nodeId, Lane.bulk, FrameKind.snapshotChunk, [header, bytes])) {
          this.#end(nodeId, transfer, false)
          return
        }
        this.#pump(nodeId, transfer)
      },
      () => this.#end(nodeId, transfer, false),
    )
  }

  #watch(nodeId: string, id: number): Timer {
    return this.clock.after(SNAPSHOT_TRANSFER_STALL_MS, () => {
      const transfer = this.#outgoing.get(nodeId)
      if (transfer?.id !== id) return
      const { index } = transfer.begin.metadata
      const seconds = SNAPSHOT_TRANSFER_STALL_MS / 1_000
      this.warn(
        `${nodeId} said nothing for ${seconds} s while the snapshot of entry ${index} was sent to it; once more`,
      )
      this.#end(nodeId, transfer, false)
    })
  }

  #end(nodeId: string, transfer: Outgoing, ok: boolean): void {
    if (this.#outgoing.get(nodeId) !== transfer) return
    this.#outgoing.delete(nodeId)
    transfer.stall.cancel()
    // A reader that cannot be closed has nothing left to lose: the file is only read.
    transfer.reader?.close().catch(() => undefined)
    this.report(transfer.raftId, ok)
  }
}

/** Every chunk is verified as it is read. */
async function readThrough(reader: SnapshotReader): Promise<void> {
  try {
    for await (const _ of reader.chunks());
  } finally {
    await reader.close()
  }
}

interface Incoming {
  readonly begin: Begin
  receiver: SnapshotReceiver | null
  offset: number
  /** The work on the file in order; never rejects. */
  work: Promise<void>
  /** Chunks that wait for the disk, and are in memory meanwhile. */
  waiting: number
  /** Says that the disk is at work, until the transfer ends. */
  working: Timer
}

export class SnapshotInbox {
  #incoming = new Map<string, Incoming>()

  constructor(
    private readonly store: LogStore,
    private readonly transport: Transport,
    private readonly clock: Clock,
    /** A reader that shows whether this program can read a snapshot: asked for each, before it counts as received. */
    private readonly makeReader: () => StateReader,
    /** The snapshot is durable: the core may take it. */
    private readonly onReceived: (
      metadata: SnapshotMetadata,
      begin: { term: number; from: RaftId; to: RaftId },
    ) => void,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Null: one that is not for this node. */
  handleBegin(from: string, begin: Begin | null): void {
    if (begin === null) return
    this.peerDown(from)
    const work = Promise.resolve()
    const working = { cancel: () => undefined }
    const incoming: Incoming = { begin, receiver: null, offset: 0, work, waiting: 0, working }
    this.#incoming.set(from, incoming)
    this.#sayWorking(from, incoming)
    this.#enqueue(from, incoming, async () => {
      incoming.receiver = await this.store.receiveSnapshot(begin.metadata, begin.sizeBytes)
      this.#ack(from, incoming, 'more')
    })
  }

  handleChunk(from: string, payload: Uint8Array): void {
    const { id, offset } = readChunkHeader(payload)
    const incoming = this.#incoming.get(from)
    if (incoming === undefined || incoming.begin.id !== id) return
    // More than was asked for. What is missing then ends the transfer as any gap does.
    if (incoming.waiting > SNAPSHOT_TRANSFER_WINDOW_CHUNKS) return
    incoming.waiting++
    // The chunk outlives the socket's buffer: the transport hands out views.
    const bytes = payload.slice(CHUNK_HEADER_BYTES)
    this.#enqueue(from, incoming, () => this.#write(from, incoming, offset, bytes))
  }

  stop(): void {
    for (const { working } of this.#incoming.values()) working.cancel()
  }

  peerDown(from: string): void {
    const incoming = this.#incoming.get(from)
    if (incoming === undefined) return
    this.#incoming.delete(from)
    incoming.working.cancel()
    incoming.work = incoming.work.then(() => incoming.receiver?.abort()).catch(this.onError)
  }

  async #write(from: string, incoming: Incoming, offset: number, bytes: Uint8Array): Promise<void> {
    const { receiver, begin } = incoming
    incoming.waiting--
    if (receiver === null || this.#incoming.get(from) !== incoming) return
    if (offset !== incoming.offset) {
      this.#incoming.delete(from)
      await receiver.abort()
      this.#finished(from, incoming, 'failed')
      return
    }
    incoming.offset = await receiver.write(offset, bytes)
    if (incoming.offset < begin.sizeBytes) {
      this.#ack(from, incoming, 'more')
      return
    }
    this.#incoming.delete(from)
    const metadata = await receiver.finish(this.makeReader())
    this.#finished(from, incoming, 'done')
    this.onReceived(metadata, begin)
  }

  #enqueue(from: string, incoming: Incoming, work: () => Promise<void>): void {
    incoming.work = incoming.work.then(work).catch((error: unknown) => {
      if (this.#incoming.get(from) === incoming) this.#incoming.delete(from)
      this.#finished(from, incoming, 'failed')
      // Not what was announced: nothing of this disk is in doubt, and the leader starts over.
      if (!(error instanceof SnapshotRejected)) this.onError(error)
    })
  }

  /** Also while the whole file is read back and synced, which takes longest. */
  #sayWorking(from: string, incoming: Incoming): void {
    incoming.working = this.clock.after(SNAPSHOT_TRANSFER_WORKING_MS, () => {
      this.#ack(from, incoming, 'more')
      this.#sayWorking(from, incoming)
    })
  }

  #finished(to: string, incoming: Incoming, state: 'done' | 'failed'): void {
    incoming.working.cancel()
    this.#ack(to, incoming, state)
  }

  #ack(to: string, incoming: Incoming, state: Ack['state']): void {
    const ack: Ack = { id: incoming.begin.id, offset: incoming.offset, state }
    this.transport.send(to, Lane.control, FrameKind.snapshotAck, [pack(ack)])
  }
}

/** What the leader's core sent when the transfer began; its data lies on this disk now. */
export function snapshotMessage(metadata: SnapshotMetadata, begin: { term: Term; from: RaftId; to: RaftId }): Message {
  return {
    type: MsgType.snap,
    to: begin.to,
    from: begin.from,
    term: begin.term,
    logTerm: 0,
    index: 0,
    entries: [],
    commit: 0,
    vote: NONE,
    snapshot: { metadata, data: EMPTY_BYTES },
    reject: false,
    rejectHint: 0,
    context: EMPTY_BYTES,
    responses: [],
  }
}
