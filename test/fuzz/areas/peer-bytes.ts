/**
 * The byte stream of a peer connection: fragments of frames, honest ones and changed ones, in pieces of any size, through
 * the parser and every reader behind it. What does not fit is a breach of the protocol, and no other error.
 */
import { isDeepStrictEqual } from 'node:util'
import { type Message, MsgType, message } from '../../../src/raft/core/messages.js'
import { EntryType } from '../../../src/raft/core/types.js'
import { encodeFragment, FrameParser } from '../../../src/raft/net/frame.js'
import { decodeHello, decodeRefusal, encodeRefusal, LinkKind } from '../../../src/raft/net/handshake.js'
import { checkBatch, decodeBatch, encodeBatch } from '../../../src/raft/node/command-batch.js'
import { FrameKind, Lane, PeerProtocolError } from '../../../src/raft/ports/transport.js'
import {
  readAck,
  readBegin,
  readBootstrapMessage,
  readChunkHeader,
  writeChunkHeader,
} from '../../../src/raft/wire/control-messages.js'
import { decodeMessages, encodeMessages } from '../../../src/raft/wire/raft-codec.js'
import { decodeAnswer, decodeOperation, encodeFrame } from '../../../src/service/administration/frames.js'
import { decodeRenewal, decodeRenewalAnswer, encodeRenewalAnswer } from '../../../src/service/leases/renewal-frames.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { helloFrame } from '../../kit/hello.js'
import { type Area, Finding, Trail } from '../area.js'
import { packed } from '../packed.js'
import { damaged, EXTREME_INTEGERS, freeText, nameText } from '../values.js'

const STREAMS = 60
const FRAMES_MAX = 8

interface Sent {
  readonly kind: number
  readonly payload: Uint8Array
}

const whole = EXTREME_INTEGERS.filter((number) => number >= 0 && Number.isSafeInteger(number))
const integer = (random: SeededRandom): number => (random.chance(0.5) ? random.pick(whole) : random.int(100))

export function anyMessage(random: SeededRandom): Message {
  const types = Object.values(MsgType)
  const entries = Array.from({ length: random.chance(0.3) ? random.int(4) : 0 }, () => ({
    term: integer(random),
    index: integer(random),
    type: random.pick(Object.values(EntryType)),
    data: random.chance(0.5) ? encodeBatch([random.bytes(random.int(30))]) : random.bytes(random.int(30)),
  }))
  return message(random.pick(types), integer(random), integer(random), {
    ...{ term: integer(random), logTerm: integer(random), index: integer(random), commit: integer(random) },
    ...{ vote: integer(random), rejectHint: integer(random), reject: random.chance(0.2), entries },
    context: random.bytes(random.pick([0, 0, 8, 16])),
  })
}

type Maker = (random: SeededRandom) => Sent

const hello: Maker = (random) => {
  const text = () => random.pick(['c1', 'n2', '', 'x'.repeat(300), freeText(random)])
  const held = { term: integer(random), vote: integer(random), lastIndex: integer(random) }
  const change = {
    clusterId: text(),
    nodeId: text(),
    memberUid: text(),
    raftId: integer(random),
    level: integer(random),
    held,
  }
  return { kind: LinkKind.hello, payload: helloFrame(random.chance(0.5) ? change : {}) }
}

const refusal: Maker = (random) => {
  const code = random.pick(['other-cluster', 'not-member', '', freeText(random)])
  return {
    kind: LinkKind.refuse,
    payload: encodeRefusal({ code, isFinal: random.chance(0.5), message: freeText(random) }),
  }
}

const raft: Maker = (random) => {
  for (;;) {
    try {
      const payload = encodeMessages(Array.from({ length: random.int(4) }, () => anyMessage(random)))
      return { kind: FrameKind.raft, payload: Buffer.concat(payload) }
    } catch {
      // A message that only a node's own threads get cannot be written: another draw.
    }
  }
}

const MAKERS: readonly Maker[] = [
  hello,
  refusal,
  raft,
  raft,
  (random) => ({
    kind: FrameKind.propose,
    payload: encodeBatch(Array.from({ length: random.int(4) }, () => random.bytes(random.int(40)))),
  }),
  (random) => ({ kind: FrameKind.snapshotBegin, payload: packed(random) }),
  (random) => ({ kind: FrameKind.snapshotAck, payload: packed(random) }),
  (random) => ({ kind: FrameKind.bootstrap, payload: packed(random) }),
  (random) => ({
    kind: FrameKind.snapshotChunk,
    payload: Buffer.concat([
      writeChunkHeader({ id: integer(random), offset: integer(random) }),
      random.bytes(random.int(50)),
    ]),
  }),
  (random) => ({
    kind: FrameKind.renewed,
    payload: encodeRenewalAnswer({ epoch: integer(random), number: integer(random), commitIndex: integer(random) }),
  }),
  (random) => ({
    kind: FrameKind.admin,
    payload: encodeFrame({
      number: integer(random),
      body: { action: freeText(random), node: nameText(random), peer: '', replaces: '' },
    }),
  }),
  (random) => ({ kind: random.int(0x40), payload: random.bytes(random.int(60)) }),
]

/** Every reader that may get such a frame; null means that it says no without an error. */
const READERS: Readonly<Record<number, (payload: Uint8Array) => unknown>> = {
  [LinkKind.hello]: (payload) => decodeHello(payload),
  [LinkKind.refuse]: decodeRefusal,
  [FrameKind.raft]: (payload) => decodeMessages(payload),
  [FrameKind.propose]: (payload) => checkBatch(payload) && decodeBatch(payload, () => undefined),
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
    const sent = Array.from({ length: 1 + random.int(FRAMES_MAX) }, () => random.pick(MAKERS)(random))
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
  #fragments({ kind, payload }: Sent): Uint8Array[] {
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

  #parse(bytes: Buffer): Sent[] {
    const random = this.#random
    const parser = new FrameParser()
    const got: Sent[] = []
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

  #read({ kind, payload }: Sent): void {
    try {
      READERS[kind]?.(payload)
    } catch (error) {
      if (error instanceof PeerProtocolError) return
      throw new Finding(`reading a frame of kind ${kind} threw ${String(error)}`, this.#trail.lines, { cause: error })
    }
  }
}

const ascending = (a: number, b: number): number => a - b
const plain = ({ kind, payload }: Sent) => [kind, Buffer.from(payload).toString('hex')]

export const peerBytes: Area = {
  name: 'peer-bytes',
  what: 'frames between peers, through parser and readers, in pieces of any size',
  play: (seed) => new Case(seed).run(),
}
