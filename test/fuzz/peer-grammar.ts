/** Frames of peers, most of them as a peer may send them. */
import { type Message, MsgType, message } from '../../src/raft/core/messages.js'
import { EntryType } from '../../src/raft/core/types.js'
import { encodeRefusal, LinkKind } from '../../src/raft/net/handshake.js'
import { encodeBatch } from '../../src/raft/node/command-batch.js'
import { FrameKind } from '../../src/raft/ports/transport.js'
import { writeChunkHeader } from '../../src/raft/wire/control-messages.js'
import { encodeMessages } from '../../src/raft/wire/raft-codec.js'
import { encodeFrame } from '../../src/service/administration/frames.js'
import { encodeRenewalAnswer } from '../../src/service/leases/renewal-frames.js'
import type { SeededRandom } from '../../src/testing/seeded-random.js'
import { helloFrame } from '../kit/hello.js'
import { packed } from './packed.js'
import { EXTREME_INTEGERS, freeText, nameText } from './values.js'

export interface SentFrame {
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

type Maker = (random: SeededRandom) => SentFrame

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

export const peerFrame = (random: SeededRandom): SentFrame => random.pick(MAKERS)(random)
