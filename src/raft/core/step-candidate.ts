import { Campaign, campaign } from './election.js'
import { Refusal } from './errors.js'
import { type Message, MsgType } from './messages.js'
import type { Raft } from './raft.js'
import { broadcastAppend } from './replication.js'
import { handleAppend, handleHeartbeat, handleSnapshot } from './step-follower.js'
import { NONE, Role } from './types.js'

/** Candidates and pre-candidates; they differ in the answers that they count. */
export function stepCandidate(raft: Raft, m: Message): Refusal | null {
  switch (m.type) {
    case MsgType.prop:
      return Refusal.proposalDropped
    case MsgType.app:
      // Somebody else won this term.
      raft.becomeFollower(m.term, m.from)
      handleAppend(raft, m)
      return null
    case MsgType.heartbeat:
      raft.becomeFollower(m.term, m.from)
      handleHeartbeat(raft, m)
      return null
    case MsgType.snap:
      raft.becomeFollower(m.term, m.from)
      handleSnapshot(raft, m)
      return null
    case MsgType.voteResp:
      // A candidate may still get answers to its pre-vote, and they count for nothing.
      if (raft.role === Role.candidate) countVote(raft, m)
      return null
    case MsgType.preVoteResp:
      if (raft.role === Role.preCandidate) countVote(raft, m)
      return null
    default:
      return null
  }
}

function countVote(raft: Raft, m: Message): void {
  raft.tracker.recordVote(m.from, !m.reject)
  const { granted, rejected, result } = raft.tracker.tallyVotes()
  raft.config.logger.debug(`${raft.id} has ${granted} votes and ${rejected} rejections at term ${raft.term}`)
  if (result === 'won') {
    if (raft.role === Role.preCandidate) {
      campaign(raft, Campaign.election)
    } else {
      raft.becomeLeader()
      broadcastAppend(raft)
    }
  } else if (result === 'lost') {
    // Our own term: a rejected pre-vote was about the next one.
    raft.becomeFollower(raft.term, NONE)
  }
}
