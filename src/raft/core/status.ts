import type { Raft } from './raft.js'
import type { Config } from './tracker/config.js'
import type { Progress } from './tracker/progress.js'
import type { ProgressMap } from './tracker/tracker.js'
import { type ConfState, type HardState, type Index, type RaftId, Role, type SoftState } from './types.js'

/** How a member sees itself and its group, at one moment. */
export interface Status extends HardState, SoftState {
  readonly id: RaftId
  readonly applied: Index
  readonly firstIndex: Index
  readonly lastIndex: Index
  readonly leadTransferee: RaftId
  readonly config: Config
  readonly confState: ConfState
  /** Only at the leader; in id order. The objects live on: look, do not touch. */
  readonly progress: ProgressMap
}

export function statusOf(raft: Raft): Status {
  const progress = new Map<RaftId, Progress>()
  if (raft.role === Role.leader) raft.tracker.visit((id, one) => progress.set(id, one))
  return {
    id: raft.id,
    term: raft.term,
    vote: raft.vote,
    commit: raft.log.committed,
    lead: raft.lead,
    role: raft.role,
    applied: raft.log.applied,
    firstIndex: raft.log.firstIndex(),
    lastIndex: raft.log.lastIndex(),
    leadTransferee: raft.leadTransferee,
    config: raft.tracker.config,
    confState: raft.tracker.confState(),
    progress,
  }
}
