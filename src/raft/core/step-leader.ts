import type { Refusal } from './errors.js'
import { type Message, MsgType, message } from './messages.js'
import { leaderPropose } from './propose.js'
import type { Raft } from './raft.js'
import { acknowledgeReads, leaderReadIndex, releasePendingReads } from './read-index.js'
import { broadcastAppend, broadcastHeartbeat, maybeSendAppend, sendAppend } from './replication.js'
import { type Progress, ProgressState } from './tracker/progress.js'
import { NONE, type RaftId } from './types.js'

export function stepLeader(raft: Raft, m: Message): Refusal | null {
  switch (m.type) {
    case MsgType.beat:
      broadcastHeartbeat(raft)
      return null
    case MsgType.checkQuorum:
      checkQuorum(raft)
      return null
    case MsgType.prop:
      return leaderPropose(raft, m.entries)
    case MsgType.readIndex:
      leaderReadIndex(raft, m)
      return null
    default: {
      const progress = raft.tracker.progress.get(m.from)
      if (progress === undefined) raft.config.logger.debug(`${raft.id} knows no member ${m.from}`)
      else stepFromMember(raft, m, progress)
      return null
    }
  }
}

/** Messages about the progress of one member: the sender, or the one that is named. */
function stepFromMember(raft: Raft, m: Message, progress: Progress): void {
  switch (m.type) {
    case MsgType.appResp:
      progress.recentActive = true
      if (m.reject) handleAppendRejected(raft, m, progress)
      else handleAppendAccepted(raft, m, progress)
      break
    case MsgType.heartbeatResp:
      handleHeartbeatResp(raft, m, progress)
      break
    case MsgType.snapStatus:
      handleSnapStatus(raft, m, progress)
      break
    case MsgType.unreachable:
      // Appends that were sent ahead are probably lost.
      if (progress.state === ProgressState.replicate) progress.becomeProbe()
      break
    case MsgType.transferLeader:
      handleTransferLeader(raft, m.from, progress)
      break
  }
}

/** A leader that hears from no quorum may have been replaced already: it stops leading, in the same term (thesis 6.2). */
function checkQuorum(raft: Raft): void {
  if (!raft.tracker.quorumActive()) {
    raft.config.logger.warn(`${raft.id} steps down: no quorum was active`)
    raft.becomeFollower(raft.term, NONE)
  }
  raft.tracker.visit((id, progress) => {
    if (id !== raft.id) progress.recentActive = false
  })
}

/**
 * The logs differ at m.index. The follower hints at (rejectHint, logTerm): its last index whose term is not above the one
 * at which we probed. Where our own log has larger terms than that hint, it cannot match either, so both together need at
 * most one probe per term. Example, terms by index:
 *
 *     index      1 2 3 4 5 6 7 8 9        probed at 9 (term 5), hint is 6 (term 2):
 *     leader     1 3 3 3 5 5 5 5 5        at 2 … 6 the leader has terms above 2, which a follower whose
 *     follower   1 1 1 1 2 2              log is at term 2 in 6 cannot have before: next probe at 1.
 */
function handleAppendRejected(raft: Raft, m: Message, progress: Progress): void {
  const hint = m.logTerm > 0 ? raft.log.findConflictByTerm(m.rejectHint, m.logTerm).index : m.rejectHint
  if (!progress.maybeDecrTo(m.index, hint)) return
  if (progress.state === ProgressState.replicate) progress.becomeProbe()
  sendAppend(raft, m.from)
}

function handleAppendAccepted(raft: Raft, m: Message, progress: Progress): void {
  const { state } = progress
  // An acknowledgement without news still ends probing: the member was unreachable, but has everything (mutant M30).
  const isNews = progress.maybeUpdate(m.index) || (progress.match === m.index && state === ProgressState.probe)
  if (!isNews) return

  if (state === ProgressState.probe) {
    progress.becomeReplicate()
  } else if (state === ProgressState.replicate) {
    progress.inflights.freeUpTo(m.index)
  } else if (progress.match + 1 >= raft.log.firstIndex()) {
    // Whichever snapshot it installed, perhaps not the pending one: the log can go on from here (mutant M31).
    progress.becomeProbe()
    progress.becomeReplicate()
  }

  const fromOther = m.from !== raft.id
  if (raft.maybeCommit()) {
    releasePendingReads(raft)
    broadcastAppend(raft)
  } else if (fromOther && progress.canBumpCommit(raft.log.committed)) {
    // It would learn the commit index by the next heartbeat; this is sooner.
    sendAppend(raft, m.from)
  }
  if (fromOther) {
    // The window has room again: send as much as fits.
    while (maybeSendAppend(raft, m.from, false)) {}
  }
  if (m.from === raft.leadTransferee && progress.match === raft.log.lastIndex()) sendTimeoutNow(raft, m.from)
}

function handleHeartbeatResp(raft: Raft, m: Message, progress: Progress): void {
  progress.recentActive = true
  progress.msgAppFlowPaused = false
  // For a member with a full window this append is empty, and shows whether the window was lost (mutant M29). For one that
  // is being probed it ends the probing. One that waits for a snapshot is paused anyway.
  if (progress.match < raft.log.lastIndex() || progress.state === ProgressState.probe) sendAppend(raft, m.from)
  acknowledgeReads(raft, m)
}

function handleSnapStatus(raft: Raft, m: Message, progress: Progress): void {
  if (progress.state !== ProgressState.snapshot) return
  // A failed snapshot is forgotten first, or probing would begin at its end.
  if (m.reject) progress.pendingSnapshot = 0
  progress.becomeProbe()
  raft.config.logger.debug(`${raft.id}: snapshot to ${m.from} ${m.reject ? 'failed' : 'was sent'} [${progress}]`)
  // Success: the member answers when it has installed it. Failure: wait for a heartbeat before the next attempt.
  progress.msgAppFlowPaused = true
}

/** Hands leadership to another voter (thesis 3.10): it gets all entries first, then campaigns at once. */
function handleTransferLeader(raft: Raft, transferee: RaftId, progress: Progress): void {
  const { logger } = raft.config
  if (progress.isLearner) {
    logger.debug(`${raft.id} does not transfer leadership to ${transferee}: a learner`)
    return
  }
  if (raft.leadTransferee === transferee) return
  // Another target replaces the one before, also if it is this member: that only ends the transfer.
  raft.leadTransferee = NONE
  if (transferee === raft.id) return
  logger.info(`${raft.id} [term ${raft.term}] transfers leadership to ${transferee}`)
  // It must be done within an election timeout, after which this member leads on.
  raft.electionElapsed = 0
  raft.leadTransferee = transferee
  if (progress.match === raft.log.lastIndex()) sendTimeoutNow(raft, transferee)
  else sendAppend(raft, transferee)
}

function sendTimeoutNow(raft: Raft, to: RaftId): void {
  raft.send(message(MsgType.timeoutNow, to))
}
