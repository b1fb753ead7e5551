/**
 * A snapshot file, which is also what travels between peers:
 *
 *   header:  "TNLSNAP1" | u32 length | metadata as JSON | u32 CRC-32C of the header so far
 *   chunk:   u32 length, never 0 | u32 CRC-32C of the payload | payload
 *   trailer: u32 0 | u32 chunks | u64 payload bytes | u32 CRC-32C of the file before the trailer | u32 CRC-32C of the trailer so far
 *
 * The trailer's checksum of the whole file sees chunks that were lost or swapped; each chunk's own sees damage before
 * the chunk is used.
 */
import { crc32c } from '@node-rs/crc32'
import { invariant } from '../../invariant.js'
import type { SnapshotMetadata } from '../core/types.js'
import { SNAPSHOT_CHUNK_LIMIT_BYTES, SNAPSHOT_METADATA_LIMIT_BYTES, SNAPSHOT_SYNC_STEP_BYTES } from '../limits.js'
import { asBuffer, CodecError, readUint64, writeUint64 } from './codec.js'
import type { DiskFile } from './disk.js'

const MAGIC = Buffer.from('TNLSNAP1', 'latin1')
const PREAMBLE_BYTES = MAGIC.byteLength + 4
const CHUNK_HEADER_BYTES = 8
const TRAILER_BYTES = 4 + 4 + 8 + 4 + 4
const TRAILER_CHECKSUM_AT = TRAILER_BYTES - 4

function encodeHeader(metadata: SnapshotMetadata): Buffer {
  const json = Buffer.from(JSON.stringify(metadata), 'utf8')
  const header = Buffer.alloc(PREAMBLE_BYTES + json.byteLength + 4)
  header.set(MAGIC, 0)
  header.writeUInt32BE(json.byteLength, MAGIC.byteLength)
  header.set(json, PREAMBLE_BYTES)
  header.writeUInt32BE(crc32c(header.subarray(0, -4)), header.byteLength - 4)
  return header
}

function encodeTrailer(chunks: number, payloadBytes: number, checksum: number): Buffer {
  const trailer = Buffer.alloc(TRAILER_BYTES)
  trailer.writeUInt32BE(chunks, 4)
  writeUint64(trailer, payloadBytes, 8)
  trailer.writeUInt32BE(checksum, 16)
  trailer.writeUInt32BE(crc32c(trailer.subarray(0, TRAILER_CHECKSUM_AT)), TRAILER_CHECKSUM_AT)
  return trailer
}

interface Trailer {
  readonly chunks: number
  readonly payloadBytes: number
  readonly checksum: number
}

function decodeTrailer(trailer: Buffer): Trailer {
  const isWhole = trailer.byteLength === TRAILER_BYTES && trailer.readUInt32BE(0) === 0
  if (!isWhole || crc32c(trailer.subarray(0, TRAILER_CHECKSUM_AT)) !== trailer.readUInt32BE(TRAILER_CHECKSUM_AT)) {
    throw new CodecError('its end is missing or damaged')
  }
  return {
    chunks: trailer.readUInt32BE(4),
    payloadBytes: readUint64(trailer, 8),
    checksum: trailer.readUInt32BE(16),
  }
}

/** Writes a snapshot file from its beginning, syncing it piece by piece. */
export class SnapshotWriter {
  readonly #file: DiskFile
  #position = 0
  #syncedTo = 0
  #checksum = 0
  #chunks = 0
  #payloadBytes = 0

  constructor(file: DiskFile) {
    this.#file = file
  }

  begin(metadata: SnapshotMetadata): Promise<void> {
    return this.#write(encodeHeader(metadata))
  }

  async chunk(payload: Uint8Array): Promise<void> {
    if (payload.byteLength === 0) return
    invariant(payload.byteLength <= SNAPSHOT_CHUNK_LIMIT_BYTES, 'snapshot: a chunk is over the limit')
    const framed = Buffer.allocUnsafe(CHUNK_HEADER_BYTES + payload.byteLength)
    framed.writeUInt32BE(payload.byteLength, 0)
    framed.writeUInt32BE(crc32c(payload), 4)
    framed.set(payload, CHUNK_HEADER_BYTES)
    await this.#write(framed)
    this.#chunks++
    this.#payloadBytes += payload.byteLength
    if (this.#position - this.#syncedTo < SNAPSHOT_SYNC_STEP_BYTES) return
    await this.#file.sync()
    this.#syncedTo = this.#position
  }

  /** Resolves when the whole file is on disk. */
  async end(): Promise<void> {
    await this.#write(encodeTrailer(this.#chunks, this.#payloadBytes, this.#checksum))
    await this.#file.sync()
  }

  async #write(bytes: Buffer): Promise<void> {
    await this.#file.write(this.#position, bytes)
    this.#checksum = crc32c(bytes, this.#checksum)
    this.#position += bytes.byteLength
  }
}

export interface SnapshotOutline {
  readonly metadata: SnapshotMetadata
  readonly headerBytes: number
  readonly headerChecksum: number
  readonly sizeBytes: number
  readonly trailer: Trailer
}

/** Reads and verifies the header and the trailer. Throws CodecError. */
export async function readOutline(file: DiskFile): Promise<SnapshotOutline> {
  const preamble = await file.read(0, PREAMBLE_BYTES)
  if (preamble.byteLength < PREAMBLE_BYTES || !preamble.subarray(0, MAGIC.byteLength).equals(MAGIC)) {
    throw new CodecError('it does not begin like a snapshot of this version')
  }
  const jsonBytes = preamble.readUInt32BE(MAGIC.byteLength)
  if (jsonBytes > SNAPSHOT_METADATA_LIMIT_BYTES) throw new CodecError('its header is damaged')
  const headerBytes = PREAMBLE_BYTES + jsonBytes + 4
  const header = await file.read(0, headerBytes)
  const isWhole = header.byteLength === headerBytes
  if (!isWhole || crc32c(header.subarray(0, -4)) !== header.readUInt32BE(headerBytes - 4)) {
    throw new CodecError('its header is damaged')
  }
  const metadata = JSON.parse(header.toString('utf8', PREAMBLE_BYTES, headerBytes - 4)) as SnapshotMetadata
  const sizeBytes = await file.sizeBytes()
  if (sizeBytes < headerBytes + TRAILER_BYTES) throw new CodecError('its end is missing')
  const trailer = decodeTrailer(await file.read(sizeBytes - TRAILER_BYTES, TRAILER_BYTES))
  return { metadata, headerBytes, headerChecksum: crc32c(header), sizeBytes, trailer }
}

/** The payloads in order, each verified before it is given out, and the whole file at the end. Throws CodecError. */
export async function* readChunks(file: DiskFile, outline: SnapshotOutline): AsyncGenerator<Uint8Array> {
  const end = outline.sizeBytes - TRAILER_BYTES
  let position = outline.headerBytes
  let checksum = outline.headerChecksum
  let chunks = 0
  while (position < end) {
    const header = await file.read(position, CHUNK_HEADER_BYTES)
    const length = header.byteLength === CHUNK_HEADER_BYTES ? header.readUInt32BE(0) : 0
    const isPossible = length > 0 && length <= SNAPSHOT_CHUNK_LIMIT_BYTES && position + length < end
    const payload = isPossible ? await file.read(position + CHUNK_HEADER_BYTES, length) : null
    if (payload === null || payload.byteLength < length || crc32c(payload) !== header.readUInt32BE(4)) {
      throw new CodecError(`the chunk at byte ${position} is damaged`)
    }
    checksum = crc32c(payload, crc32c(header, checksum))
    position += CHUNK_HEADER_BYTES + length
    chunks++
    yield asBuffer(payload)
  }
  const { trailer } = outline
  if (position !== end || chunks !== trailer.chunks || checksum !== trailer.checksum) {
    throw new CodecError('it is not the file that was written: chunks are missing, swapped or doubled')
  }
}
