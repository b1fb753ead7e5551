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
import { invariant } from '../../invariant.js'
import { isLocalMsg, type Message, MsgType, message } from '../core/messages.js'
import type { ConfState, Entry, RaftId, Snapshot } from '../core/types.js'
import { EntryType } from '../core/types.js'
import { ByteReader, CodecError } from './wire-reader.js'
import { ByteWriter, INTEGER_BYTES } from './wire-writer.js'

const COUNT_BYTES = 4
const MESSAGE_BYTES = 2 + 8 * INTEGER_BYTES + 2 * COUNT_BYTES
const ENTRY_BYTES = 1 + 2 * INTEGER_BYTES + COUNT_BYTES
const SNAPSHOT_BYTES = 2 * INTEGER_BYTES + 1 + 5 * COUNT_BYTES

const FLAG_REJECT = 1
const FLAG_SNAPSHOT = 2
const KNOWN_FLAGS = FLAG_REJECT | FLAG_SNAPSHOT

const NO_ENTRIES: readonly Entry[] = []

// -------------------------------------------------------------------------------------------- encoding

/**
 * The payload of one frame, as parts for `Transport.send`. Entry and snapshot data are not copied: they must not change
 * until the frame has left. Messages of a node to itself must not be among them.
 */
export function encodeMessages(messages: readonly Message[]): Uint8Array[] {
  let fixedBytes = COUNT_BYTES
  for (const m of messages) fixedBytes += fixedBytesOf(m)
  const writer = new ByteWriter(fixedBytes)
  writer.u32(messages.length)
  for (const m of messages) writeMessage(writer, m)
  return writer.finish()
}

/** What a message takes in a frame, entry data and all. */
export function encodedBytes(m: Message): number {
  let bytes = fixedBytesOf(m) + (m.snapshot?.data.length ?? 0)
  for (const entry of m.entries) bytes += entry.data.length
  return bytes
}

function fixedBytesOf(m: Message): number {
  const snapshotBytes = m.snapshot === null ? 0 : SNAPSHOT_BYTES + idsOf(m.snapshot.metadata.confState) * INTEGER_BYTES
  return MESSAGE_BYTES + m.context.length + snapshotBytes + m.entries.length * ENTRY_BYTES
}

function idsOf(conf: ConfState): number {
  return conf.voters.length + conf.learners.length + conf.votersOutgoing.length + conf.learnersNext.length
}

function writeMessage(writer: ByteWriter, m: Message): void {
  invariant(!isLocalMsg(m.type) && m.responses.length === 0, 'raft codec: a local message must not leave its node')
  writer.u8(m.type)
  writer.u8((m.reject ? FLAG_REJECT : 0) | (m.snapshot === null ? 0 : FLAG_SNAPSHOT))
  writer.integer(m.to)
  writer.integer(m.from)
  writer.integer(m.term)
  writer.integer(m.logTerm)
  writer.integer(m.index)
  writer.integer(m.commit)
  writer.integer(m.vote)
  writer.integer(m.rejectHint)
  writer.u32(m.context.length)
  writer.u32(m.entries.length)
  writer.copy(m.context)
  if (m.snapshot !== null) writeSnapshot(writer, m.snapshot)
  for (const entry of m.entries) {
    writer.u8(entry.type)
    writer.integer(entry.term)
    writer.integer(entry.index)
    writer.u32(entry.data.length)
    writer.reference(entry.data)
  }
}

function writeSnapshot(writer: ByteWriter, { metadata, data }: Snapshot): void {
  const { confState } = metadata
  writer.integer(metadata.index)
  writer.integer(metadata.term)
  writer.u8(confState.autoLeave ? 1 : 0)
  for (const ids of [confState.voters, confState.learners, confState.votersOutgoing, confState.learnersNext]) {
    writer.u32(ids.length)
    for (const id of ids) writer.integer(id)
  }
  writer.u32(data.length)
  writer.reference(data)
}

// -------------------------------------------------------------------------------------------- decoding

/**
 * The messages of a frame; those of a type that this program does not know are left out, and told to `onUnknown`. Entry data, snapshot data and contexts are views of `payload`. Throws CodecError on whatever
 * `encodeMessages` cannot have written, local messages included (as etcd: ErrStepLocalMsg).
 */
export function decodeMessages(payload: Uint8Array, onUnknown: () => void = () => undefined): Message[] {
  const reader = new ByteReader(payload)
  const count = reader.count(MESSAGE_BYTES, 'messages')
  const messages: Message[] = []
  for (let i = 0; i < count; i++) {
    const type = reader.u8()
    if (isLocalMsg(type as MsgType)) throw new CodecError(`message type ${type} is local to a node`)
    const read = readMessage(reader, type as MsgType)
    if (type <= MsgType.forgetLeader) messages.push(read)
    else onUnknown()
  }
  reader.end()
  return messages
}

function readMessage(reader: ByteReader, type: MsgType): Message {
  const m = message(type, 0)
  const flags = reader.u8()
  if ((flags & ~KNOWN_FLAGS) !== 0) throw new CodecError(`unknown message flags ${flags}`)
  m.reject = (flags & FLAG_REJECT) !== 0
  m.to = reader.integer()
  m.from = reader.integer()
  m.term = reader.integer()
  m.logTerm = reader.integer()
  m.index = reader.integer()
  m.commit = reader.integer()
  m.vote = reader.integer()
  m.rejectHint = reader.integer()
  const contextBytes = reader.count(1, 'context bytes')
  const entryCount = reader.count(ENTRY_BYTES, 'entries')
  m.context = reader.bytes(contextBytes)
  if ((flags & FLAG_SNAPSHOT) !== 0) m.snapshot = readSnapshot(reader)
  m.entries = readEntries(reader, entryCount)
  return m
}

function readEntries(reader: ByteReader, count: number): readonly Entry[] {
  if (count === 0) return NO_ENTRIES
  const entries: Entry[] = []
  for (let i = 0; i < count; i++) {
    const type = reader.u8()
    if (type > EntryType.confChangeV2) throw new CodecError(`unknown entry type ${type}`)
    const term = reader.integer()
    const index = reader.integer()
    const data = reader.bytes(reader.count(1, 'data bytes'))
    entries.push({ term, index, type: type as EntryType, data })
  }
  return entries
}

function readSnapshot(reader: ByteReader): Snapshot {
  const index = reader.integer()
  const term = reader.integer()
  const autoLeave = reader.u8()
  if (autoLeave > 1) throw new CodecError(`autoLeave is ${autoLeave}`)
  const confState: ConfState = {
    voters: readIds(reader),
    learners: readIds(reader),
    votersOutgoing: readIds(reader),
    learnersNext: readIds(reader),
    autoLeave: autoLeave === 1,
  }
  const data = reader.bytes(reader.count(1, 'data bytes'))
  return { metadata: { index, term, confState }, data }
}

function readIds(reader: ByteReader): RaftId[] {
  const count = reader.count(INTEGER_BYTES, 'ids')
  const ids: RaftId[] = []
  for (let i = 0; i < count; i++) ids.push(reader.integer())
  return ids
}
