import { PeerProtocolError } from '../ports/transport.js'

const HALF = 2 ** 32
/** High halves below this give safe integers. */
const SAFE_HIGH_HALF = 2 ** 21

/** Bytes that no honest peer of this version writes. */
export class CodecError extends PeerProtocolError {
  override readonly name = 'CodecError'
  override readonly code = 'TNL_PEER_CODEC'
}

/** Reads what `ByteWriter` wrote, and trusts nothing: every read is checked against the end. */
export class ByteReader {
  readonly #buffer: Buffer
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#take(1))
  }

  u32(): number {
    return this.#buffer.readUInt32LE(this.#take(4))
  }

  integer(): number {
    const low = this.u32()
    const high = this.u32()
    if (high >= SAFE_HIGH_HALF) throw new CodecError('an integer is beyond 2^53')
    return high * HALF + low
  }

  /** A u32 that announces so many items of at least `itemBytes` each; refused when they cannot all follow. */
  count(itemBytes: number, what: string): number {
    const count = this.u32()
    if (count * itemBytes > this.#buffer.length - this.#offset) throw new CodecError(`${count} ${what} cannot follow`)
    return count
  }

  /** A view, not a copy. */
  bytes(length: number): Uint8Array {
    const start = this.#take(length)
    return this.#buffer.subarray(start, start + length)
  }

  end(): void {
    const left = this.#buffer.length - this.#offset
    if (left !== 0) throw new CodecError(`${left} bytes too many`)
  }

  #take(length: number): number {
    const start = this.#offset
    if (length > this.#buffer.length - start) throw new CodecError('the payload ends too early')
    this.#offset = start + length
    return start
  }
}
