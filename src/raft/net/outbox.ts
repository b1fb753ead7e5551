import type { ByteStream } from '../../sockets/streams.js'
import { BULK_QUEUE_BYTES, BULK_WINDOW_BYTES, CONTROL_QUEUE_BYTES, FRAGMENT_PAYLOAD_BYTES } from '../limits.js'
import { Lane } from '../ports/transport.js'
import { byteLength, encodeFragment, FRAGMENT_HEADER_BYTES } from './frame.js'

/** What may wait on each lane; a bulk lane that is empty takes any frame. */
export interface LaneBounds {
  readonly controlBytes: number
  readonly bulkBytes: number
}

const LANE_BOUNDS: LaneBounds = { controlBytes: CONTROL_QUEUE_BYTES, bulkBytes: BULK_QUEUE_BYTES }

/**
 * What waits to be written to one peer, on two lanes. All frames that are queued in one turn leave in one write. Control
 * frames go first; of bulk frames only a window is given to the socket, so that a heartbeat queued later sits behind that
 * window and not behind a whole snapshot.
 */
export class Outbox {
  readonly #stream: ByteStream
  readonly #bounds: LaneBounds
  readonly #control = new FragmentQueue()
  readonly #bulk = new FragmentQueue()
  #flushQueued = false

  constructor(stream: ByteStream, bounds: LaneBounds = LANE_BOUNDS) {
    this.#stream = stream
    this.#bounds = bounds
    stream.on('drain', () => this.flush())
  }

  /** False, and nothing is queued, when the lane is full. The parts must not change afterwards. */
  push(lane: Lane, kind: number, parts: readonly Uint8Array[]): boolean {
    const frameBytes = byteLength(parts)
    const bytes = frameBytes + FRAGMENT_HEADER_BYTES * Math.max(1, Math.ceil(frameBytes / FRAGMENT_PAYLOAD_BYTES))
    const full =
      lane === Lane.control
        ? this.#control.bytes + this.#stream.writableLength + bytes > this.#bounds.controlBytes
        : this.#bulk.bytes > 0 && this.#bulk.bytes + bytes > this.#bounds.bulkBytes
    if (full) return false
    const queue = lane === Lane.control ? this.#control : this.#bulk
    for (const fragment of splitFrame(lane, kind, parts, frameBytes)) queue.push(fragment)
    this.#flushSoon()
    return true
  }

  get bulkBacklogBytes(): number {
    return this.#bulk.bytes
  }

  /** Gives the socket everything that may go now, as one write. */
  flush(): void {
    const stream = this.#stream
    if (!stream.writable) return
    stream.cork()
    while (this.#writeNext(this.#control));
    while (stream.writableLength < BULK_WINDOW_BYTES && this.#writeNext(this.#bulk));
    stream.uncork()
  }

  #flushSoon(): void {
    if (this.#flushQueued) return
    this.#flushQueued = true
    // A microtask: after everything that the driver does in one go, before the event loop waits for anything.
    queueMicrotask(() => {
      this.#flushQueued = false
      this.flush()
    })
  }

  #writeNext(queue: FragmentQueue): boolean {
    const fragment = queue.shift()
    if (fragment === undefined) return false
    const { lane, kind, more, parts } = fragment
    for (const buffer of encodeFragment(lane, kind, more, parts)) this.#stream.write(buffer)
    return true
  }
}

interface Fragment {
  readonly lane: Lane
  readonly kind: number
  readonly more: boolean
  readonly parts: readonly Uint8Array[]
  /** With its header: what it adds to the queue and to the socket's buffer. */
  readonly bytes: number
}

function splitFrame(lane: Lane, kind: number, parts: readonly Uint8Array[], frameBytes: number): Fragment[] {
  if (frameBytes <= FRAGMENT_PAYLOAD_BYTES)
    return [{ lane, kind, more: false, parts, bytes: frameBytes + FRAGMENT_HEADER_BYTES }]
  const fragments: Fragment[] = []
  let pieces: Uint8Array[] = []
  let bytes = 0
  let bytesLeft = frameBytes
  for (const part of parts) {
    for (let offset = 0; offset < part.length; ) {
      const piece = part.subarray(offset, offset + FRAGMENT_PAYLOAD_BYTES - bytes)
      pieces.push(piece)
      offset += piece.length
      bytes += piece.length
      bytesLeft -= piece.length
      if (bytes < FRAGMENT_PAYLOAD_BYTES && bytesLeft > 0) continue
      fragments.push({ lane, kind, more: bytesLeft > 0, parts: pieces, bytes: bytes + FRAGMENT_HEADER_BYTES })
      pieces = []
      bytes = 0
    }
  }
  return fragments
}

/** First in, first out, without the cost of `Array.shift` on a long array. */
class FragmentQueue {
  #fragments: Fragment[] = []
  #head = 0
  bytes = 0

  push(fragment: Fragment): void {
    this.#fragments.push(fragment)
    this.bytes += fragment.bytes
  }

  shift(): Fragment | undefined {
    const fragment = this.#fragments[this.#head]
    if (fragment === undefined) return undefined
    this.#head++
    this.bytes -= fragment.bytes
    // Cut off the used half: each fragment is moved at most once on average.
    if (this.#head * 2 >= this.#fragments.length) {
      this.#fragments = this.#fragments.slice(this.#head)
      this.#head = 0
    }
    return fragment
  }
}
