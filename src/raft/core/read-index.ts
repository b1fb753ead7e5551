import { ReadOnlyOption } from './config.js'
import { type Message, MsgType, message } from './messages.js'
import type { Raft } from './raft.js'
import type { PendingRead } from './read-only.js'
import { broadcastHeartbeat } from './replication.js'
import { EMPTY_BYTES, type Entry, EntryType, NONE } from './types.js'

/** The context of a read travels as the data of the only entry of its message, as in etcd-raft. */
export function readIndexMessage(context: Uint8Array): Message {
  const m = message(MsgType.readIndex, NONE)
  m.entries = [carrier(context)]
  return m
}

function carrier(context: Uint8Array): Entry {
  return { term: 0, index: 0, type: EntryType.normal, data: context }
}

/** A read arrived at the leader (thesis 6.4). */
export function leaderReadIndex(raft: Raft, m: Message): void {
  // Also if it is the only voter: after a restart, its stored commit index may lag behind what it once acknowledged.
  if (raft.committedEntryInCurrentTerm()) confirmRead(raft, m)
  else raft.pendingReads.push(m)
}

/** The leader's commit index moved: reads that waited for the first entry of its term can be confirmed now. */
export function releasePendingReads(raft: Raft): void {
  if (raft.pendingReads.length === 0 || !raft.committedEntryInCurrentTerm()) return
  const reads = raft.pendingReads
  raft.pendingReads = []
  for (const m of reads) confirmRead(raft, m)
}

/** A member answered a heartbeat that carried a read's number. */
export function acknowledgeReads(raft: Raft, m: Message): void {
  if (raft.config.readOnlyOption !== ReadOnlyOption.safe || m.context.length === 0) return
  raft.readOnly.receiveAck(m.from, m.context)
  answerConfirmedReads(raft)
}

/** Answers the reads that a quorum has confirmed; a membership change can make a quorum of the answers that are in. */
export function answerConfirmedReads(raft: Raft): void {
  for (const read of raft.readOnly.takeConfirmed(raft.tracker.config.voters)) answerRead(raft, read)
}

function confirmRead(raft: Raft, m: Message): void {
  const read = readOf(raft, m)
  if (raft.config.readOnlyOption === ReadOnlyOption.leaseBased) {
    answerRead(raft, read)
    return
  }
  raft.readOnly.add(read)
  raft.readOnly.receiveAck(raft.id, raft.readOnly.heartbeatContext())
  // The only voter is its own quorum; it needs no answers.
  answerConfirmedReads(raft)
  if (raft.readOnly.hasUnconfirmed()) broadcastHeartbeat(raft)
}

function readOf(raft: Raft, m: Message): PendingRead {
  return { from: m.from, context: m.entries[0]?.data ?? EMPTY_BYTES, index: raft.log.committed }
}

function answerRead(raft: Raft, { from, context, index }: PendingRead): void {
  if (from === NONE || from === raft.id) {
    raft.readStates.push({ index, context })
    return
  }
  const m = message(MsgType.readIndexResp, from)
  m.index = index
  m.entries = [carrier(context)]
  raft.send(m)
}
