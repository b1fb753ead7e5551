/** Checksummed values: u32 CRC-32C of the rest | rest. LevelDB returns wrong values without an error (rules.md, Storage). */
import { crc32c } from '@node-rs/crc32'

export const CHECKSUM_BYTES = 4

/** Fills the first four bytes with the checksum of all that follow, and returns it. */
export function seal(value: Buffer): number {
  const checksum = crc32c(value.subarray(CHECKSUM_BYTES))
  value.writeUInt32BE(checksum, 0)
  return checksum
}

/** The checksum of a sealed value, or null if it does not match its bytes. */
export function sealOf(value: Buffer): number | null {
  if (value.byteLength <= CHECKSUM_BYTES) return null
  const checksum = value.readUInt32BE(0)
  return crc32c(value.subarray(CHECKSUM_BYTES)) === checksum ? checksum : null
}
