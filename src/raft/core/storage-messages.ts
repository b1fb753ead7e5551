import { type Message, MsgType, message } from './messages.js'
import type { Raft } from './raft.js'
import { APPEND_THREAD, APPLY_THREAD, type Entry, type HardState, type Snapshot } from './types.js'

/*
 * The orders to the local threads, and their answers. Orders to one thread are carried out one after the other and never
 * lost. Synchronous storage uses the answers alone.
 */

interface ToAppend {
  readonly hardState: HardState | null
  readonly entries: readonly Entry[]
  readonly snapshot: Snapshot | null
}

/**
 * Store hardState (all zero: none), entries and snapshot, then deliver the responses. Without responses nothing has to be
 * durable. Null if there is nothing to store and nobody waits for what is being stored.
 */
export function storageAppendMessage(raft: Raft, { hardState, entries, snapshot }: ToAppend): Message | null {
  const responses = raft.messagesAfterAppend
  if (entries.length === 0 && hardState === null && snapshot === null && responses.length === 0) return null
  const m = message(MsgType.storageAppend, APPEND_THREAD, raft.id)
  m.entries = entries
  m.snapshot = snapshot
  if (hardState !== null) {
    m.term = hardState.term
    m.vote = hardState.vote
    m.commit = hardState.commit
  }
  // Last, so that the leader's own acknowledgement is handled while the entries are still in the unstable log, where
  // their terms are found fastest.
  const stable = storageAppendResponse(raft, snapshot)
  m.responses = stable === null ? responses : [...responses, stable]
  return m
}

/**
 * Says that everything unstable at the time of the order is stored. Null if there is nothing.
 *
 * The entries are named by the last one, (index, term). That alone would be unsafe: entries may be replaced by those of
 * another leader and then again by equal ones, while all three writes are still under way. The first one's answer would
 * match, yet the second one is still to come and would bring back the entries in between (ABA, mutant M37). Therefore the
 * answer also carries the member's term, and is void at a later one: entries are only ever replaced under a new term.
 *
 * So that voided answers do not leave entries in the unstable log forever, there is one whenever that log is not empty,
 * not only when entries are written: a new term is always written, and that answer counts.
 */
export function storageAppendResponse(raft: Raft, snapshot: Snapshot | null): Message | null {
  const { log } = raft
  const hasEntries = log.unstable.entries.length > 0
  if (!hasEntries && snapshot === null) return null
  const m = message(MsgType.storageAppendResp, raft.id, APPEND_THREAD)
  m.term = raft.term
  m.snapshot = snapshot
  if (hasEntries) {
    m.index = log.lastIndex()
    m.logTerm = log.lastTerm()
  }
  return m
}

/** Apply these committed entries, durably or not. They belong to no term. */
export function storageApplyMessage(raft: Raft, entries: readonly Entry[]): Message {
  const m = message(MsgType.storageApply, APPLY_THREAD, raft.id)
  m.entries = entries
  m.responses = [storageApplyResponse(raft, entries)]
  return m
}

export function storageApplyResponse(raft: Raft, entries: readonly Entry[]): Message {
  const m = message(MsgType.storageApplyResp, raft.id, APPLY_THREAD)
  m.entries = entries
  return m
}
