/**
 * Frames between peers. A frame travels as one or more fragments, those of the two lanes interleaved:
 *
 *     fragment = u32 payload length | u8 tag | u32 CRC-32C of the five bytes before and the payload | payload
 *     tag      = bit 7: bulk lane, bit 6: more fragments of this frame follow, bits 0-5: kind          (little endian)
 */
import { crc32c } from '@node-rs/crc32'
import { looksLikeTls } from '../../sockets/tls/first-bytes.js'
import { COALESCE_BYTES, FRAGMENT_PAYLOAD_BYTES, FRAME_FRAGMENTS, PEER_FRAME_BYTES } from '../limits.js'
import { Lane, PeerProtocolError } from '../ports/transport.js'

export const FRAGMENT_HEADER_BYTES = 9
const TAG_OFFSET = 4
const CRC_OFFSET = 5
const TAG_BULK = 0x80
const TAG_MORE = 0x40
const KIND_MASK = 0x3f

/** A payload that is much smaller than the socket's chunk must not keep all of it alive: it is copied. */
const COPY_BELOW_CHUNK_FRACTION = 4

/** The byte stream of a connection is broken or was never that of a peer. The connection cannot be used further. */
export class FrameError extends PeerProtocolError {
  override readonly name = 'FrameError'
  override readonly code = 'TNL_PEER_FRAME'
}

/**
 * The buffers to write for one fragment. `more`: it is not the last of its frame. Parts are passed on by reference
 * unless they are so small that one buffer is cheaper.
 */
export function encodeFragment(lane: Lane, kind: number, more: boolean, parts: readonly Uint8Array[]): Uint8Array[] {
  const payloadBytes = byteLength(parts)
  const coalesce = payloadBytes <= COALESCE_BYTES
  const head = Buffer.allocUnsafe(FRAGMENT_HEADER_BYTES + (coalesce ? payloadBytes : 0))
  head.writeUInt32LE(payloadBytes, 0)
  head[TAG_OFFSET] = (lane === Lane.bulk ? TAG_BULK : 0) | (more ? TAG_MORE : 0) | kind
  let crc = crc32c(head.subarray(0, CRC_OFFSET))
  if (!coalesce) {
    for (const part of parts) crc = crc32c(part, crc)
    head.writeUInt32LE(crc, CRC_OFFSET)
    return [head, ...parts]
  }
  let offset = FRAGMENT_HEADER_BYTES
  for (const part of parts) {
    head.set(part, offset)
    offset += part.length
  }
  head.writeUInt32LE(crc32c(head.subarray(FRAGMENT_HEADER_BYTES), crc), CRC_OFFSET)
  return [head]
}

export function byteLength(parts: readonly Uint8Array[]): number {
  let bytes = 0
  for (const part of parts) bytes += part.length
  return bytes
}

export interface Frame {
  readonly lane: Lane
  readonly kind: number
  /** May be a view of the socket's chunk: copy it to keep it. */
  readonly payload: Uint8Array
}

/** Turns chunks of a socket into frames. After a FrameError it must not be used again. */
export class FrameParser {
  /** Not parsed yet, from `#offset` of the first one on; joined only when a whole fragment is there. */
  #chunks: Buffer[] = []
  #offset = 0
  #availableBytes = 0
  #neededBytes = FRAGMENT_HEADER_BYTES
  readonly #unfinished: Record<Lane, UnfinishedFrame | null> = { [Lane.control]: null, [Lane.bulk]: null }
  /** What may still come, fragment headers counted, before the two sides have accepted each other. */
  #strangerBytesLeft: number

  constructor(strangerBytes = Number.POSITIVE_INFINITY) {
    this.#strangerBytesLeft = strangerBytes
  }

  /** The peer is known: from here on only the size of a frame is bounded. */
  trust(): void {
    this.#strangerBytesLeft = Number.POSITIVE_INFINITY
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#availableBytes += chunk.length
  }

  /** The next whole frame of what was pushed, or null. Throws FrameError. */
  next(): Frame | null {
    while (this.#availableBytes >= this.#neededBytes) {
      const chunk = this.#join()
      const length = chunk.readUInt32LE(this.#offset)
      if (length > FRAGMENT_PAYLOAD_BYTES) throw tooLong(chunk.subarray(this.#offset), length)
      const fragmentBytes = FRAGMENT_HEADER_BYTES + length
      if (fragmentBytes > this.#strangerBytesLeft) throw new FrameError('too many bytes before the handshake')
      if (this.#availableBytes < fragmentBytes) {
        this.#neededBytes = fragmentBytes
        break
      }
      this.#neededBytes = FRAGMENT_HEADER_BYTES
      const frame = this.#parse(chunk, this.#offset, this.#offset + fragmentBytes)
      this.#skip(fragmentBytes)
      this.#strangerBytesLeft -= fragmentBytes
      if (frame !== null) return frame
    }
    return null
  }

  #join(): Buffer {
    const [first] = this.#chunks
    if (first !== undefined && this.#chunks.length === 1) return first
    const joined = Buffer.concat(this.#chunks).subarray(this.#offset)
    this.#chunks = [joined]
    this.#offset = 0
    return joined
  }

  #skip(bytes: number): void {
    this.#offset += bytes
    this.#availableBytes -= bytes
    if (this.#availableBytes > 0) return
    this.#chunks = []
    this.#offset = 0
  }

  #parse(chunk: Buffer, start: number, end: number): Frame | null {
    const payload = chunk.subarray(start + FRAGMENT_HEADER_BYTES, end)
    const crc = crc32c(payload, crc32c(chunk.subarray(start, start + CRC_OFFSET)))
    if (crc !== chunk.readUInt32LE(start + CRC_OFFSET)) throw new FrameError('checksum mismatch')
    const tag = chunk.readUInt8(start + TAG_OFFSET)
    const lane = (tag & TAG_BULK) === 0 ? Lane.control : Lane.bulk
    const kind = tag & KIND_MASK
    const more = (tag & TAG_MORE) !== 0
    if (!more && this.#unfinished[lane] === null) {
      const small = payload.length * COPY_BELOW_CHUNK_FRACTION < chunk.length
      return { lane, kind, payload: small ? Buffer.from(payload) : payload }
    }
    return this.#assemble(lane, kind, more, payload)
  }

  #assemble(lane: Lane, kind: number, more: boolean, payload: Buffer): Frame | null {
    const frame = this.#unfinished[lane] ?? { kind, parts: [], bytes: 0 }
    if (frame.kind !== kind) throw new FrameError(`fragment of kind ${kind} within a frame of kind ${frame.kind}`)
    frame.parts.push(payload)
    frame.bytes += payload.length
    // Each piece costs an object, however short it is, so ours are cut as long as allowed.
    if (frame.parts.length > FRAME_FRAGMENTS) throw new FrameError(`frame of more than ${FRAME_FRAGMENTS} fragments`)
    if (frame.bytes > PEER_FRAME_BYTES) throw new FrameError(`frame of more than ${PEER_FRAME_BYTES} bytes`)
    this.#unfinished[lane] = more ? frame : null
    return more ? null : { lane, kind, payload: Buffer.concat(frame.parts, frame.bytes) }
  }
}

/** The usual one is the beginning of a TLS handshake, at a node that was given no certificates. */
function tooLong(bytes: Buffer, length: number): FrameError {
  const isTls = looksLikeTls(bytes, 'peer') === true
  return new FrameError(isTls ? 'it speaks TLS, and this node does not' : `fragment of ${length} bytes`)
}

interface UnfinishedFrame {
  readonly kind: number
  readonly parts: Uint8Array[]
  bytes: number
}
