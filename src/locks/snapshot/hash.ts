/**
 * A 64-bit fingerprint of a set of records. Each record is hashed by itself in two 32-bit lanes (multiply and xor byte by
 * byte with different constants, then the finalizer of MurmurHash3 to spread every bit), and the lanes are summed
 * over all records: a sum does not depend on the order, which differs between nodes that restored and nodes that applied.
 * It finds accidental differences; it is no protection against intent.
 */
export class SetHash {
  #low = 0
  #high = 0

  add(record: Uint8Array): void {
    let low = 0x811c9dc5
    let high = 0x9747b28c
    for (let i = 0; i < record.length; i++) {
      const byte = record[i] ?? 0
      low = Math.imul(low ^ byte, 0x01000193)
      high = Math.imul(((high << 5) | (high >>> 27)) ^ byte, 0x9e3779b1)
    }
    this.#low = (this.#low + mix(low ^ record.length)) >>> 0
    this.#high = (this.#high + mix(high ^ record.length)) >>> 0
  }

  /** 16 hexadecimal digits. */
  digest(): string {
    return this.#high.toString(16).padStart(8, '0') + this.#low.toString(16).padStart(8, '0')
  }
}

function mix(value: number): number {
  let mixed = value ^ (value >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
