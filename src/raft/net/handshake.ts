/**
 * How a connection between peers begins: both sides say hello, each judges the other and sends its verdict.
 * msgpack arrays without records.
 *
 *     hello   = magic, lowest version, highest version, …        these three never change, nor does the refusal
 *     proof   = HMAC of the peer secret, where both sides have one (peer-secret.ts); the listener proves first
 *     refusal = code, final, words for people
 *
 * The highest version that both sides know is spoken (ADR 14). It is a range and not one number, so that a cluster can be
 * upgraded member by member.
 */
import { Packr } from 'msgpackr'
import { HELLO_NONCE_BYTES, HELLO_TEXT_LENGTH } from '../limits.js'
import { type Held, type PeerHello, type Refusal, RefusalCode } from '../ports/transport.js'
import { FrameError } from './frame.js'

const MAGIC = 'tcpnetlock-peer'

export interface VersionRange {
  readonly lowest: number
  readonly highest: number
}

/** Of this program. Versions 1 and 2 were spoken before there were feature levels: what they carry means something else. */
export const PEER_VERSIONS: VersionRange = { lowest: 3, highest: 3 }

/** Frame kinds of the transport itself, above those of `FrameKind`. */
export const LinkKind = {
  hello: 0x30,
  accept: 0x31,
  refuse: 0x32,
  /** The pair keeps another connection; this one is closed without blame. */
  surplus: 0x33,
  probe: 0x34,
  probeAnswer: 0x35,
  proof: 0x36,
} as const
export type LinkKind = (typeof LinkKind)[keyof typeof LinkKind]

const packr = new Packr({ useRecords: false })

/** What a node does about the peer secret. */
const SECRET_USES = ['none', 'optional', 'required'] as const
export type SecretUse = (typeof SECRET_USES)[number]

export interface HelloFrame {
  readonly hello: PeerHello
  readonly nonce: Uint8Array
  readonly secret: SecretUse
}

export function encodeHello(frame: HelloFrame, { lowest, highest }: VersionRange = PEER_VERSIONS): Uint8Array {
  const { hello, nonce, secret } = frame
  const { clusterId, nodeId, raftId, memberUid, listHash, empty, level, processId, held } = hello
  return packr.pack([
    MAGIC,
    lowest,
    highest,
    clusterId,
    nodeId,
    raftId,
    memberUid,
    listHash,
    empty,
    level,
    processId,
    [held.term, held.vote, held.lastIndex],
    nonce,
    secret,
  ])
}

/** The peer's hello, or why it has to be refused. Throws FrameError if no peer can have written it. */
export function decodeHello(payload: Uint8Array, ours: VersionRange = PEER_VERSIONS): HelloFrame | Refusal {
  const [magic, lowest, highest, ...fields] = unpackArray(payload)
  if (magic !== MAGIC || !isNumber(lowest)) throw new FrameError('not the hello of a peer')
  const theirs = { lowest, highest: isNumber(highest) ? highest : lowest }
  if (commonVersion(ours, theirs) === null) {
    return {
      code: RefusalCode.version,
      isFinal: false,
      message: `peer protocol version ${words(theirs)}, this node speaks version ${words(ours)}`,
    }
  }
  const [clusterId, nodeId, raftId, memberUid, listHash, empty, level, processId, heldFields, nonce, use] = fields
  const secret = SECRET_USES.find((one) => one === use)
  const held = readHeld(heldFields)
  if (!isText(clusterId) || !isText(nodeId) || !isText(memberUid) || !isText(listHash) || !isText(processId)) {
    throw new FrameError('malformed hello')
  }
  if (nodeId === '' || !isNumber(raftId) || !isNumber(level) || typeof empty !== 'boolean' || held === null) {
    throw new FrameError('malformed hello')
  }
  if (!(nonce instanceof Uint8Array) || nonce.length !== HELLO_NONCE_BYTES || secret === undefined) {
    throw new FrameError('malformed hello')
  }
  return { hello: { clusterId, nodeId, raftId, memberUid, listHash, empty, level, processId, held }, nonce, secret }
}

/** The highest version that both sides speak, or null. */
export function commonVersion(ours: VersionRange, theirs: VersionRange): number | null {
  const version = Math.min(ours.highest, theirs.highest)
  return version >= Math.max(ours.lowest, theirs.lowest) ? version : null
}

export function isRefusal(said: HelloFrame | Refusal): said is Refusal {
  return 'code' in said
}

export function encodeRefusal({ code, isFinal, message }: Refusal): Uint8Array {
  return packr.pack([code, isFinal, message.slice(0, HELLO_TEXT_LENGTH)])
}

/** The code of a newer program is accepted as it is: the text beside it says what it means. Throws FrameError. */
export function decodeRefusal(payload: Uint8Array): Refusal {
  const [code, isFinal, message] = unpackArray(payload)
  if (!isText(code) || typeof isFinal !== 'boolean' || !isText(message)) throw new FrameError('malformed refusal')
  return { code, isFinal, message }
}

function readHeld(value: unknown): Held | null {
  if (!Array.isArray(value)) return null
  const [term, vote, lastIndex]: unknown[] = value
  return isNumber(term) && isNumber(vote) && isNumber(lastIndex) ? { term, vote, lastIndex } : null
}

function unpackArray(payload: Uint8Array): readonly unknown[] {
  let value: unknown
  try {
    value = packr.unpack(payload)
  } catch (cause) {
    throw new FrameError('malformed handshake', { cause })
  }
  if (!Array.isArray(value)) throw new FrameError('malformed handshake')
  return value
}

const words = ({ lowest, highest }: VersionRange): string =>
  lowest === highest ? `${lowest}` : `${lowest} to ${highest}`

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= HELLO_TEXT_LENGTH
}

/** Indexes, terms, ids and versions: whole, not negative, exact. */
function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
