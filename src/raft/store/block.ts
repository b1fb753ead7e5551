/**
 * A block: the entries of one batch in one LevelDB value (a put for each entry costs more than the sync).
 * Each block names the checksum of its predecessor, and its own checksum covers that name, so that the checksum of
 * the last block vouches for the whole log: a missing, swapped or stale block breaks the chain.
 *
 *   u32 CRC-32C of the rest | u8 version | u32 chain | u32 count | u64 first index | u64 first term | u64 last term | entries
 */
import type { Entry, Index, Term } from '../core/types.js'
import { seal, sealOf } from './checked.js'
import {
  CODEC_VERSION,
  CodecError,
  decodeEntries,
  encodedEntriesBytes,
  encodeEntries,
  readUint64,
  skipEntry,
  writeUint64,
} from './codec.js'

const HEADER_BYTES = 4 + 1 + 4 + 4 + 8 + 8 + 8
const VERSION_AT = 4
const CHAIN_AT = 5
const COUNT_AT = 9
const FIRST_INDEX_AT = 13
const FIRST_TERM_AT = 21
const LAST_TERM_AT = 29

/** What the store keeps in memory of each block. */
export interface BlockInfo {
  readonly firstIndex: Index
  readonly lastIndex: Index
  readonly firstTerm: Term
  readonly lastTerm: Term
  /** Checksum of the block before this one, or the chain value that the log starts from. */
  readonly chain: number
  readonly checksum: number
}

export interface EncodedBlock {
  readonly info: BlockInfo
  readonly value: Buffer
}

/** Entries of a block kept when later ones are replaced, as they lie in the value: no need to decode them. */
export interface KeptEntries {
  readonly bytes: Buffer
  readonly count: number
  readonly firstIndex: Index
  readonly firstTerm: Term
}

/** Encodes `kept` (may be null) followed by `entries` (not empty) as one block. */
export function encodeBlock(chain: number, kept: KeptEntries | null, entries: readonly Entry[]): EncodedBlock {
  const first = entries[0]
  const last = entries[entries.length - 1]
  if (first === undefined || last === undefined) throw new CodecError('a block must have entries')
  const keptBytes = kept?.bytes.byteLength ?? 0
  const value = Buffer.allocUnsafe(HEADER_BYTES + keptBytes + encodedEntriesBytes(entries))
  const firstIndex = kept?.firstIndex ?? first.index
  const firstTerm = kept?.firstTerm ?? first.term
  value.writeUInt8(CODEC_VERSION, VERSION_AT)
  value.writeUInt32BE(chain, CHAIN_AT)
  value.writeUInt32BE((kept?.count ?? 0) + entries.length, COUNT_AT)
  writeUint64(value, firstIndex, FIRST_INDEX_AT)
  writeUint64(value, firstTerm, FIRST_TERM_AT)
  writeUint64(value, last.term, LAST_TERM_AT)
  if (kept !== null) value.set(kept.bytes, HEADER_BYTES)
  encodeEntries(value, HEADER_BYTES + keptBytes, entries)
  const checksum = seal(value)
  return { info: { firstIndex, lastIndex: last.index, firstTerm, lastTerm: last.term, chain, checksum }, value }
}

/** Reads the header of a block and verifies its checksum. Throws CodecError. */
export function readBlockInfo(value: Buffer): BlockInfo {
  const checksum = value.byteLength > HEADER_BYTES ? sealOf(value) : null
  if (checksum === null) throw new CodecError('its checksum does not match')
  const version = value.readUInt8(VERSION_AT)
  if (version !== CODEC_VERSION) throw new CodecError(`its version is ${version}, not ${CODEC_VERSION}`)
  const firstIndex = readUint64(value, FIRST_INDEX_AT)
  return {
    firstIndex,
    lastIndex: firstIndex + value.readUInt32BE(COUNT_AT) - 1,
    firstTerm: readUint64(value, FIRST_TERM_AT),
    lastTerm: readUint64(value, LAST_TERM_AT),
    chain: value.readUInt32BE(CHAIN_AT),
    checksum,
  }
}

/** The entries of a block whose header was read: contiguous, with terms that never fall. Throws CodecError. */
export function readBlockEntries(value: Buffer, info: BlockInfo): Entry[] {
  const entries = decodeEntries(value, HEADER_BYTES, info.lastIndex - info.firstIndex + 1)
  let term = info.firstTerm
  entries.forEach((entry, i) => {
    if (entry.index !== info.firstIndex + i) throw new CodecError(`entry ${entry.index} is in a place of another`)
    if (entry.term < term) throw new CodecError(`the term falls at entry ${entry.index}`)
    term = entry.term
  })
  if (entries[0]?.term !== info.firstTerm || term !== info.lastTerm) throw new CodecError('its term range is wrong')
  return entries
}

/** The entries of `value` before `endIndex`, which lies inside the block. Throws CodecError. */
export function keepEntriesBefore(value: Buffer, info: BlockInfo, endIndex: Index): KeptEntries {
  const count = endIndex - info.firstIndex
  let end = HEADER_BYTES
  for (let i = 0; i < count; i++) end = skipEntry(value, end)
  return { bytes: value.subarray(HEADER_BYTES, end), count, firstIndex: info.firstIndex, firstTerm: info.firstTerm }
}
