/**
 * The journal: a small file of slots that are written in turn. Each has a copy of a meta record, so that the proof of what
 * was acknowledged does not depend on LevelDB's own log, and the batch itself if it is small. Such a batch is acknowledged
 * when its slot is synced, while LevelDB's write is still under way; the slots of all batches that LevelDB may lack are
 * kept. A batch too big for a slot is written to LevelDB first, and the journal follows.
 *
 * After a crash a slot may be the only place that has a batch. So each holds it twice, on both sides of its middle and
 * written as one piece, which costs no more: operations, header, middle, header, operations.
 */
import { crc32c } from '@node-rs/crc32'
import { CodecError, readUint64, writeUint64 } from './codec.js'
import type { DatabaseOperation, DiskFile } from './disk.js'
import { decodeMeta, EMPTY_META, encodeMeta, META_BYTES, type Meta } from './meta.js'

/** Whole pages: a torn write of one slot, or one bad sector, can never reach two copies. */
const COPY_BYTES = 32 * 1024
export const SLOT_BYTES = 2 * COPY_BYTES
/** More batches than this are never ahead of LevelDB. */
export const SLOTS = 16
export const JOURNAL_BYTES = SLOTS * SLOT_BYTES

/** A header: meta record | u64 base | u32 length of the operations | u32 CRC-32C of the operations and the header so far. */
const BASE_AT = META_BYTES
const LENGTH_AT = BASE_AT + 8
const CHECKSUM_AT = LENGTH_AT + 4
const HEADER_BYTES = CHECKSUM_AT + 4
const OPERATION_HEADER_BYTES = 1 + 2 + 4

/** A batch that may not have reached LevelDB. It can be written again, even if it has. */
export interface JournaledBatch {
  /** The sequence number of the last synced write before it: LevelDB has at least that. */
  readonly base: number
  readonly operations: readonly DatabaseOperation[]
}

export interface JournalSlot {
  readonly meta: Meta
  readonly number: number
  readonly batch: JournaledBatch
}

/** True if the batch fits into a slot. */
export function fitsSlot(operations: readonly DatabaseOperation[]): boolean {
  return HEADER_BYTES + operationsBytes(operations) <= COPY_BYTES
}

function operationsBytes(operations: readonly DatabaseOperation[]): number {
  let bytes = 0
  for (const operation of operations) {
    const valueBytes = operation.type === 'put' ? operation.value.byteLength : 0
    bytes += OPERATION_HEADER_BYTES + operation.key.byteLength + valueBytes
  }
  return bytes
}

/** Both copies, as they lie around the middle of a slot. `meta`: an encoded meta record. */
function encodeSlot(meta: Buffer, { base, operations }: JournaledBatch): Buffer {
  const encoded = encodeOperations(operations)
  const header = Buffer.allocUnsafe(HEADER_BYTES)
  header.set(meta)
  writeUint64(header, base, BASE_AT)
  header.writeUInt32BE(encoded.byteLength, LENGTH_AT)
  header.writeUInt32BE(checksumOf(header, encoded), CHECKSUM_AT)
  return Buffer.concat([encoded, header, header, encoded])
}

const checksumOf = (header: Buffer, operations: Buffer): number =>
  crc32c(header.subarray(0, CHECKSUM_AT), crc32c(operations))

function encodeOperations(operations: readonly DatabaseOperation[]): Buffer {
  const bytes = Buffer.allocUnsafe(operationsBytes(operations))
  let at = 0
  for (const operation of operations) {
    const value = operation.type === 'put' ? operation.value : Buffer.alloc(0)
    at = bytes.writeUInt8(operation.type === 'put' ? 1 : 0, at)
    at = bytes.writeUInt16BE(operation.key.byteLength, at)
    at = bytes.writeUInt32BE(value.byteLength, at)
    bytes.set(operation.key, at)
    bytes.set(value, at + operation.key.byteLength)
    at += operation.key.byteLength + value.byteLength
  }
  return bytes
}

function decodeOperations(bytes: Buffer): DatabaseOperation[] {
  const operations: DatabaseOperation[] = []
  for (let at = 0; at < bytes.byteLength; ) {
    const isPut = bytes.readUInt8(at) === 1
    const keyAt = at + OPERATION_HEADER_BYTES
    const valueAt = keyAt + bytes.readUInt16BE(at + 1)
    at = valueAt + bytes.readUInt32BE(at + 3)
    const key = Buffer.from(bytes.subarray(keyAt, valueAt))
    operations.push(
      isPut ? { type: 'put', key, value: Buffer.from(bytes.subarray(valueAt, at)) } : { type: 'del', key },
    )
  }
  return operations
}

/** `before` or `after` the middle of `slot`. Throws CodecError if the copy is damaged or torn. */
function readCopy(slot: Buffer, side: 'before' | 'after'): Omit<JournalSlot, 'number'> {
  const headerAt = side === 'before' ? COPY_BYTES - HEADER_BYTES : COPY_BYTES
  const header = slot.subarray(headerAt, headerAt + HEADER_BYTES)
  const meta = decodeMeta(header.subarray(0, META_BYTES))
  const length = header.readUInt32BE(LENGTH_AT)
  if (length > COPY_BYTES - HEADER_BYTES) throw new CodecError('the batch is longer than its place')
  const operationsAt = side === 'before' ? headerAt - length : headerAt + HEADER_BYTES
  const operations = slot.subarray(operationsAt, operationsAt + length)
  if (checksumOf(header, operations) !== header.readUInt32BE(CHECKSUM_AT)) {
    throw new CodecError('the checksum of the batch does not match')
  }
  return { meta, batch: { base: readUint64(header, BASE_AT), operations: decodeOperations(operations) } }
}

/** The newest of the copies in the slot that are whole: a torn write may leave one of the batch before. */
function readSlot(file: Buffer, number: number): JournalSlot | null {
  const slot = file.subarray(number * SLOT_BYTES, (number + 1) * SLOT_BYTES)
  let newest: JournalSlot | null = null
  for (const side of ['before', 'after'] as const) {
    try {
      const copy = readCopy(slot, side)
      if (newest === null || copy.meta.sequence > newest.meta.sequence) newest = { ...copy, number }
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
    }
  }
  return newest
}

/** The slots in the bytes of a whole journal, newest first. Damaged and torn ones are left out. */
export function slotsIn(file: Buffer): JournalSlot[] {
  const slots: JournalSlot[] = []
  for (let slot = 0; slot < SLOTS; slot++) {
    const found = readSlot(file, slot)
    if (found !== null) slots.push(found)
  }
  return slots.sort((a, b) => b.meta.sequence - a.meta.sequence)
}

export const newestSlot = (file: Buffer): JournalSlot | null => slotsIn(file)[0] ?? null

/** Bytes of a slot and where they lie in the file. */
export function placeSlot(slot: number, meta: Buffer, batch: JournaledBatch): { position: number; bytes: Buffer } {
  const bytes = encodeSlot(meta, batch)
  return { position: slot * SLOT_BYTES + COPY_BYTES - bytes.byteLength / 2, bytes }
}

function initialJournal(): Buffer {
  const file = Buffer.alloc(JOURNAL_BYTES)
  const empty = encodeMeta(EMPTY_META)
  for (let slot = 0; slot < SLOTS; slot++) {
    const { position, bytes } = placeSlot(slot, empty, { base: 0, operations: [] })
    file.set(bytes, position)
  }
  return file
}

/** A new journal: every slot proves the empty log. Its size never changes, so that a sync has no metadata to write. */
export const INITIAL_JOURNAL: Buffer = initialJournal()

/** True if no store was ever opened with this file: opening one overwrites a slot before it returns. */
export const isInitialJournal = (file: Buffer): boolean => file.equals(INITIAL_JOURNAL)

/** True if a crash may have cut short the first write of this file, which then has never proven anything. */
export const isUnfinishedJournal = (file: Buffer): boolean =>
  file.every((byte, at) => byte === 0 || byte === INITIAL_JOURNAL[at])

export class Journal {
  readonly #file: DiskFile
  #slot: number

  /** `file` is open in mode `durable`; `slot` has the newest batch, the others follow by age. */
  constructor(file: DiskFile, slot: number) {
    this.#file = file
    this.#slot = slot
  }

  /** Resolves when the slot is on disk. */
  write(meta: Buffer, batch: JournaledBatch): Promise<void> {
    this.#slot = (this.#slot + 1) % SLOTS
    const { position, bytes } = placeSlot(this.#slot, meta, batch)
    return this.#file.write(position, bytes)
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
