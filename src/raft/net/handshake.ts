/**
 * The first words of a connection between peers: both sides say hello, each judges the other and says its verdict.
 * msgpack arrays without records; the first two elements never change, so that other versions can be told apart.
 */
import { Packr } from 'msgpackr'
import { HELLO_TEXT_LENGTH } from '../limits.js'
import type { PeerHello } from '../node/interfaces.js'
import { FrameError } from './frame.js'

const MAGIC = 'tcpnetlock-peer'
export const PEER_PROTOCOL_VERSION = 1

/** Frame kinds of the transport itself, above those of `FrameKind`. */
export const LinkKind = {
  hello: 0x30,
  accept: 0x31,
  refuse: 0x32,
  /** The pair has another connection that is to be kept; this one is closed without blame. */
  surplus: 0x33,
  probe: 0x34,
  probeAnswer: 0x35,
} as const
export type LinkKind = (typeof LinkKind)[keyof typeof LinkKind]

const packr = new Packr({ useRecords: false })

export function encodeHello(hello: PeerHello): Uint8Array {
  const { clusterId, nodeId, raftId, memberUid, listHash, empty } = hello
  return packr.pack([MAGIC, PEER_PROTOCOL_VERSION, clusterId, nodeId, raftId, memberUid, listHash, empty])
}

/** The peer's hello, or the reason for which it has to be refused. Throws FrameError if no peer can have written it. */
export function decodeHello(payload: Uint8Array): PeerHello | string {
  const [magic, version, ...fields] = unpackArray(payload)
  if (magic !== MAGIC || typeof version !== 'number') throw new FrameError('not the hello of a peer')
  if (version !== PEER_PROTOCOL_VERSION) {
    return `peer protocol version ${version}, this node speaks version ${PEER_PROTOCOL_VERSION}`
  }
  const [clusterId, nodeId, raftId, memberUid, listHash, empty] = fields
  if (!isText(clusterId) || !isText(nodeId) || !isText(memberUid) || !isText(listHash) || nodeId === '') {
    throw new FrameError('malformed hello')
  }
  if (typeof raftId !== 'number' || !Number.isSafeInteger(raftId) || raftId < 0 || typeof empty !== 'boolean') {
    throw new FrameError('malformed hello')
  }
  return { clusterId, nodeId, raftId, memberUid, listHash, empty }
}

export function encodeReason(reason: string): Uint8Array {
  return packr.pack([reason.slice(0, HELLO_TEXT_LENGTH)])
}

export function decodeReason(payload: Uint8Array): string {
  const [reason] = unpackArray(payload)
  if (!isText(reason)) throw new FrameError('malformed refusal')
  return reason
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

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= HELLO_TEXT_LENGTH
}
