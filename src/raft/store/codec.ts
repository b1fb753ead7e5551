/**
 * Binary layout of log entries and of the hard state on disk (src/raft/wire has its own, for peers). Integers are
 * big-endian; 64-bit ones hold what a JavaScript number holds exactly (below 2^53).
 *
 *   entry:      u32 length of data | u8 type | u64 term | u64 index | data
 *   hard state: u64 term | u64 vote | u64 commit
 *
 * A change of these layouts is a change of `CODEC_VERSION`, which blocks name.
 */
import { type Entry, EntryType, type HardState } from '../core/types.js'

export const CODEC_VERSION = 1
export const ENTRY_HEADER_BYTES = 4 + 1 + 8 + 8
export const HARD_STATE_BYTES = 3 * 8

const TWO_POW_32 = 0x1_0000_0000
const MAX_HIGH_HALF = 0x1f_ffff

/** The bytes are not what the layout allows: damage, or another version. Never thrown for bytes this module wrote. */
export class CodecError extends Error {
  override readonly name = 'CodecError'
  readonly code = 'TNL_CODEC'
}

/** Writes an integer in [0, 2^53) and returns the offset after it. */
export function writeUint64(target: Buffer, value: number, offset: number): number {
  const high = Math.floor(value / TWO_POW_32)
  target.writeUInt32BE(high, offset)
  return target.writeUInt32BE(value - high * TWO_POW_32, offset + 4)
}

/** Reads an integer that `writeUint64` wrote. Throws CodecError at 2^53 and above. */
export function readUint64(source: Buffer, offset: number): number {
  const high = source.readUInt32BE(offset)
  if (high > MAX_HIGH_HALF) throw new CodecError('an integer is larger than 2^53')
  return high * TWO_POW_32 + source.readUInt32BE(offset + 4)
}

/** A view of the same memory as a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export function encodedEntryBytes(entry: Entry): number {
  return ENTRY_HEADER_BYTES + entry.data.byteLength
}

export function encodedEntriesBytes(entries: readonly Entry[]): number {
  let total = 0
  for (const entry of entries) total += encodedEntryBytes(entry)
  return total
}

/** Writes `entry` at `offset` and returns the offset after it. */
export function encodeEntry(target: Buffer, offset: number, entry: Entry): number {
  let at = target.writeUInt32BE(entry.data.byteLength, offset)
  at = target.writeUInt8(entry.type, at)
  at = writeUint64(target, entry.term, at)
  at = writeUint64(target, entry.index, at)
  target.set(entry.data, at)
  return at + entry.data.byteLength
}

/** Writes all entries one after another from `offset` on and returns the offset after the last. */
export function encodeEntries(target: Buffer, offset: number, entries: readonly Entry[]): number {
  let at = offset
  for (const entry of entries) at = encodeEntry(target, at, entry)
  return at
}

/** Offset after the entry that begins at `offset`. Throws CodecError if it does not fit into `source`. */
export function skipEntry(source: Buffer, offset: number): number {
  if (offset + ENTRY_HEADER_BYTES > source.byteLength) throw new CodecError('an entry is cut off')
  const end = offset + ENTRY_HEADER_BYTES + source.readUInt32BE(offset)
  if (end > source.byteLength) throw new CodecError('an entry is cut off')
  return end
}

function entryType(value: number): EntryType {
  if (value === EntryType.normal || value === EntryType.confChange || value === EntryType.confChangeV2) return value
  throw new CodecError(`unknown entry type ${value}`)
}

/** The entry at `offset`. Its data is a copy: a view would keep the whole buffer that it was read from alive. */
export function decodeEntry(source: Buffer, offset: number): Entry {
  const end = skipEntry(source, offset)
  return {
    type: entryType(source.readUInt8(offset + 4)),
    term: readUint64(source, offset + 5),
    index: readUint64(source, offset + 13),
    data: new Uint8Array(source.subarray(offset + ENTRY_HEADER_BYTES, end)),
  }
}

/** `count` entries from `offset` to exactly the end of `source`. Throws CodecError if that is not what is there. */
export function decodeEntries(source: Buffer, offset: number, count: number): Entry[] {
  const entries: Entry[] = []
  let at = offset
  for (let i = 0; i < count; i++) {
    const entry = decodeEntry(source, at)
    entries.push(entry)
    at += encodedEntryBytes(entry)
  }
  if (at !== source.byteLength) throw new CodecError(`${source.byteLength - at} bytes follow the last entry`)
  return entries
}

export function encodeHardState(target: Buffer, offset: number, state: HardState): number {
  return writeUint64(target, state.commit, writeUint64(target, state.vote, writeUint64(target, state.term, offset)))
}

export function decodeHardState(source: Buffer, offset: number): HardState {
  if (offset + HARD_STATE_BYTES > source.byteLength) throw new CodecError('a hard state is cut off')
  return {
    term: readUint64(source, offset),
    vote: readUint64(source, offset + 8),
    commit: readUint64(source, offset + 16),
  }
}
