/** Reads what ByteWriter wrote, and refuses whatever it cannot have written: every read is checked against the end. */
import { utf8Decoder } from './utf8.js'

/**
 * The bytes are not of this format, or damaged. Of the log or a snapshot the node must stop; of a peer its connection is closed
 * (`raft/wire` says so by an error of its own).
 */
export class FormatError extends Error {
  override readonly name = 'FormatError'
  readonly code = 'TNL_FORMAT'
}

/** Up to here (node ids, short names) a loop is faster than a call of the decoder. */
const LOOP_TEXT_MAX_BYTES = 12

const TWO_24 = 2 ** 24
const TWO_32 = 2 ** 32

export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #what: string
  readonly #end: number
  #at: number

  /** Reads `bytes` from `start` to `end`; `what` names the thing read in error messages. */
  constructor(bytes: Uint8Array, what: string, start = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#what = what
    this.#at = start
    this.#end = end
  }

  get remaining(): number {
    return this.#end - this.#at
  }

  fail(problem: string): never {
    throw new FormatError(`${this.#what}: ${problem} at byte ${this.#at} of ${this.#end}`)
  }

  version(expected: number): void {
    const version = this.byte()
    if (version !== expected) this.fail(`version ${version} where this program knows ${expected}`)
  }

  end(): void {
    if (this.remaining > 0) this.fail('more bytes than expected')
  }

  byte(): number {
    const value = this.#bytes[this.#at]
    if (value === undefined || this.#at >= this.#end) this.fail('the bytes end too early')
    this.#at += 1
    return value
  }

  bool(): boolean {
    const value = this.byte()
    if (value > 1) this.fail(`${value} is neither yes nor no`)
    return value === 1
  }

  varint(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.byte()
      value += (byte & 127) * scale
      if (byte < 128) break
      scale *= 128
      if (scale > 2 ** 49) this.fail('a number beyond 2^53')
    }
    if (!Number.isSafeInteger(value)) this.fail('a number beyond 2^53')
    return value
  }

  /** A varint of `count` bits; others that are set are of a format that this program does not know. */
  flags(count: number): number {
    const value = this.varint()
    if (value >= 2 ** count) this.fail(`flags ${value} where this program knows ${count}`)
    return value
  }

  signed(): number {
    const value = this.varint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  wide(): number {
    if (this.remaining < 7) this.fail('the bytes end too early')
    const bytes = this.#bytes
    const at = this.#at
    this.#at += 7
    const low =
      ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16)) + (bytes[at + 3] ?? 0) * TWO_24
    const high = (bytes[at + 4] ?? 0) | ((bytes[at + 5] ?? 0) << 8) | ((bytes[at + 6] ?? 0) << 16)
    const value = low + high * TWO_32
    if (!Number.isSafeInteger(value)) this.fail('a number beyond 2^53')
    return value
  }

  /** Four bytes, lowest first. */
  u32(): number {
    if (this.remaining < 4) this.fail('the bytes end too early')
    const bytes = this.#bytes
    const at = this.#at
    this.#at += 4
    return (
      ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16)) + (bytes[at + 3] ?? 0) * TWO_24
    )
  }

  /** Eight bytes, lowest first. */
  u64(): number {
    const value = this.u32() + this.u32() * TWO_32
    if (!Number.isSafeInteger(value)) this.fail('a number beyond 2^53')
    return value
  }

  /** A u32 that announces so many items of at least `itemBytes` each; refused when they cannot all follow. */
  count(itemBytes: number, what: string): number {
    const count = this.u32()
    if (count * itemBytes > this.remaining) this.fail(`${count} ${what} cannot follow`)
    return count
  }

  text(): string {
    const length = this.varint()
    if (length === 0) return ''
    return length <= LOOP_TEXT_MAX_BYTES ? this.#shortText(length) : this.#decode(this.take(length))
  }

  bytes(): Uint8Array {
    return this.take(this.varint())
  }

  /** The next `count` bytes, not copied. */
  take(count: number): Uint8Array {
    if (count > this.remaining) this.fail('the bytes end too early')
    this.#at += count
    return this.#bytes.subarray(this.#at - count, this.#at)
  }

  /** In place: to cut so few bytes out takes longer than to read them. */
  #shortText(length: number): string {
    if (length > this.remaining) this.fail('the bytes end too early')
    const end = this.#at + length
    let text = ''
    for (let at = this.#at; at < end; at++) {
      const byte = this.#bytes[at] ?? 0
      if (byte > 0x7f) return this.#decode(this.take(length))
      text += String.fromCharCode(byte)
    }
    this.#at = end
    return text
  }

  #decode(bytes: Uint8Array): string {
    try {
      return utf8Decoder.decode(bytes)
    } catch {
      this.fail('a text that is not UTF-8')
    }
  }
}
