/**
 * The meta record says, in one fixed-size value, exactly what the database must contain: it is part of every batch, and
 * its sequence number counts the batches. The same bytes, written to the journal once a batch has been synced, are the
 * proof that does not depend on LevelDB's own log (rules.md, Storage).
 *
 *   u32 CRC-32C of the rest | u8 version | u64 sequence | hard state | u64 prev index | u64 prev term | u32 prev chain
 *   | u64 last index | u64 last term | u32 last chain | u32 digest of the records
 */
import { EMPTY_HARD_STATE, type HardState, type Index, type Term } from '../core/types.js'
import { CHECKSUM_BYTES, seal, sealOf } from './checked.js'
import { CodecError, decodeHardState, encodeHardState, HARD_STATE_BYTES, readUint64, writeUint64 } from './codec.js'

const META_VERSION = 1
export const META_BYTES = CHECKSUM_BYTES + 1 + 8 + HARD_STATE_BYTES + 20 + 20 + 4

/** A place in the log: the entry there, and the checksum of the block that ends with it. */
export interface LogPoint {
  readonly index: Index
  readonly term: Term
  readonly chain: number
}

export interface Meta {
  readonly sequence: number
  readonly hardState: HardState
  /** Just before the first stored entry. */
  readonly prev: LogPoint
  /** The last stored entry; equal to `prev` while the log is empty. */
  readonly last: LogPoint
  readonly recordsDigest: number
}

const LOG_START: LogPoint = { index: 0, term: 0, chain: 0 }

export const EMPTY_META: Meta = {
  sequence: 0,
  hardState: EMPTY_HARD_STATE,
  prev: LOG_START,
  last: LOG_START,
  recordsDigest: 0,
}

function writePoint(target: Buffer, point: LogPoint, offset: number): number {
  return target.writeUInt32BE(point.chain, writeUint64(target, point.term, writeUint64(target, point.index, offset)))
}

function readPoint(source: Buffer, offset: number): LogPoint {
  return {
    index: readUint64(source, offset),
    term: readUint64(source, offset + 8),
    chain: source.readUInt32BE(offset + 16),
  }
}

export function encodeMeta(meta: Meta): Buffer {
  const value = Buffer.allocUnsafe(META_BYTES)
  let at = value.writeUInt8(META_VERSION, CHECKSUM_BYTES)
  at = writeUint64(value, meta.sequence, at)
  at = encodeHardState(value, at, meta.hardState)
  at = writePoint(value, meta.prev, at)
  at = writePoint(value, meta.last, at)
  value.writeUInt32BE(meta.recordsDigest, at)
  seal(value)
  return value
}

/** Throws CodecError if these are not the bytes of a meta record. */
export function decodeMeta(value: Buffer): Meta {
  if (value.byteLength !== META_BYTES || sealOf(value) === null) throw new CodecError('its checksum does not match')
  const version = value.readUInt8(CHECKSUM_BYTES)
  if (version !== META_VERSION) throw new CodecError(`its version is ${version}, not ${META_VERSION}`)
  const sequenceAt = CHECKSUM_BYTES + 1
  const hardStateAt = sequenceAt + 8
  const prevAt = hardStateAt + HARD_STATE_BYTES
  return {
    sequence: readUint64(value, sequenceAt),
    hardState: decodeHardState(value, hardStateAt),
    prev: readPoint(value, prevAt),
    last: readPoint(value, prevAt + 20),
    recordsDigest: value.readUInt32BE(prevAt + 40),
  }
}
