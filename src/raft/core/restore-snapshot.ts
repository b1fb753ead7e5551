import { invariant } from '../../invariant.js'
import { switchToConfig } from './conf-apply.js'
import { restore } from './confchange/restore.js'
import type { Raft } from './raft.js'
import { type ConfState, NONE, type RaftId, Role, type Snapshot } from './types.js'

/**
 * Takes a snapshot from the leader in place of the whole log. False if it is of no use; then nothing has changed, except
 * that the commit index may have moved.
 */
export function restoreSnapshot(raft: Raft, snapshot: Snapshot): boolean {
  const { index, term, confState } = snapshot.metadata
  const { log, config } = raft
  // Going back would undo what is applied (mutant M44).
  if (index <= log.committed) return false
  if (raft.role !== Role.follower) {
    config.logger.warn(`${raft.id} was given a snapshot, but is no follower`)
    raft.becomeFollower(raft.term + 1, NONE)
    return false
  }
  if (!isMember(confState, raft.id)) {
    config.logger.warn(`${raft.id} was given a snapshot of a membership that it is not in`)
    return false
  }
  if (log.matchTerm(index, term)) {
    // The entries are here: they say the same, and those behind them need not be sent again.
    log.commitTo(index)
    return false
  }
  // A tail that conflicts must not survive (mutant M46), nor a membership from it (mutant M47).
  log.restore(snapshot)
  restoreMembership(raft, confState)
  return true
}

/** Puts the membership of a snapshot or of the storage in force. */
export function restoreMembership(raft: Raft, confState: ConfState): void {
  const { tracker } = raft
  const restored = switchToConfig(raft, restore(confState, tracker, raft.log.lastIndex()))
  invariant(equivalent(confState, restored), 'a membership was restored as another one')
}

/** `learnersNext` is left out: its members are outgoing voters. */
function isMember({ voters, learners, votersOutgoing }: ConfState, id: RaftId): boolean {
  return voters.includes(id) || learners.includes(id) || votersOutgoing.includes(id)
}

function equivalent(a: ConfState, b: ConfState): boolean {
  return (
    sameMembers(a.voters, b.voters) &&
    sameMembers(a.learners, b.learners) &&
    sameMembers(a.votersOutgoing, b.votersOutgoing) &&
    sameMembers(a.learnersNext, b.learnersNext) &&
    a.autoLeave === b.autoLeave
  )
}

function sameMembers(a: readonly RaftId[], b: readonly RaftId[]): boolean {
  return a.length === b.length && a.every((id) => b.includes(id))
}
