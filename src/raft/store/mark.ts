/**
 * The mark: a small file of slots that are written in turn. Each has a copy of a meta record, so that the proof of what
 * was acknowledged does not depend on LevelDB's own log, and the batch itself if that is small. Such a batch is
 * acknowledged when its slot is synced, while LevelDB's write is still under way; the slots of all batches that LevelDB
 * may lack are kept. A batch too big for a slot is written to LevelDB first, and the mark follows it.
 */
import { crc32c } from '@node-rs/crc32'
import { CodecError, readUint64, writeUint64 } from './codec.js'
import type { DatabaseOperation, DiskFile } from './disk.js'
import { decodeMeta, EMPTY_META, encodeMeta, META_BYTES, type Meta } from './meta.js'

/** Slots are whole pages: a torn write of one can never reach the other. */
const SLOT_BYTES = 32 * 1024
/** More batches than this are never ahead of LevelDB. */
export const SLOTS = 16
export const MARK_FILE_BYTES = SLOTS * SLOT_BYTES

/** After the meta record: u32 CRC-32C, begun with the meta record's own | u64 base | u32 length | operations. */
const CHECKSUM_AT = META_BYTES
const BASE_AT = CHECKSUM_AT + 4
const LENGTH_AT = BASE_AT + 8
const OPERATIONS_AT = LENGTH_AT + 4
const OPERATION_HEADER_BYTES = 1 + 2 + 4

/** A batch that may not have reached LevelDB. It can be written again, even if it has. */
export interface Journal {
  /** The sequence number of the last synced write before it: LevelDB has at least that. */
  readonly base: number
  readonly operations: readonly DatabaseOperation[]
}

export interface Mark {
  readonly meta: Meta
  readonly slot: number
  readonly journal: Journal
}

/** True if the batch can be a part of a mark. */
export function fitsMark(operations: readonly DatabaseOperation[]): boolean {
  return OPERATIONS_AT + operationsBytes(operations) <= SLOT_BYTES
}

function operationsBytes(operations: readonly DatabaseOperation[]): number {
  let bytes = 0
  for (const operation of operations) {
    const valueBytes = operation.type === 'put' ? operation.value.byteLength : 0
    bytes += OPERATION_HEADER_BYTES + operation.key.byteLength + valueBytes
  }
  return bytes
}

/** The bytes of a slot. `meta`: an encoded meta record. */
export function encodeMark(meta: Buffer, { base, operations }: Journal): Buffer {
  const length = operationsBytes(operations)
  const slot = Buffer.allocUnsafe(OPERATIONS_AT + length)
  slot.set(meta)
  writeUint64(slot, base, BASE_AT)
  slot.writeUInt32BE(length, LENGTH_AT)
  let at = OPERATIONS_AT
  for (const operation of operations) {
    const value = operation.type === 'put' ? operation.value : Buffer.alloc(0)
    at = slot.writeUInt8(operation.type === 'put' ? 1 : 0, at)
    at = slot.writeUInt16BE(operation.key.byteLength, at)
    at = slot.writeUInt32BE(value.byteLength, at)
    slot.set(operation.key, at)
    slot.set(value, at + operation.key.byteLength)
    at += operation.key.byteLength + value.byteLength
  }
  slot.writeUInt32BE(checksumOf(slot), CHECKSUM_AT)
  return slot
}

const checksumOf = (slot: Buffer): number => crc32c(slot.subarray(BASE_AT), slot.readUInt32BE(0))

function decodeJournal(slot: Buffer): Journal {
  const length = slot.readUInt32BE(LENGTH_AT)
  const end = OPERATIONS_AT + length
  if (end > slot.byteLength || checksumOf(slot.subarray(0, end)) !== slot.readUInt32BE(CHECKSUM_AT)) {
    throw new CodecError('the checksum of the batch does not match')
  }
  const operations: DatabaseOperation[] = []
  for (let at = OPERATIONS_AT; at < end; ) {
    const isPut = slot.readUInt8(at) === 1
    const keyAt = at + OPERATION_HEADER_BYTES
    const valueAt = keyAt + slot.readUInt16BE(at + 1)
    at = valueAt + slot.readUInt32BE(at + 3)
    const key = Buffer.from(slot.subarray(keyAt, valueAt))
    operations.push(isPut ? { type: 'put', key, value: Buffer.from(slot.subarray(valueAt, at)) } : { type: 'del', key })
  }
  return { base: readUint64(slot, BASE_AT), operations }
}

function readSlot(file: Buffer, number: number): Mark | null {
  try {
    const slot = file.subarray(number * SLOT_BYTES, (number + 1) * SLOT_BYTES)
    if (slot.byteLength < OPERATIONS_AT) return null
    return { meta: decodeMeta(slot.subarray(0, META_BYTES)), slot: number, journal: decodeJournal(slot) }
  } catch (error) {
    if (error instanceof CodecError) return null
    throw error
  }
}

/** The marks in the bytes of a mark file, newest first. Slots that are damaged or torn are left out. */
export function marksIn(file: Buffer): Mark[] {
  const marks: Mark[] = []
  for (let slot = 0; slot < SLOTS; slot++) {
    const mark = readSlot(file, slot)
    if (mark !== null) marks.push(mark)
  }
  return marks.sort((a, b) => b.meta.sequence - a.meta.sequence)
}

export const newestMark = (file: Buffer): Mark | null => marksIn(file)[0] ?? null

function initialMarkFile(): Buffer {
  const file = Buffer.alloc(MARK_FILE_BYTES)
  const empty = encodeMark(encodeMeta(EMPTY_META), { base: 0, operations: [] })
  for (let slot = 0; slot < SLOTS; slot++) file.set(empty, slot * SLOT_BYTES)
  return file
}

/** A new mark file: every slot proves the empty log. Its size never changes, so that a sync has no metadata to write. */
export const INITIAL_MARK_FILE: Buffer = initialMarkFile()

/** True if no store was ever opened with this file: opening one overwrites a slot before it returns. */
export const isInitialMarkFile = (file: Buffer): boolean => file.equals(INITIAL_MARK_FILE)

export class MarkFile {
  readonly #file: DiskFile
  #slot: number

  /** `file` is open in mode `durable`; `slot` has the newest mark, the others follow in the order of their age. */
  constructor(file: DiskFile, slot: number) {
    this.#file = file
    this.#slot = slot
  }

  /** Resolves when the mark is on disk. */
  write(meta: Buffer, journal: Journal): Promise<void> {
    this.#slot = (this.#slot + 1) % SLOTS
    return this.#file.write(this.#slot * SLOT_BYTES, encodeMark(meta, journal))
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
