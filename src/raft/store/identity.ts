/** Whom a data directory belongs to: a record like others, in JSON so that it can be read by a person in need. */
import type { Identity } from '../ports/store.js'
import { asBuffer } from './codec.js'

export const IDENTITY_RECORD = 'identity'

export function encodeIdentity({ clusterId, nodeId, raftId, memberUid }: Identity): Buffer {
  return Buffer.from(JSON.stringify({ clusterId, nodeId, raftId, memberUid }), 'utf8')
}

/** `bytes`: a record whose checksum was verified. */
export function decodeIdentity(bytes: Uint8Array): Identity {
  return JSON.parse(asBuffer(bytes).toString('utf8')) as Identity
}
