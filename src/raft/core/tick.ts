import { promotable } from './election.js'
import { MsgType, message } from './messages.js'
import type { Raft } from './raft.js'
import { step } from './step.js'
import { NONE, Role } from './types.js'

/** One tick of the logical clock. */
export function tick(raft: Raft): void {
  if (raft.role === Role.leader) tickLeader(raft)
  else tickElection(raft)
}

function tickElection(raft: Raft): void {
  raft.electionElapsed++
  if (promotable(raft) && raft.electionElapsed >= raft.randomizedElectionTimeout) {
    raft.electionElapsed = 0
    step(raft, message(MsgType.hup, NONE, raft.id))
  }
}

function tickLeader(raft: Raft): void {
  raft.heartbeatElapsed++
  raft.electionElapsed++
  if (raft.electionElapsed >= raft.config.electionTick) {
    raft.electionElapsed = 0
    if (raft.config.checkQuorum) step(raft, message(MsgType.checkQuorum, NONE, raft.id))
    // The other member has not taken over in time: go on leading.
    raft.leadTransferee = NONE
  }
  // Not if it has just stepped down: heartbeats without a quorum would keep followers from electing another (mutant M18).
  if (raft.role === Role.leader && raft.heartbeatElapsed >= raft.config.heartbeatTick) {
    raft.heartbeatElapsed = 0
    step(raft, message(MsgType.beat, NONE, raft.id))
  }
}
