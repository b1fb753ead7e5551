/**
 * The byte stream of a peer connection: fragments of frames, honest ones and changed ones, in pieces of any size, through
 * the parser and every reader behind it. What does not fit is a breach of the protocol, and no other error.
 */
import { isDeepStrictEqual } from 'node:util'
import { encodeFragment, FrameParser } from '../../../src/raft/net/frame.js'
import { decodeHello, decodeRefusal, LinkKind } from '../../../src/raft/net/handshake.js'
import { checkBatch, decodeBatch } from '../../../src/raft/node/command-batch.js'
import { FrameKind, Lane, PeerProtocolError } from '../../../src/raft/ports/transport.js'
import { readAck, readBegin, readBootstrapMessage, readChunkHeader } from '../../../src/raft/wire/control-messages.js'
import { decodeMessages } from '../../../src/raft/wire/raft-codec.js'
import { decodeAnswer, decodeOperation } from '../../../src/service/administration/frames.js'
import { decodeRenewal, decodeRenewalAnswer } from '../../../src/service/leases/renewal-frames.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { type Area, Finding, Trail } from '../area.js'
import { peerFrame, type SentFrame } from '../peer-grammar.js'
import { damaged } from '../values.js'

const STREAMS = 60
const FRAMES_MAX = 8

/** Every reader that may get such a frame; null means that it says no without an error. */
const READERS: Readonly<Record<number, (payload: Uint8Array) => unknown>> = {
  [LinkKind.hello]: (payload) => decodeHello(payload),
  [LinkKind.refuse]: decodeRefusal,
  [FrameKind.raft]: (payload) => decodeMessages(payload),
  [FrameKind.propose]: (payload) => checkBatch(payload) && decodeBatch(payload),
  [FrameKind.snapshotBegin]: readBegin,
  [FrameKind.snapshotAck]: readAck,
  [FrameKind.snapshotChunk]: readChunkHeader,
  [FrameKind.bootstrap]: readBootstrapMessage,
  [FrameKind.renew]: decodeRenewal,
  [FrameKind.renewed]: decodeRenewalAnswer,
  [FrameKind.admin]: decodeOperation,
  [FrameKind.adminResult]: decodeAnswer,
}

class Case {
  readonly #random: SeededRandom
  readonly #trail = new Trail(12)
  #frames = 0

  constructor(seed: number) {
    this.#random = new SeededRandom(seed)
  }

  run(): number {
    for (let stream = 0; stream < STREAMS; stream++) this.#trail.guard(() => this.#stream())
    return this.#frames
  }

  #stream(): void {
    const random = this.#random
    const sent = Array.from({ length: 1 + random.int(FRAMES_MAX) }, () => peerFrame(random))
    const hurt = random.chance(0.6)
    const frames = sent.map(({ kind, payload }) => ({
      kind,
      payload: hurt && random.chance(0.5) ? damaged(random, payload) : payload,
    }))
    this.#frames += frames.length
    for (const { kind, payload } of frames) this.#trail.add(`${kind} ${Buffer.from(payload).toString('hex')}`)
    const bytes = Buffer.concat(frames.flatMap((frame) => this.#fragments(frame)))
    const streamHurt = hurt && random.chance(0.3)
    const got = this.#parse(streamHurt ? Buffer.from(damaged(random, bytes)) : bytes)
    if (!streamHurt && !isDeepStrictEqual(got.map(plain), frames.map(plain))) {
      throw new Finding('other frames arrived than were sent', this.#trail.lines)
    }
  }

  /** In one piece, or in some. */
  #fragments({ kind, payload }: SentFrame): Uint8Array[] {
    const random = this.#random
    const lane = random.pick([Lane.control, Lane.bulk])
    const cuts = random.chance(0.3)
      ? Array.from({ length: random.int(4) }, () => random.int(payload.length + 1)).sort(ascending)
      : []
    const ends = [...cuts, payload.length]
    return ends.flatMap((end, at) =>
      encodeFragment(lane, kind, at < ends.length - 1, [payload.subarray(ends[at - 1] ?? 0, end)]),
    )
  }

  #parse(bytes: Buffer): SentFrame[] {
    const random = this.#random
    const parser = new FrameParser()
    const got: SentFrame[] = []
    try {
      for (let at = 0; at < bytes.length; ) {
        const step = 1 + random.int(random.pick([3, 50, 5_000]))
        parser.push(bytes.subarray(at, at + step))
        at += step
        for (let frame = parser.next(); frame !== null; frame = parser.next()) {
          got.push(frame)
          this.#read(frame)
        }
      }
    } catch (error) {
      if (!(error instanceof PeerProtocolError)) throw error
    }
    return got
  }

  #read({ kind, payload }: SentFrame): void {
    try {
      READERS[kind]?.(payload)
    } catch (error) {
      if (error instanceof PeerProtocolError) return
      throw new Finding(`reading a frame of kind ${kind} threw ${String(error)}`, this.#trail.lines, { cause: error })
    }
  }
}

const ascending = (a: number, b: number): number => a - b
const plain = ({ kind, payload }: SentFrame) => [kind, Buffer.from(payload).toString('hex')]

export const peerBytes: Area = {
  name: 'peer-bytes',
  what: 'frames between peers, through parser and readers, in pieces of any size',
  through: 'memory',
  play: (seed) => new Case(seed).run(),
}
