import { appliedTo } from './apply.js'
import { type RaftConfig, validateConfig } from './config.js'
import { Raft } from './raft.js'
import { restoreMembership } from './restore-snapshot.js'
import { NONE } from './types.js'

/** A member as its storage left it: a follower that knows no leader. Throws ConfigError or InvariantViolation. */
export function createRaft(config: RaftConfig): Raft {
  const raft = new Raft(validateConfig(config))
  const { hardState, confState } = raft.config.storage.initialState()
  restoreMembership(raft, confState)
  // The state machine starts from the newest snapshot at least; the storage may keep entries below it.
  const snapshotIndex = raft.config.storage.snapshot()?.metadata.index ?? 0
  const applied = Math.max(raft.config.applied, snapshotIndex)
  raft.loadState(hardState, applied)
  if (applied > 0) appliedTo(raft, applied, 0)
  raft.becomeFollower(raft.term, NONE)
  raft.emit('init')
  return raft
}
