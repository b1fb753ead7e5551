/**
 * Appends the primitive values of our binary formats to a growing buffer; all numbers are safe integers. Large byte arrays can
 * be woven in without a copy: then the result is taken as parts.
 */
import { utf8Encoder } from './utf8.js'

const INITIAL_BYTES = 256
/** Of a length that is filled in later. */
export const SIZE_BYTES = 4
/** Of `u64`. */
export const U64_BYTES = 8
const TWO_32 = 2 ** 32
/** The widest varint: 53 bits in groups of seven. */
const VARINT_MAX_BYTES = 8
/** Up to this length a text's length takes one byte and its characters are tried one by one as ASCII. */
const SHORT_TEXT_MAX = 127

/** A number has no form in our formats. Whoever let it in should have refused it: the value is lost, nothing else. */
export class EncodingError extends Error {
  override readonly name = 'EncodingError'
  readonly code = 'TNL_ENCODING'
}

function checkWritable(value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return
  throw new EncodingError(`a number to write is a safe non-negative integer: ${value}`)
}

export class ByteWriter {
  #bytes: Uint8Array
  #length = 0
  /** Everything before `#open`, once something was woven in. */
  readonly #parts: Uint8Array[] = []
  /** From here on the buffer is in no part yet. */
  #open = 0

  /** `initialBytes`: how much is going to be written, if that is known. */
  constructor(initialBytes = INITIAL_BYTES) {
    this.#bytes = new Uint8Array(initialBytes)
  }

  get length(): number {
    return this.#length
  }

  /** For a writer that is used again. One that weaves is used once. */
  clear(): void {
    this.#length = 0
  }

  /** What was written since `clear`, as a buffer of its own. */
  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  copyOf(start: number, end: number): Uint8Array {
    return this.#bytes.slice(start, Math.min(end, this.#length))
  }

  /** All of it without a copy: valid until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  bool(value: boolean): void {
    this.byte(value ? 1 : 0)
  }

  /** Seven bits a byte, lowest first; for numbers that are mostly small. */
  varint(value: number): void {
    checkWritable(value)
    this.#reserve(VARINT_MAX_BYTES)
    let rest = value
    // Bit operations have 32 bits, so the upper part of a large number goes by division.
    for (; rest >= TWO_32 / 2; rest = Math.floor(rest / 128)) this.#bytes[this.#length++] = (rest % 128) | 128
    for (; rest >= 128; rest >>>= 7) this.#bytes[this.#length++] = (rest & 127) | 128
    this.#bytes[this.#length++] = rest
  }

  /** Four bytes, lowest first; below 2^32. */
  u32(value: number): void {
    checkWritable(value)
    if (value >= TWO_32) throw new EncodingError(`a number to write in four bytes is below 2^32: ${value}`)
    this.#reserve(4)
    this.#putLow(value)
  }

  /** Eight bytes, lowest first. */
  u64(value: number): void {
    checkWritable(value)
    this.#reserve(U64_BYTES)
    const low = value >>> 0
    this.#putLow(low)
    this.#putLow((value - low) / TWO_32)
  }

  #putLow(value: number): void {
    const bytes = this.#bytes
    const at = this.#length
    bytes[at] = value
    bytes[at + 1] = value >>> 8
    bytes[at + 2] = value >>> 16
    bytes[at + 3] = value >>> 24
    this.#length += 4
  }

  /** For numbers that may be negative, below 2^52 either way. */
  signed(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value)
  }

  /** Seven bytes, for numbers that use most of their 53 bits: epochs, session ids, tokens. */
  wide(value: number): void {
    checkWritable(value)
    this.#reserve(7)
    const bytes = this.#bytes
    const low = value >>> 0
    const high = (value - low) / TWO_32
    bytes[this.#length] = low
    bytes[this.#length + 1] = low >>> 8
    bytes[this.#length + 2] = low >>> 16
    bytes[this.#length + 3] = low >>> 24
    bytes[this.#length + 4] = high
    bytes[this.#length + 5] = high >>> 8
    bytes[this.#length + 6] = high >>> 16
    this.#length += 7
  }

  /** UTF-8 after its length in bytes. */
  text(value: string): void {
    if (value.length > SHORT_TEXT_MAX || !this.#shortAscii(value)) this.bytes(utf8Encoder.encode(value))
  }

  /** Raw bytes after their length. */
  bytes(value: Uint8Array): void {
    this.varint(value.length)
    this.raw(value)
  }

  /** Leaves room for a length in four bytes, lowest first; `endSized` fills in how much was written since. */
  beginSized(): number {
    this.#reserve(SIZE_BYTES)
    this.#length += SIZE_BYTES
    return this.#length
  }

  /** `start` is what `beginSized` returned. */
  endSized(start: number): void {
    const size = this.#length - start
    for (let i = 0; i < SIZE_BYTES; i++) this.#bytes[start - SIZE_BYTES + i] = size >>> (8 * i)
  }

  raw(value: Uint8Array): void {
    this.#reserve(value.length)
    this.#bytes.set(value, this.#length)
    this.#length += value.length
  }

  /** Not copied: `value` must not change until what was written is gone. */
  weave(value: Uint8Array): void {
    if (value.length === 0) return
    this.#closePart()
    this.#parts.push(value)
  }

  /** All of it in order, what was woven in as it is. Nothing may be written afterwards. */
  parts(): readonly Uint8Array[] {
    this.#closePart()
    return this.#parts
  }

  #closePart(): void {
    if (this.#open < this.#length) this.#parts.push(this.#bytes.subarray(this.#open, this.#length))
    this.#open = this.#length
  }

  /** Names are short and ASCII: a loop beats the encoder's call by far. */
  #shortAscii(value: string): boolean {
    this.#reserve(1 + value.length)
    let at = this.#length
    this.#bytes[at++] = value.length
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i)
      if (unit > 0x7f) return false
      this.#bytes[at++] = unit
    }
    this.#length = at
    return true
  }

  #reserve(count: number): void {
    const needed = this.#length + count
    if (needed <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }
}
