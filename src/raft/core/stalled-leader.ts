/**
 * A leader whose disk hangs goes on sending heartbeats, and reads need no disk: nobody would ever replace it. It must not
 * simply give up either. On a shared disk all members stall together, and a cluster whose leaders resign in turn is an
 * outage of its own making. So what counts is evidence that the others do better: a quorum without the leader has stored
 * what it has not.
 */
import { jointVoteResult } from './quorum/joint.js'
import type { Raft } from './raft.js'
import type { Progress } from './tracker/progress.js'
import { NONE, type RaftId, Role } from './types.js'

/** Whom a leader whose storage has stalled hands over to; NONE if no quorum is ahead of its disk. */
export function heirOfStalled(raft: Raft): RaftId {
  const own = raft.tracker.progress.get(raft.id)
  if (raft.role !== Role.leader || own === undefined) return NONE
  const { voters } = raft.tracker.config
  const isAhead = new Map<RaftId, boolean>([[raft.id, false]])
  let heir: RaftId = NONE
  let best: Progress | undefined
  // In id order, so that every replay finds the same one.
  for (const id of raft.tracker.voterNodes()) {
    const progress = raft.tracker.progress.get(id)
    if (id === raft.id || progress === undefined) continue
    isAhead.set(id, progress.match > own.match)
    // Whoever only votes in the outgoing half of a membership change is about to leave.
    if (progress.match <= own.match || !voters.incoming.includes(id)) continue
    if (best !== undefined && !isBetterHeir(progress, best)) continue
    heir = id
    best = progress
  }
  return jointVoteResult(voters, isAhead) === 'won' ? heir : NONE
}

/** One that is heard of before one that has more: a dead heir costs another election timeout. */
function isBetterHeir(one: Progress, other: Progress): boolean {
  if (one.recentActive !== other.recentActive) return one.recentActive
  return one.match > other.match
}
