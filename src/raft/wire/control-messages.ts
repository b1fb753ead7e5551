/** What peers say beside Raft messages: each field is checked before anything is used, and what does not fit is malformed. */
import { Unpackr } from 'msgpackr'
import type { ConfState, RaftId, SnapshotMetadata, Term } from '../core/types.js'
import { HELLO_TEXT_LENGTH, MEMBERS_COUNT, NODE_LEASE_MAX_MS, UNIX_SECONDS_MAX } from '../limits.js'
import { type Peer, PeerProtocolError } from '../ports/transport.js'

const unpackr = new Unpackr({ useRecords: false })

type Fields = Readonly<Record<string, unknown>>

/** The first frame of a snapshot transfer. */
export interface Begin {
  readonly id: number
  readonly sizeBytes: number
  readonly metadata: SnapshotMetadata
  readonly term: Term
  readonly from: RaftId
  readonly to: RaftId
}

export interface Ack {
  readonly id: number
  readonly offset: number
  readonly state: 'more' | 'done' | 'failed'
}

export const CHUNK_HEADER_BYTES = 16

export interface ChunkHeader {
  readonly id: number
  /** Of its first byte in the snapshot. */
  readonly offset: number
}

/** What all founders agree on before the log begins; the same bytes everywhere, so the first snapshot is the same too. */
export interface BootstrapRecord {
  readonly clusterId: string
  readonly listHash: string
  readonly createdUnixSeconds: number
  readonly nodeLeaseMs: number
}

export interface Announcement extends BootstrapRecord {
  /** True once the sender knows that every member has stored the id. */
  readonly confirmed: boolean
}

/** What a joiner is told once its claim to a Raft id has been applied. */
export interface JoinOffer {
  readonly join: true
  readonly clusterId: string
  readonly raftId: RaftId
  readonly members: readonly Peer[]
}

/** Throws PeerProtocolError, as all here. Index and term become the name of a file, so they are numbers or nothing. */
export function readBegin(payload: Uint8Array): Begin {
  const fields = unpackFields(payload)
  const metadata = fieldsOf(fields.metadata, 'metadata')
  return {
    id: integer(fields, 'id'),
    sizeBytes: integer(fields, 'sizeBytes', 1),
    metadata: {
      index: integer(metadata, 'index', 1),
      term: integer(metadata, 'term', 1),
      confState: readConfState(fieldsOf(metadata.confState, 'confState')),
    },
    term: integer(fields, 'term', 1),
    from: integer(fields, 'from', 1),
    to: integer(fields, 'to', 1),
  }
}

export function readAck(payload: Uint8Array): Ack {
  const fields = unpackFields(payload)
  const { state } = fields
  if (state !== 'more' && state !== 'done' && state !== 'failed') throw malformed('state')
  return { id: integer(fields, 'id'), offset: integer(fields, 'offset'), state }
}

export function writeChunkHeader({ id, offset }: ChunkHeader): Uint8Array {
  const header = new Uint8Array(CHUNK_HEADER_BYTES)
  const view = new DataView(header.buffer)
  view.setFloat64(0, id)
  view.setFloat64(8, offset)
  return header
}

export function readChunkHeader(payload: Uint8Array): ChunkHeader {
  if (payload.length <= CHUNK_HEADER_BYTES) throw malformed(`chunk of ${payload.length} bytes`)
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const fields = { id: view.getFloat64(0), offset: view.getFloat64(8) }
  return { id: integer(fields, 'id'), offset: integer(fields, 'offset') }
}

export function readBootstrapMessage(payload: Uint8Array): Announcement | JoinOffer {
  const fields = unpackFields(payload)
  if (fields.join === true) {
    return {
      join: true,
      clusterId: text(fields, 'clusterId', 1),
      raftId: integer(fields, 'raftId', 1),
      members: list(fields, 'members').map(readPeer),
    }
  }
  if (typeof fields.confirmed !== 'boolean') throw malformed('confirmed')
  return {
    clusterId: text(fields, 'clusterId', 1),
    listHash: text(fields, 'listHash'),
    // Session ids and tokens begin at so many seconds × 2^20 (rules.md), and must stay exact.
    createdUnixSeconds: integer(fields, 'createdUnixSeconds', 0, UNIX_SECONDS_MAX),
    nodeLeaseMs: integer(fields, 'nodeLeaseMs', 1, NODE_LEASE_MAX_MS),
    confirmed: fields.confirmed,
  }
}

export function isJoinOffer(said: Announcement | JoinOffer): said is JoinOffer {
  return 'join' in said
}

// ------------------------------------------------------------------------------------------------------ fields

function readPeer(value: unknown): Peer {
  const fields = fieldsOf(value, 'member')
  return { nodeId: text(fields, 'nodeId', 1), raftId: integer(fields, 'raftId'), address: text(fields, 'address') }
}

function readConfState(fields: Fields): ConfState {
  if (typeof fields.autoLeave !== 'boolean') throw malformed('autoLeave')
  const voters = ids(fields, 'voters')
  const learners = ids(fields, 'learners')
  const votersOutgoing = ids(fields, 'votersOutgoing')
  const learnersNext = ids(fields, 'learnersNext')
  const isVoter = (id: RaftId) => voters.includes(id) || votersOutgoing.includes(id)
  // The core rebuilds a configuration by changes, and those that end in a member of two kinds do not exist.
  if (voters.length === 0 || learners.some(isVoter)) throw malformed('confState')
  if (!learnersNext.every((id) => votersOutgoing.includes(id) && !voters.includes(id))) throw malformed('confState')
  if (votersOutgoing.length === 0 && fields.autoLeave) throw malformed('autoLeave')
  return { voters, learners, votersOutgoing, learnersNext, autoLeave: fields.autoLeave }
}

function ids(fields: Fields, name: string): RaftId[] {
  const members = list(fields, name).map((id) => integer({ [name]: id }, name, 1))
  if (new Set(members).size !== members.length) throw malformed(name)
  return members
}

function list(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name]
  if (!Array.isArray(value) || value.length > MEMBERS_COUNT) throw malformed(name)
  return value
}

function integer(fields: Fields, name: string, least = 0, most = Number.MAX_SAFE_INTEGER): number {
  const value = fields[name]
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most) throw malformed(name)
  return value
}

function text(fields: Fields, name: string, leastLength = 0): string {
  const value = fields[name]
  if (typeof value !== 'string' || value.length < leastLength || value.length > HELLO_TEXT_LENGTH) throw malformed(name)
  return value
}

function unpackFields(payload: Uint8Array): Fields {
  let value: unknown
  try {
    value = unpackr.unpack(payload)
  } catch (cause) {
    throw new PeerProtocolError('malformed frame: not MessagePack', { cause })
  }
  return fieldsOf(value, 'frame')
}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(what)
  return value as Fields
}

const malformed = (what: string): PeerProtocolError => new PeerProtocolError(`malformed ${what}`)
