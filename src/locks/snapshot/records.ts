/**
 * The entities as bytes: the records of a snapshot, and what the state hash is made of. Canonical: equal entities give
 * equal bytes, whatever way they came about. Links and indexes are not written; a restore makes them again.
 */
import type { ByteReader } from '../../bytes/reader.js'
import type { ByteWriter } from '../../bytes/writer.js'
import { BASE_LEVEL } from '../../feature-level.js'
import { olderThan } from '../../raft/ports/older-program.js'
import { weightOf } from '../answers.js'
import type { RequestId } from '../commands/commands.js'
import type { Answer } from '../effects.js'
import { EpochEntry, type Member, type NodeEntry, type Session } from '../state/entities.js'
import type { LockState } from '../state/state.js'
import { SessionTerms } from '../state/terms.js'
import { readAnswer, sortedAnswers, writeAnswer } from './answer-records.js'

/**
 * The order of the numbers is that of the stream, so there is room between them. A record that a later level adds is written
 * only where the state has that level, and a field too: the header says under which level all of the snapshot was written.
 */
export const RecordKind = {
  header: 1,
  node: 20,
  member: 30,
  epoch: 40,
  freeze: 45,
  session: 50,
  semaphore: 55,
  /** Of level 1: a name with its holder and all who wait. */
  lock: 60,
  hold: 70,
  request: 80,
  mark: 90,
  pin: 100,
  past: 110,
  end: 255,
} as const
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind]

// --------------------------------------------------------------------------------------------- header

export function writeHeader(out: ByteWriter, state: LockState): void {
  out.byte(RecordKind.header)
  out.varint(state.level)
  out.bool(state.isLevelHeld)
  out.text(state.clusterId)
  out.varint(state.nodeLeaseMs)
  out.wide(state.counter)
  out.wide(state.wallMs)
}

/** Throws OlderProgramError before anything else is read: what follows may have another layout. */
export function readHeader(input: ByteReader, state: LockState, programLevel: number): void {
  state.level = input.varint()
  if (state.level > programLevel) throw olderThan('the snapshot', state.level, programLevel)
  if (state.level < BASE_LEVEL) input.fail(`level ${state.level}`)
  state.isLevelHeld = input.bool()
  state.clusterId = input.text()
  state.nodeLeaseMs = input.varint()
  state.counter = input.wide()
  state.wallMs = input.wide()
}

// ------------------------------------------------------------------------------ nodes, members, epochs

export function writeNode(out: ByteWriter, node: NodeEntry): void {
  out.byte(RecordKind.node)
  out.text(node.id)
  out.wide(node.current)
  out.text(node.address)
}

export function readNode(input: ByteReader): NodeEntry {
  return { id: input.text(), current: input.wide(), address: input.text() }
}

export function writeMember(out: ByteWriter, member: Member): void {
  out.byte(RecordKind.member)
  out.varint(member.raftId)
  out.text(member.nodeId)
  out.text(member.peerAddress)
  out.bool(member.memberUid !== null)
  out.text(member.memberUid ?? '')
}

export function readMember(input: ByteReader): Member {
  const raftId = input.varint()
  const nodeId = input.text()
  const peerAddress = input.text()
  const claimed = input.bool()
  const uid = input.text()
  return { raftId, nodeId, peerAddress, memberUid: claimed ? uid : null }
}

export function writeEpoch(out: ByteWriter, entry: EpochEntry): void {
  out.byte(RecordKind.epoch)
  out.text(entry.node)
  out.wide(entry.epoch)
  out.varint(entry.programLevel)
  out.bool(entry.live)
  out.varint(entry.floor)
  out.varint(entry.opened.size)
  for (const conn of [...entry.opened].sort((a, b) => a - b)) out.varint(conn)
}

export function readEpoch(input: ByteReader): EpochEntry {
  const entry = new EpochEntry(input.text(), input.wide(), input.varint())
  entry.live = input.bool()
  entry.floor = input.varint()
  for (let left = input.varint(); left > 0; left--) entry.opened.add(input.varint())
  return entry
}

// -------------------------------------------------------------------------------------------- sessions

export function writeSession(out: ByteWriter, session: Session, level: number): void {
  out.byte(RecordKind.session)
  out.wide(session.id)
  out.text(session.clientId)
  out.wide(session.place?.epoch ?? 0)
  out.varint(session.conn)
  out.varint(session.attach)
  out.varint(session.lastN)
  const terms = session.terms
  out.bool(terms !== null)
  if (terms === null) return
  out.text(terms.secretHash)
  if (level > BASE_LEVEL) out.text(terms.identity)
  out.varint(terms.leaseMs)
  out.varint(terms.lingerMs)
  out.wide(terms.attachOrder)
  out.varint(terms.lowestUnacknowledged)
  out.varint(terms.highestRequest)
  out.varint(terms.detachedForMs)
  out.varint(terms.attempt)
  const answers: [RequestId, Answer][] = terms.answers === null ? [] : sortedAnswers(terms.answers)
  out.varint(answers.length)
  for (const [request, answer] of answers) {
    out.varint(request)
    writeAnswer(out, answer, level)
  }
}

/** Adds the session to `state`, where its epoch is already. */
export function readSession(input: ByteReader, state: LockState): void {
  const id = input.wide()
  const clientId = input.text()
  const epoch = input.wide()
  const conn = input.varint()
  const attach = input.varint()
  const lastN = input.varint()
  const terms = input.bool() ? readTerms(input, state.level) : null
  if (state.sessions.has(id)) input.fail(`session ${id} comes twice`)
  const session = state.addSession(id, clientId, conn, terms)
  session.attach = attach
  session.lastN = lastN
  if (epoch === 0) {
    state.detached.push(session)
    return
  }
  const place = state.epochs.get(epoch)
  if (place === undefined) input.fail(`session ${id} is at an unknown epoch`)
  state.attach(session, place)
}

function readTerms(input: ByteReader, level: number): SessionTerms {
  const secretHash = input.text()
  const identity = level > BASE_LEVEL ? input.text() : ''
  const terms = new SessionTerms(secretHash, input.varint(), input.varint(), input.wide(), identity)
  terms.lowestUnacknowledged = input.varint()
  terms.highestRequest = input.varint()
  terms.detachedForMs = input.varint()
  terms.attempt = input.varint()
  const count = input.varint()
  if (count > 0) terms.answers = new Map()
  for (let left = count; left > 0; left--) {
    const request = input.varint()
    const given = readAnswer(input, level)
    terms.answers?.set(request, given)
    terms.answerCount += weightOf(given)
  }
  return terms
}
