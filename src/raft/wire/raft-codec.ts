/**
 * Raft messages on the wire. Written by hand because every replicated entry passes here: the fixed fields of all
 * messages of a frame go into one buffer, entry data is passed on by reference. Little endian.
 *
 *     frame    = u32 count, message × count
 *     message  = u8 type, u8 flags, u64 × 8 (to from term logTerm index commit vote rejectHint),
 *                u32 context bytes, u32 entries, context, [snapshot], entry × entries
 *     entry    = u8 type, u64 term, u64 index, u32 data bytes, data
 *     snapshot = u64 index, u64 term, u8 autoLeave, ids × 4, u32 data bytes, data        ids = u32 count, u64 × count
 */
import { ByteReader, FormatError } from '../../bytes/reader.js'
import { ByteWriter, U64_BYTES } from '../../bytes/writer.js'
import { invariant } from '../../invariant.js'
import { isLocalMsg, type Message, MsgType, message } from '../core/messages.js'
import type { ConfState, Entry, RaftId, Snapshot } from '../core/types.js'
import { EntryType } from '../core/types.js'
import { PeerProtocolError } from '../ports/transport.js'

const COUNT_BYTES = 4
const MESSAGE_BYTES = 2 + 8 * U64_BYTES + 2 * COUNT_BYTES
const ENTRY_BYTES = 1 + 2 * U64_BYTES + COUNT_BYTES
const SNAPSHOT_BYTES = 2 * U64_BYTES + 1 + 5 * COUNT_BYTES

const FLAG_REJECT = 1
const FLAG_SNAPSHOT = 2
const KNOWN_FLAGS = FLAG_REJECT | FLAG_SNAPSHOT

const NO_ENTRIES: readonly Entry[] = []

// -------------------------------------------------------------------------------------------- encoding

/**
 * The payload of one frame, as parts for `Transport.send`. Entry and snapshot data are not copied: they must not change
 * until the frame has left. Messages of a node to itself must not be among them.
 */
export function encodeMessages(messages: readonly Message[]): readonly Uint8Array[] {
  let fixedBytes = COUNT_BYTES
  for (const m of messages) fixedBytes += fixedBytesOf(m)
  const writer = new ByteWriter(fixedBytes)
  writer.u32(messages.length)
  for (const m of messages) writeMessage(writer, m)
  return writer.parts()
}

/** What a message takes in a frame, entry data and all. */
export function encodedBytes(m: Message): number {
  let bytes = fixedBytesOf(m) + (m.snapshot?.data.length ?? 0)
  for (const entry of m.entries) bytes += entry.data.length
  return bytes
}

function fixedBytesOf(m: Message): number {
  const snapshotBytes = m.snapshot === null ? 0 : SNAPSHOT_BYTES + idsOf(m.snapshot.metadata.confState) * U64_BYTES
  return MESSAGE_BYTES + m.context.length + snapshotBytes + m.entries.length * ENTRY_BYTES
}

function idsOf(conf: ConfState): number {
  return conf.voters.length + conf.learners.length + conf.votersOutgoing.length + conf.learnersNext.length
}

function writeMessage(writer: ByteWriter, m: Message): void {
  invariant(!isLocalMsg(m.type) && m.responses.length === 0, 'raft codec: a local message must not leave its node')
  writer.byte(m.type)
  writer.byte((m.reject ? FLAG_REJECT : 0) | (m.snapshot === null ? 0 : FLAG_SNAPSHOT))
  writer.u64(m.to)
  writer.u64(m.from)
  writer.u64(m.term)
  writer.u64(m.logTerm)
  writer.u64(m.index)
  writer.u64(m.commit)
  writer.u64(m.vote)
  writer.u64(m.rejectHint)
  writer.u32(m.context.length)
  writer.u32(m.entries.length)
  writer.raw(m.context)
  if (m.snapshot !== null) writeSnapshot(writer, m.snapshot)
  for (const entry of m.entries) {
    writer.byte(entry.type)
    writer.u64(entry.term)
    writer.u64(entry.index)
    writer.u32(entry.data.length)
    writer.weave(entry.data)
  }
}

function writeSnapshot(writer: ByteWriter, { metadata, data }: Snapshot): void {
  const { confState } = metadata
  writer.u64(metadata.index)
  writer.u64(metadata.term)
  writer.byte(confState.autoLeave ? 1 : 0)
  for (const ids of [confState.voters, confState.learners, confState.votersOutgoing, confState.learnersNext]) {
    writer.u32(ids.length)
    for (const id of ids) writer.u64(id)
  }
  writer.u32(data.length)
  writer.weave(data)
}

// -------------------------------------------------------------------------------------------- decoding

/** Bytes that no honest peer of this version writes. */
export class MessageError extends PeerProtocolError {
  override readonly name = 'MessageError'
  override readonly code = 'TNL_PEER_CODEC'
}

/**
 * The messages of a frame; those of a type that this program does not know are left out, and told to `onUnknown`. Entry data,
 * snapshot data and contexts are views of `payload`. Throws MessageError on whatever `encodeMessages` cannot have written,
 * local messages included (as etcd: ErrStepLocalMsg).
 */
export function decodeMessages(payload: Uint8Array, onUnknown: () => void = () => undefined): Message[] {
  try {
    return readMessages(new ByteReader(payload, 'raft messages'), onUnknown)
  } catch (error) {
    if (error instanceof FormatError) throw new MessageError(error.message, { cause: error })
    throw error
  }
}

function readMessages(reader: ByteReader, onUnknown: () => void): Message[] {
  const count = reader.count(MESSAGE_BYTES, 'messages')
  const messages: Message[] = []
  for (let i = 0; i < count; i++) {
    const type = reader.byte()
    if (isLocalMsg(type as MsgType)) reader.fail(`message type ${type} is local to a node`)
    const read = readMessage(reader, type as MsgType)
    if (type <= MsgType.forgetLeader) messages.push(read)
    else onUnknown()
  }
  reader.end()
  return messages
}

function readMessage(reader: ByteReader, type: MsgType): Message {
  const m = message(type, 0)
  const flags = reader.byte()
  if ((flags & ~KNOWN_FLAGS) !== 0) reader.fail(`unknown message flags ${flags}`)
  m.reject = (flags & FLAG_REJECT) !== 0
  m.to = reader.u64()
  m.from = reader.u64()
  m.term = reader.u64()
  m.logTerm = reader.u64()
  m.index = reader.u64()
  m.commit = reader.u64()
  m.vote = reader.u64()
  m.rejectHint = reader.u64()
  const contextBytes = reader.count(1, 'context bytes')
  const entryCount = reader.count(ENTRY_BYTES, 'entries')
  m.context = reader.take(contextBytes)
  if ((flags & FLAG_SNAPSHOT) !== 0) m.snapshot = readSnapshot(reader)
  m.entries = readEntries(reader, entryCount)
  return m
}

function readEntries(reader: ByteReader, count: number): readonly Entry[] {
  if (count === 0) return NO_ENTRIES
  const entries: Entry[] = []
  for (let i = 0; i < count; i++) {
    const type = reader.byte()
    if (type > EntryType.confChangeV2) reader.fail(`unknown entry type ${type}`)
    const term = reader.u64()
    const index = reader.u64()
    const data = reader.take(reader.count(1, 'data bytes'))
    entries.push({ term, index, type: type as EntryType, data })
  }
  return entries
}

function readSnapshot(reader: ByteReader): Snapshot {
  const index = reader.u64()
  const term = reader.u64()
  const autoLeave = reader.byte()
  if (autoLeave > 1) reader.fail(`autoLeave is ${autoLeave}`)
  const confState: ConfState = {
    voters: readIds(reader),
    learners: readIds(reader),
    votersOutgoing: readIds(reader),
    learnersNext: readIds(reader),
    autoLeave: autoLeave === 1,
  }
  const data = reader.take(reader.count(1, 'data bytes'))
  return { metadata: { index, term, confState }, data }
}

function readIds(reader: ByteReader): RaftId[] {
  const count = reader.count(U64_BYTES, 'ids')
  const ids: RaftId[] = []
  for (let i = 0; i < count; i++) ids.push(reader.u64())
  return ids
}
