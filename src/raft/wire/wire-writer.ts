import { invariant } from '../../invariant.js'

/** A non-negative safe integer takes eight bytes: low half, high half. */
export const INTEGER_BYTES = 8
const HALF = 2 ** 32

/** Writes little-endian fields into one buffer of known size and weaves foreign byte arrays in by reference. */
export class ByteWriter {
  readonly #buffer: Buffer
  readonly #parts: Uint8Array[] = []
  #offset = 0
  /** Where the part of the buffer begins that is not among the parts yet. */
  #open = 0

  /** `fixedBytes`: exactly what will be written, references not counted. */
  constructor(fixedBytes: number) {
    this.#buffer = Buffer.allocUnsafe(fixedBytes)
  }

  u8(value: number): void {
    this.#offset = this.#buffer.writeUInt8(value, this.#offset)
  }

  u32(value: number): void {
    this.#offset = this.#buffer.writeUInt32LE(value, this.#offset)
  }

  integer(value: number): void {
    invariant(Number.isSafeInteger(value) && value >= 0, () => `raft codec: ${value} is no index, term or id of a peer`)
    const low = value % HALF
    this.u32(low)
    this.u32((value - low) / HALF)
  }

  copy(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#offset)
    this.#offset += bytes.length
  }

  reference(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#closePart()
    this.#parts.push(bytes)
  }

  finish(): Uint8Array[] {
    invariant(this.#offset === this.#buffer.length, 'raft codec: the computed size was wrong')
    this.#closePart()
    return this.#parts
  }

  #closePart(): void {
    if (this.#open < this.#offset) this.#parts.push(this.#buffer.subarray(this.#open, this.#offset))
    this.#open = this.#offset
  }
}
