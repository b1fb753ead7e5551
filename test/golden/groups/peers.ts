/** What peers say: the handshake, and the payload of every kind of frame. */
import { Packr } from 'msgpackr'
import { isLocalMsg, type Message, MsgType, message } from '../../../src/raft/core/messages.js'
import { EntryType } from '../../../src/raft/core/types.js'
import { encodeFragment, FrameParser } from '../../../src/raft/net/frame.js'
import {
  decodeHello,
  decodeRefusal,
  encodeHello,
  encodeRefusal,
  type HelloFrame,
  isRefusal,
} from '../../../src/raft/net/handshake.js'
import { prove, Side } from '../../../src/raft/net/peer-secret.js'
import { FrameKind, Lane, type Refusal, RefusalCode } from '../../../src/raft/ports/transport.js'
import {
  type Ack,
  type Begin,
  type ChunkHeader,
  readAck,
  readBegin,
  readBootstrapMessage,
  readChunkHeader,
  writeChunkHeader,
} from '../../../src/raft/wire/control-messages.js'
import { decodeMessages, encodeMessages } from '../../../src/raft/wire/raft-codec.js'
import {
  type AdminAnswer,
  type AdminOperation,
  decodeAnswer,
  decodeOperation,
  encodeFrame,
  type Frame,
} from '../../../src/service/administration/frames.js'
import {
  decodeRenewal,
  decodeRenewalAnswer,
  encodeRenewal,
  encodeRenewalAnswer,
} from '../../../src/service/leases/renewal-frames.js'
import { type Group, kind } from '../group.js'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const packr = new Packr({ useRecords: false })
const CLUSTER = 'c0ffee00c0ffee00'

const hello: HelloFrame = {
  hello: {
    clusterId: CLUSTER,
    nodeId: 'n1',
    raftId: 4_294_967_297,
    memberUid: 'a1b2c3d4',
    listHash: '0123456789abcdef',
    empty: false,
    level: 1,
    processId: 'f00dfeed',
    held: { term: 7, vote: 2, lastIndex: 123_456 },
  },
  nonce: Uint8Array.from({ length: 16 }, (_, i) => i),
  secret: 'optional',
}

const entries = [
  { term: 6, index: 122, type: EntryType.normal, data: utf8('one') },
  { term: 7, index: 123, type: EntryType.confChangeV2, data: new Uint8Array(0) },
]
const confState = { voters: [1, 2, 3], learners: [4], votersOutgoing: [1, 2, 5], learnersNext: [5], autoLeave: true }
const snapshot = { metadata: { index: 100, term: 6, confState }, data: new Uint8Array(0) }

/** One of each type that leaves its node, every field in use. */
const MESSAGES: Record<string, Message[]> = Object.fromEntries(
  Object.entries(MsgType)
    .filter(([, type]) => !isLocalMsg(type))
    .map(([name, type]) => [
      name,
      [
        message(type, 2, 1, {
          term: 7,
          logTerm: 6,
          index: 121,
          commit: 120,
          vote: 3,
          reject: true,
          rejectHint: 119,
          context: utf8('context'),
          entries: type === MsgType.app ? entries : [],
          snapshot: type === MsgType.snap ? snapshot : null,
        }),
      ],
    ]),
)

/** Answers to renewals and others: what cannot be read is null there. */
const read =
  <T>(decode: (bytes: Uint8Array) => T | null) =>
  (bytes: Uint8Array): T => {
    const value = decode(bytes)
    if (value === null) throw new Error('cannot be read')
    return value
  }

const operation: Frame<AdminOperation> = {
  number: 3,
  body: { action: '.member-promote', node: 'n4', peer: '', replaces: 'n2' },
}
const answer: Frame<AdminAnswer> = {
  number: 3,
  body: { rows: [['member', ['node', 'n1'], ['raft-id', 1]]], count: true },
}
const begin: Begin = {
  id: 5,
  sizeBytes: 1_048_577,
  metadata: {
    index: 100,
    term: 6,
    confState: { ...confState, votersOutgoing: [], learnersNext: [], autoLeave: false },
  },
  term: 7,
  from: 1,
  to: 4,
}

function readHello(bytes: Uint8Array): HelloFrame {
  const said = decodeHello(bytes)
  if (isRefusal(said)) throw new Error(said.message)
  return said
}

interface FragmentValue {
  readonly bulk: boolean
  readonly kind: number
  readonly payload: Uint8Array
}

/** The secret is what both sides know: the proof is compared, not read. */
const PROOF = { listener: utf8('the hello of the listener'), dialler: utf8('the hello of the dialler') }
const proofOf = (secret: Uint8Array) => prove({ isRequired: true, current: () => [secret] }, Side.listener, PROOF)
const SECRET = utf8('a secret of 32 characters or more')

export const PEERS: Group = {
  file: 'peers.json',
  kinds: [
    kind<HelloFrame>('hello', { 'of a member': hello }, encodeHello, readHello),
    kind<Refusal>(
      'refusal',
      { final: { code: RefusalCode.emptied, isFinal: true, message: 'remove it first' } },
      encodeRefusal,
      decodeRefusal,
    ),
    kind<Uint8Array>('proof', { 'of the listener': SECRET }, proofOf, () => SECRET),
    kind<FragmentValue>(
      'frame',
      {
        control: { bulk: false, kind: FrameKind.raft, payload: utf8('a frame') },
        bulk: { bulk: true, kind: FrameKind.snapshotChunk, payload: new Uint8Array(0) },
      },
      ({ bulk, kind: frameKind, payload }) =>
        Buffer.concat(encodeFragment(bulk ? Lane.bulk : Lane.control, frameKind, false, [payload])),
      (bytes) => {
        const parser = new FrameParser()
        parser.push(Buffer.from(bytes))
        const frame = parser.next()
        if (frame === null) throw new Error('no frame')
        return { bulk: frame.lane === Lane.bulk, kind: frame.kind, payload: frame.payload }
      },
    ),
    kind<Message[]>('raft', MESSAGES, (messages) => Buffer.concat(encodeMessages(messages)), decodeMessages),
    kind<Begin>('snapshot begins', { one: begin }, (value) => packr.pack(value), readBegin),
    kind<ChunkHeader>('snapshot chunk', { first: { id: 5, offset: 0 } }, writeChunkHeader, (bytes) =>
      readChunkHeader(Uint8Array.from([...bytes, 0])),
    ),
    kind<Ack>(
      'snapshot ack',
      { more: { id: 5, offset: 65_536, state: 'more' } },
      (value) => packr.pack(value),
      readAck,
    ),
    kind<unknown>(
      'bootstrap',
      {
        announcement: {
          clusterId: CLUSTER,
          listHash: '0123456789abcdef',
          createdUnixSeconds: 1_764_000_000,
          nodeLeaseMs: 10_000,
          confirmed: true,
        },
        'join offer': {
          join: true,
          clusterId: CLUSTER,
          raftId: 4,
          members: [{ nodeId: 'n1', raftId: 1, address: 'n1:7655' }],
        },
      },
      (value) => packr.pack(value),
      readBootstrapMessage,
    ),
    kind('renewal', { one: { epoch: 9_007_199_254_740_991, number: 12 } }, encodeRenewal, read(decodeRenewal)),
    kind(
      'answer to a renewal',
      { one: { epoch: 9_007_199_254_740_991, number: 12, commitIndex: 123_456 } },
      encodeRenewalAnswer,
      read(decodeRenewalAnswer),
    ),
    kind('administration', { promotion: operation }, encodeFrame, read(decodeOperation)),
    kind('answer of the administration', { members: answer }, encodeFrame, read(decodeAnswer)),
  ],
}
