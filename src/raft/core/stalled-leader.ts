/**
 * A leader whose disk hangs goes on sending heartbeats, and reads need no disk, so nobody would ever replace it. It must
 * not simply give up either. On a shared disk all members stall together, and a cluster whose leaders resign in turn is an
 * outage of its own making. So what counts is evidence that the others do better: a quorum without the leader has stored
 * entries that the leader has not.
 *
 * Example: n1 leads, and its disk hangs at entry 40. n2 and n3 go on storing and acknowledge 41 to 45: with two of three,
 * the entries commit without n1, and n1 hands over to n2 or n3. If the disks of n2 and n3 hang at 40 too, no quorum is
 * ahead of n1: it stays, and serves again as soon as the shared disk does.
 */
import { jointVoteResult } from './quorum/joint.js'
import type { Raft } from './raft.js'
import type { Progress } from './tracker/progress.js'
import { NONE, type RaftId, Role } from './types.js'

/** The heir of a leader whose storage has stalled; NONE if no quorum is ahead of its disk. */
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
    // A voter of the outgoing half only is about to leave.
    if (progress.match <= own.match || !voters.incoming.includes(id)) continue
    if (best !== undefined && !isBetterHeir(progress, best)) continue
    heir = id
    best = progress
  }
  return jointVoteResult(voters, isAhead) === 'won' ? heir : NONE
}

/** A member that was heard of recently comes before one with more entries: a dead heir costs another election timeout. */
function isBetterHeir(one: Progress, other: Progress): boolean {
  if (one.recentActive !== other.recentActive) return one.recentActive
  return one.match > other.match
}
