import { ConfChangeError, membershipAfter } from './confchange/changer.js'
import type { Raft } from './raft.js'
import { answerConfirmedReads } from './read-index.js'
import { broadcastAppend, maybeSendAppend } from './replication.js'
import type { Membership } from './tracker/tracker.js'
import { type ConfChangeV2, type ConfState, NONE, Role } from './types.js'

/** Carries out a membership change whose entry was applied; it is in force only from then on (thesis 4.1). */
export function applyConfChange(raft: Raft, change: ConfChangeV2): ConfState {
  return switchToConfig(raft, changedMembership(raft, change))
}

/** Why this change could not be applied to the membership in force; null: it can. Changes nothing. */
export function confChangeError(raft: Raft, change: ConfChangeV2): ConfChangeError | null {
  try {
    changedMembership(raft, change)
    return null
  } catch (error) {
    if (error instanceof ConfChangeError) return error
    throw error
  }
}

function changedMembership(raft: Raft, change: ConfChangeV2): Membership {
  const { tracker } = raft
  return membershipAfter(tracker, tracker, raft.log.lastIndex(), change)
}

/** Puts a membership in force, with what follows from it at a leader. */
export function switchToConfig(raft: Raft, membership: Membership): ConfState {
  const { tracker } = raft
  tracker.setMembership(membership)
  const confState = tracker.confState()
  const own = tracker.progress.get(raft.id)
  raft.isLearner = own?.isLearner === true
  raft.emit('config')

  if (raft.role !== Role.leader) return confState
  if (own === undefined || own.isLearner) {
    // It no longer counts for its own quorum. Unless it steps down it leads until another member does.
    if (raft.config.stepDownOnRemoval) raft.becomeFollower(raft.term, NONE)
    return confState
  }
  if (confState.voters.length === 0) return confState

  if (raft.maybeCommit()) {
    // Fewer voters may be enough for more entries.
    broadcastAppend(raft)
  } else {
    // New members need not wait for the next heartbeat.
    tracker.visit((id) => {
      if (id !== raft.id) maybeSendAppend(raft, id, false)
    })
  }
  answerConfirmedReads(raft)
  if (!tracker.voterNodes().includes(raft.leadTransferee)) raft.leadTransferee = NONE
  return confState
}
