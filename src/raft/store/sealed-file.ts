/**
 * A snapshot file (snapshot-format.ts) with what is to be known about it before it is read, and a seal over all of it:
 *
 *   "TNLSAVE" or "TNLSEED" | version, one digit | u32 length | JSON | u32 CRC-32C of all so far | snapshot file | SHA-256 of all so far
 *
 * `TNLSAVE` is what `tnl snapshot save` writes for people to keep, `TNLSEED` what lies in a data directory that a cluster is to
 * begin from. The seal is also the name of the contents: two files with one seal are one and the same.
 */
import { createHash } from 'node:crypto'
import { crc32c } from '@node-rs/crc32'
import { invariant } from '../../invariant.js'
import { SEALED_HEADER_LIMIT_BYTES, SEALED_READ_BYTES, SNAPSHOT_SYNC_STEP_BYTES } from '../limits.js'
import { OlderProgramError } from '../ports/older-program.js'
import { CodecError } from './codec.js'
import type { DiskFile } from './disk.js'

export type SealedKind = 'TNLSAVE' | 'TNLSEED'

const VERSION = 1
const MAGIC_BYTES = 'TNLSAVE1'.length
const PREAMBLE_BYTES = MAGIC_BYTES + 4
const CHECKSUM_BYTES = 4
const SEAL_BYTES = 32

/** Said in the header beside what the writer wants to be known: whoever reads sees by it that the end is missing. */
interface Sized {
  readonly bodyBytes: number
}

/** Writes such a file from its beginning, syncing it piece by piece. */
export class SealedWriter {
  readonly #file: DiskFile
  readonly #hash = createHash('sha256')
  #position = 0
  #syncedTo = 0
  #bodyLeft = 0

  constructor(file: DiskFile) {
    this.#file = file
  }

  async begin(kind: SealedKind, about: object, bodyBytes: number): Promise<void> {
    const json = Buffer.from(JSON.stringify({ ...about, bodyBytes } satisfies Sized), 'utf8')
    invariant(json.byteLength <= SEALED_HEADER_LIMIT_BYTES, 'sealed file: the header is over its limit')
    const header = Buffer.alloc(PREAMBLE_BYTES + json.byteLength + CHECKSUM_BYTES)
    header.write(`${kind}${VERSION}`, 'latin1')
    header.writeUInt32BE(json.byteLength, MAGIC_BYTES)
    header.set(json, PREAMBLE_BYTES)
    header.writeUInt32BE(crc32c(header.subarray(0, -CHECKSUM_BYTES)), header.byteLength - CHECKSUM_BYTES)
    this.#bodyLeft = bodyBytes
    await this.#write(header)
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#bodyLeft -= bytes.byteLength
    invariant(this.#bodyLeft >= 0, 'sealed file: more than was announced')
    await this.#write(bytes)
    if (this.#position - this.#syncedTo < SNAPSHOT_SYNC_STEP_BYTES) return
    await this.#file.sync()
    this.#syncedTo = this.#position
  }

  /** Resolves with the seal when the whole file is on disk. */
  async end(): Promise<string> {
    invariant(this.#bodyLeft === 0, 'sealed file: less than was announced')
    const seal = this.#hash.digest()
    await this.#file.write(this.#position, seal)
    await this.#file.sync()
    return seal.toString('hex')
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await this.#file.write(this.#position, bytes)
    this.#hash.update(bytes)
    this.#position += bytes.byteLength
  }
}

export interface SealedFile {
  /** What the writer said in the header, as JSON; whoever reads it checks it. */
  readonly about: Readonly<Record<string, unknown>>
  /** The snapshot file inside. */
  readonly body: DiskFile
  /** Reads all of it. Throws CodecError if the seal is not that of the contents. */
  verify(): Promise<string>
}

/** Reads the header. Throws CodecError (a sentence about the file, without its name) and OlderProgramError. */
export async function openSealed(file: DiskFile, kind: SealedKind): Promise<SealedFile> {
  const preamble = await file.read(0, PREAMBLE_BYTES)
  checkMagic(preamble, kind)
  const jsonBytes = preamble.readUInt32BE(MAGIC_BYTES)
  if (jsonBytes > SEALED_HEADER_LIMIT_BYTES) throw new CodecError('its header is damaged')
  const headerBytes = PREAMBLE_BYTES + jsonBytes + CHECKSUM_BYTES
  const header = await file.read(0, headerBytes)
  const sizeBytes = await file.sizeBytes()
  if (header.byteLength < headerBytes) throw new CodecError(`it is cut short, after ${sizeBytes} bytes`)
  if (crc32c(header.subarray(0, -CHECKSUM_BYTES)) !== header.readUInt32BE(headerBytes - CHECKSUM_BYTES)) {
    throw new CodecError('its header is damaged')
  }
  const about = JSON.parse(header.toString('utf8', PREAMBLE_BYTES, headerBytes - CHECKSUM_BYTES)) as SealedFile['about']
  const { bodyBytes } = about as unknown as Sized
  const wholeBytes = headerBytes + bodyBytes + SEAL_BYTES
  if (sizeBytes < wholeBytes) throw new CodecError(`it is cut short: ${sizeBytes} of ${wholeBytes} bytes are there`)
  if (sizeBytes > wholeBytes) throw new CodecError(`${sizeBytes - wholeBytes} bytes follow its end`)
  return {
    about,
    body: section(file, headerBytes, bodyBytes),
    verify: () => verifySeal(file, wholeBytes - SEAL_BYTES),
  }
}

function checkMagic(preamble: Buffer, kind: SealedKind): void {
  const isOurs = preamble.byteLength === PREAMBLE_BYTES && preamble.toString('latin1', 0, kind.length) === kind
  const version = isOurs ? Number(preamble.toString('latin1', kind.length, MAGIC_BYTES)) : Number.NaN
  if (!(version >= VERSION)) throw new CodecError('it is not a saved snapshot')
  if (version > VERSION)
    throw new OlderProgramError(`the file has format ${version}, and this program reads ${VERSION}`)
}

async function verifySeal(file: DiskFile, sealedBytes: number): Promise<string> {
  const hash = createHash('sha256')
  for (let position = 0; position < sealedBytes; ) {
    const bytes = await file.read(position, Math.min(SEALED_READ_BYTES, sealedBytes - position))
    if (bytes.byteLength === 0) throw new CodecError('it became shorter while it was read')
    hash.update(bytes)
    position += bytes.byteLength
  }
  const seal = hash.digest()
  if (!seal.equals(await file.read(sealedBytes, SEAL_BYTES))) {
    throw new CodecError('it is damaged: its SHA-256 is not the one it ends with')
  }
  return seal.toString('hex')
}

/** A part of a file, to be read as a file. */
function section(file: DiskFile, start: number, bytes: number): DiskFile {
  const readOnly = () => Promise.reject(new Error('a section is only read'))
  return {
    read: (position, maxBytes) => file.read(start + position, Math.max(0, Math.min(maxBytes, bytes - position))),
    sizeBytes: () => Promise.resolve(bytes),
    close: () => file.close(),
    write: readOnly,
    sync: readOnly,
  }
}
