/** Small records: value on disk is u32 CRC-32C | u8 version | bytes, and the meta record has a digest of them all. */
import { crc32c } from '@node-rs/crc32'
import { CHECKSUM_BYTES, seal, sealOf } from './checked.js'
import { CodecError } from './codec.js'

const RECORD_VERSION = 1
const HEADER_BYTES = CHECKSUM_BYTES + 1

export type Records = ReadonlyMap<string, Uint8Array>

export function encodeRecord(bytes: Uint8Array): Buffer {
  const value = Buffer.allocUnsafe(HEADER_BYTES + bytes.byteLength)
  value.writeUInt8(RECORD_VERSION, CHECKSUM_BYTES)
  value.set(bytes, HEADER_BYTES)
  seal(value)
  return value
}

/** Throws CodecError. */
export function decodeRecord(value: Buffer): Uint8Array {
  if (sealOf(value) === null) throw new CodecError('its checksum does not match')
  const version = value.readUInt8(CHECKSUM_BYTES)
  if (version !== RECORD_VERSION) throw new CodecError(`its version is ${version}, not ${RECORD_VERSION}`)
  return new Uint8Array(value.subarray(HEADER_BYTES))
}

/** One number over all names and values: a record that LevelDB lost, or kept although it was replaced, changes it. */
export function digestRecords(records: Records): number {
  let digest = 0
  for (const name of [...records.keys()].sort()) {
    const value = records.get(name) ?? new Uint8Array(0)
    digest = crc32c(value, crc32c(`${name}\0${value.byteLength}\0`, digest))
  }
  return digest
}
