import { appliedEntries, appliedSnapshot } from './apply.js'
import { Campaign, handleVoteRequest, hup, isTransferRequest } from './election.js'
import type { Refusal } from './errors.js'
import { type Message, MsgType, message } from './messages.js'
import type { Raft } from './raft.js'
import { stepCandidate } from './step-candidate.js'
import { stepFollower } from './step-follower.js'
import { stepLeader } from './step-leader.js'
import { NONE, Role } from './types.js'

/** The one entry for messages, own and foreign. The message is not altered and may be kept. */
export function step(raft: Raft, m: Message): Refusal | null {
  raft.emit('receive', m)
  // Term 0: from this member itself, or passed on by another one, to be judged by the role alone.
  if (m.term > raft.term) {
    if (isVoteRequest(m) && ignoresCandidate(raft, m)) return null
    adoptTerm(raft, m)
  } else if (m.term !== 0 && m.term < raft.term) {
    answerOldTerm(raft, m)
    return null
  }

  switch (m.type) {
    case MsgType.hup:
      hup(raft, raft.config.preVote ? Campaign.preElection : Campaign.election)
      return null
    case MsgType.storageAppendResp:
      if (m.index !== 0) raft.log.unstable.stableTo(m.index, m.logTerm)
      if (m.snapshot !== null) appliedSnapshot(raft, m.snapshot)
      return null
    case MsgType.storageApplyResp:
      appliedEntries(raft, m.entries)
      return null
    case MsgType.vote:
    case MsgType.preVote:
      handleVoteRequest(raft, m)
      return null
    default:
      return stepByRole(raft, m)
  }
}

function stepByRole(raft: Raft, m: Message): Refusal | null {
  switch (raft.role) {
    case Role.leader:
      return stepLeader(raft, m)
    case Role.follower:
      return stepFollower(raft, m)
    default:
      return stepCandidate(raft, m)
  }
}

function isVoteRequest(m: Message): boolean {
  return m.type === MsgType.vote || m.type === MsgType.preVote
}

/**
 * With CheckQuorum, a member that has heard from a leader within an election timeout stands by it: it does not even learn
 * the candidate's term (thesis 4.2.3), so that removed or cut-off members cannot depose a working leader (mutant M17).
 */
function ignoresCandidate(raft: Raft, m: Message): boolean {
  const inLease = raft.config.checkQuorum && raft.lead !== NONE && raft.electionElapsed < raft.config.electionTick
  return inLease && !isTransferRequest(m)
}

/** A higher term: whatever this member was, it is a follower now. Except for pre-votes, which are about a term to come. */
function adoptTerm(raft: Raft, m: Message): void {
  if (m.type === MsgType.preVote) return
  if (m.type === MsgType.preVoteResp && !m.reject) return
  const fromLeader = m.type === MsgType.app || m.type === MsgType.heartbeat || m.type === MsgType.snap
  raft.becomeFollower(m.term, fromLeader ? m.from : NONE)
}

function answerOldTerm(raft: Raft, m: Message): void {
  const { checkQuorum, preVote } = raft.config
  if ((m.type === MsgType.heartbeat || m.type === MsgType.app) && (checkQuorum || preVote)) {
    // Its vote requests would be ignored by the others, who stand by their leader. So the way for a member with a higher
    // term to get back into the group is to depose that leader, by an answer at its own term.
    raft.send(message(MsgType.appResp, m.from))
  } else if (m.type === MsgType.preVote) {
    // Silence could keep a candidate with the longer log and the lower term waiting forever (mutant M13).
    raft.send(message(MsgType.preVoteResp, m.from, NONE, { term: raft.term, reject: true }))
  } else if (m.type === MsgType.storageAppendResp && m.snapshot !== null) {
    // Entries may have been replaced since that write began (see storageAppendResponse), a snapshot cannot: it is
    // committed state.
    appliedSnapshot(raft, m.snapshot)
  }
}
