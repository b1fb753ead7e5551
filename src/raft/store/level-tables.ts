/**
 * Checks LevelDB's tables before LevelDB reads them. Its binding cannot make it verify its own checksums, and a damaged
 * block makes it return wrong values or end the process by an assertion, without a word about what is wrong and where.
 *
 *   table:   blocks | handle of the metaindex block | handle of the index block | padding | u64 magic
 *   block:   contents | u8 compression | u32 masked CRC-32C of both
 *   handle:  varint offset | varint size of the contents
 *   index:   (varint shared, varint rest, varint value bytes | rest of the key | handle)... | u32 restarts... | u32 count
 *
 * The metaindex is like the index and has the handle of the Bloom filter. All little-endian (LevelDB's doc/table_format.md).
 */
import { join } from 'node:path'
import { crc32c } from '@node-rs/crc32'
import { CodecError } from './codec.js'
import type { Disk } from './disk.js'
import { damaged } from './errors.js'
import { LOG_DIRECTORY } from './layout.js'

const TABLE_NAME = /^\d+\.ldb$/
const FOOTER_BYTES = 48
const MAGIC = Buffer.from('57fb808b247547db', 'hex')
const TRAILER_BYTES = 1 + 4
const NOT_COMPRESSED = 0
const CRC_MASK_DELTA = 0xa282ead8

interface Handle {
  readonly offset: number
  readonly size: number
}

/** Reads along a buffer. Throws CodecError past its end. */
class Cursor {
  constructor(
    readonly bytes: Buffer,
    public at = 0,
  ) {}

  varint(): number {
    let value = 0
    for (let factor = 1; factor <= 2 ** 49; factor *= 128) {
      const byte = this.bytes[this.at++]
      if (byte === undefined) break
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
    throw new CodecError('a number in it is damaged')
  }

  handle(): Handle {
    return { offset: this.varint(), size: this.varint() }
  }
}

/** The contents of a block. Throws CodecError unless its checksum matches. */
function blockAt(table: Buffer, { offset, size }: Handle): Buffer {
  const end = offset + size
  const isInside = end + TRAILER_BYTES <= table.byteLength
  const crc = isInside ? crc32c(table.subarray(offset, end + 1)) : 0
  const masked = (((crc >>> 15) | (crc << 17)) + CRC_MASK_DELTA) >>> 0
  if (!isInside || masked !== table.readUInt32LE(end + 1))
    throw new CodecError(`the block at byte ${offset} is damaged`)
  if (table[end] !== NOT_COMPRESSED) throw new CodecError(`the block at byte ${offset} was not written by this program`)
  return table.subarray(offset, end)
}

function handlesIn(index: Buffer): Handle[] {
  if (index.byteLength < 4) throw new CodecError('its index is damaged')
  const end = index.byteLength - 4 * (1 + index.readUInt32LE(index.byteLength - 4))
  const handles: Handle[] = []
  const cursor = new Cursor(index)
  while (cursor.at < end) {
    cursor.varint()
    const restBytes = cursor.varint()
    const valueBytes = cursor.varint()
    const valueAt = cursor.at + restBytes
    handles.push(new Cursor(index, valueAt).handle())
    cursor.at = valueAt + valueBytes
  }
  return handles
}

/**
 * Throws CodecError if a block of the table is damaged. One without its end is left to LevelDB: it may be a table that a
 * crash cut short before it was used.
 */
export function checkTable(table: Buffer): void {
  if (!table.subarray(-MAGIC.byteLength).equals(MAGIC) || table.byteLength < FOOTER_BYTES) return
  const footer = new Cursor(table.subarray(-FOOTER_BYTES))
  const metaindex = blockAt(table, footer.handle())
  const index = blockAt(table, footer.handle())
  for (const handle of [...handlesIn(metaindex), ...handlesIn(index)]) blockAt(table, handle)
}

/** Throws StoreError if a table in the data directory is damaged. */
export async function checkTables(disk: Disk, directory: string): Promise<void> {
  const names = (await disk.list(join(directory, LOG_DIRECTORY))) ?? []
  for (const name of names.filter((file) => TABLE_NAME.test(file))) {
    const table = await readTable(disk, join(directory, LOG_DIRECTORY, name))
    try {
      if (table !== null) checkTable(table)
    } catch (error) {
      if (error instanceof CodecError) throw damaged(directory, `${LOG_DIRECTORY}/${name}`, error.message, error)
      throw error
    }
  }
}

/** Null if it is gone: another process that has the directory open may have deleted it. */
async function readTable(disk: Disk, path: string): Promise<Buffer | null> {
  try {
    const file = await disk.openFile(path, 'read')
    try {
      return await file.read(0, await file.sizeBytes())
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}
