/**
 * The entities as bytes: the records of a snapshot, and what the state hash is made of. Canonical: equal entities give
 * equal bytes, whatever way they came about. Links and indexes are not written; a restore makes them again.
 */
import type { ByteReader } from '../../bytes/reader.js'
import type { ByteWriter } from '../../bytes/writer.js'
import { BASE_LEVEL } from '../../feature-level.js'
import { olderThan } from '../../raft/ports/older-program.js'
import type { RequestId } from '../commands/commands.js'
import type { Answer, AnswerErrorCode, RefusalReason } from '../effects.js'
import {
  EpochEntry,
  type LockEntry,
  type Member,
  type NodeEntry,
  type Session,
  SessionTerms,
  Waiter,
} from '../state/entities.js'
import type { LockState } from '../state/state.js'

/**
 * The order of the numbers is that of the stream, so there is room between them. A record that a later level adds is written
 * only where the state has that level, and a field too: the header says under which level all of the snapshot was written.
 */
export const RecordKind = { header: 1, node: 20, member: 30, epoch: 40, session: 50, lock: 60, end: 255 } as const
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind]

const ERROR_CODES: readonly AnswerErrorCode[] = ['deadlock', 'not-holder', 'limit', 'limit-mismatch', 'bad-request']
const REASONS: readonly RefusalReason[] = ['held', 'timeout', 'cancelled']
const ANSWER_KINDS: readonly Answer['kind'][] = ['granted', 'not-granted', 'released', 'cancelled', 'error']

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

export function writeSession(out: ByteWriter, session: Session): void {
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
    writeAnswer(out, answer)
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
  const terms = input.bool() ? readTerms(input) : null
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

function readTerms(input: ByteReader): SessionTerms {
  const terms = new SessionTerms(input.text(), input.varint(), input.varint(), input.wide())
  terms.lowestUnacknowledged = input.varint()
  terms.highestRequest = input.varint()
  terms.detachedForMs = input.varint()
  terms.attempt = input.varint()
  const count = input.varint()
  if (count > 0) terms.answers = new Map()
  for (let left = count; left > 0; left--) terms.answers?.set(input.varint(), readAnswer(input))
  return terms
}

export function sortedAnswers(answers: ReadonlyMap<RequestId, Answer>): [RequestId, Answer][] {
  return [...answers].sort(([a], [b]) => a - b)
}

function writeAnswer(out: ByteWriter, answer: Answer): void {
  out.byte(ANSWER_KINDS.indexOf(answer.kind))
  switch (answer.kind) {
    case 'granted':
      out.text(answer.name)
      out.wide(answer.token)
      break
    case 'not-granted':
      out.text(answer.name)
      out.byte(REASONS.indexOf(answer.reason))
      out.text(answer.holder)
      break
    case 'released':
      out.text(answer.name)
      break
    case 'cancelled':
      break
    case 'error':
      out.byte(ERROR_CODES.indexOf(answer.code))
      out.text(answer.message)
      break
  }
}

function readAnswer(input: ByteReader): Answer {
  const kind = pick(input, ANSWER_KINDS)
  switch (kind) {
    case 'granted':
      return { kind, name: input.text(), token: input.wide() }
    case 'not-granted':
      return { kind, name: input.text(), reason: pick(input, REASONS), holder: input.text() }
    case 'released':
      return { kind, name: input.text() }
    case 'cancelled':
      return { kind }
    case 'error':
      return { kind, code: pick(input, ERROR_CODES), message: input.text() }
  }
}

function pick<T>(input: ByteReader, words: readonly T[]): T {
  const word = words[input.byte()]
  return word === undefined ? input.fail('an unknown word') : word
}

// ----------------------------------------------------------------------------------------------- locks

/** A holder of 0 means: delayed. */
export function writeLock(out: ByteWriter, lock: LockEntry): void {
  out.byte(RecordKind.lock)
  out.text(lock.name)
  out.wide(lock.holder?.id ?? 0)
  out.wide(lock.token)
  out.wide(lock.sinceWallMs)
  out.text(lock.meta)
  out.varint(lock.delayMs)
  out.varint(lock.waiterCount)
  for (let waiter = lock.queue?.head ?? null; waiter !== null; waiter = waiter.next) {
    out.wide(waiter.session.id)
    out.signed(waiter.request)
    out.signed(waiter.waitMs)
    out.text(waiter.meta)
    out.varint(waiter.delayMs)
    out.wide(waiter.wallMs)
  }
}

/** Adds the lock and its queue to `state`, where all sessions are already. */
export function readLock(input: ByteReader, state: LockState): void {
  const name = input.text()
  if (state.locks.has(name)) input.fail(`lock ${name} comes twice`)
  const lock = state.addLock(name)
  const holder = input.wide()
  lock.token = input.wide()
  lock.sinceWallMs = input.wide()
  state.setMeta(lock, input.text())
  lock.delayMs = input.varint()
  if (holder === 0) state.delayed.add(lock)
  else state.linkHeld(sessionOf(input, state, holder), lock)
  for (let left = input.varint(); left > 0; left--) {
    const session = sessionOf(input, state, input.wide())
    const request = input.signed()
    const waitMs = input.signed()
    const meta = input.text()
    state.linkWaiter(new Waiter(session, lock, request, waitMs, meta, input.varint(), input.wide()))
  }
}

function sessionOf(input: ByteReader, state: LockState, id: number): Session {
  return state.sessions.get(id) ?? input.fail(`session ${id} is unknown`)
}
