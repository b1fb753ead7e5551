/**
 * Raft messages from a peer, before the core sees them. The codec has made sure that every number is a safe integer; here
 * is what the core takes for granted, because its own messages are so: a member that says otherwise is not answered, and
 * nothing it can say is an invariant of this node.
 */
import { decodeConfChange } from '../core/confchange/codec.js'
import { type Message, MsgType } from '../core/messages.js'
import { type Entry, EntryType, type Index, Role, type Term } from '../core/types.js'
import { TERM_JUMP, TERM_MAX } from '../limits.js'
import { PeerProtocolError } from '../ports/transport.js'
import { checkBatch } from './command-batch.js'

/** How this node stands when a message arrives. */
export interface CoreView {
  readonly term: Term
  readonly role: Role
  readonly lastIndex: Index
}

/** What members send each other. The core knows more types, which our driver does not use, or sends by other frames. */
const SENT: ReadonlySet<MsgType> = new Set([
  MsgType.app,
  MsgType.appResp,
  MsgType.vote,
  MsgType.voteResp,
  MsgType.heartbeat,
  MsgType.heartbeatResp,
  MsgType.preVote,
  MsgType.preVoteResp,
  MsgType.timeoutNow,
  MsgType.transferLeader,
  MsgType.readIndex,
  MsgType.readIndexResp,
])
/** The number of a read, as the driver writes it. */
const READ_CONTEXT_BYTES = 8

/** The log of this node is shorter than what it had acknowledged to its leader: it has forgotten (exit 4). */
export class ForgottenLog extends Error {
  override readonly name = 'ForgottenLog'
  readonly code = 'TNL_FORGOTTEN'
}

/** Throws PeerProtocolError for what no member of this version sends, and ForgottenLog. */
export function checkMessage(m: Message, view: CoreView): void {
  if (!SENT.has(m.type)) throw wrong(`a message of type ${m.type}`)
  // A read that its node asked as a leader, and passes on because it no longer leads, has no term of its own.
  if ((m.term === 0) !== (m.type === MsgType.readIndex)) throw wrong('no term, or one where none belongs')
  if (m.snapshot !== null) throw wrong('a snapshot beside its transfer')
  checkTerm(m.term, view.term)
  if (m.type === MsgType.app) checkEntries(m)
  else if (m.type === MsgType.readIndex || m.type === MsgType.readIndexResp) checkRead(m)
  else if (m.entries.length > 0) throw wrong('entries where none belong')
  checkAgainstLog(m, view)
}

/** Terms are exact only below 2^53, and each election needs one more: who could push them there would end all elections. */
export function checkTerm(term: Term, own: Term): void {
  if (term > TERM_MAX || term > own + TERM_JUMP) throw wrong(`term ${term}, here it is ${own}`)
}

function checkAgainstLog(m: Message, { term, role, lastIndex }: CoreView): void {
  // A leader names at most what this node has acknowledged to it in this term, and a log does not shrink within a term.
  if (m.type === MsgType.heartbeat && m.term >= term && m.commit > lastIndex) {
    throw new ForgottenLog(
      `entries up to ${m.commit} were acknowledged and committed, and this log ends at ${lastIndex}: it was damaged, cut or put back to an older state`,
    )
  }
  const isAnswer = m.type === MsgType.appResp && m.term === term && role === Role.leader
  if (isAnswer && !m.reject && m.index > lastIndex) {
    throw wrong(`entry ${m.index} acknowledged, and this log ends at ${lastIndex}`)
  }
}

/** They join on to each other and to what is before them, and each can be read: what is committed must be applied. */
function checkEntries({ term, logTerm, index, entries }: Message): void {
  if (logTerm > term) throw wrong(`entries after one of term ${logTerm}, in term ${term}`)
  let previous = { index, term: logTerm }
  for (const entry of entries) {
    if (entry.index !== previous.index + 1) throw wrong(`entry ${entry.index} after ${previous.index}`)
    if (entry.term < previous.term || entry.term > term || entry.term === 0)
      throw wrong(`an entry of term ${entry.term}`)
    checkEntry(entry)
    previous = entry
  }
}

function checkRead({ entries }: Message): void {
  const [carrier, ...more] = entries
  if (carrier?.data.length !== READ_CONTEXT_BYTES || more.length > 0) throw wrong('a read without its number')
}

function checkEntry({ type, data, index }: Entry): void {
  if (type === EntryType.normal) {
    if (data.length > 0 && !checkBatch(data)) throw wrong(`entry ${index} is no batch of commands`)
    return
  }
  try {
    decodeConfChange(type, data)
  } catch (cause) {
    throw new PeerProtocolError(`raft: entry ${index} is no membership change`, { cause })
  }
}

const wrong = (what: string): PeerProtocolError => new PeerProtocolError(`raft: ${what}`)
