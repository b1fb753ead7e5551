import { invariant } from '../../invariant.js'
import { ReadOnlyOption } from './config.js'
import { Campaign, hup } from './election.js'
import { Refusal } from './errors.js'
import { type Message, MsgType, message } from './messages.js'
import type { Raft } from './raft.js'
import { restoreSnapshot } from './restore-snapshot.js'
import { NONE } from './types.js'

export function stepFollower(raft: Raft, m: Message): Refusal | null {
  switch (m.type) {
    case MsgType.prop:
      if (raft.lead === NONE || raft.config.disableProposalForwarding) return Refusal.proposalDropped
      forwardToLeader(raft, m)
      return null
    case MsgType.app:
      heardFromLeader(raft, m)
      handleAppend(raft, m)
      return null
    case MsgType.heartbeat:
      heardFromLeader(raft, m)
      handleHeartbeat(raft, m)
      return null
    case MsgType.snap:
      heardFromLeader(raft, m)
      handleSnapshot(raft, m)
      return null
    case MsgType.transferLeader:
    case MsgType.readIndex:
      if (raft.lead !== NONE) forwardToLeader(raft, m)
      return null
    case MsgType.forgetLeader:
      forgetLeader(raft)
      return null
    case MsgType.timeoutNow:
      // Without a pre-vote: the leader itself asked for this election.
      raft.config.logger.info(`${raft.id} [term ${raft.term}] campaigns at the request of ${m.from}`)
      hup(raft, Campaign.transfer)
      return null
    case MsgType.readIndexResp: {
      const [carrier] = m.entries
      if (carrier !== undefined) raft.readStates.push({ index: m.index, context: carrier.data })
      return null
    }
    default:
      return null
  }
}

function heardFromLeader(raft: Raft, m: Message): void {
  raft.electionElapsed = 0
  raft.lead = m.from
}

/** The message itself belongs to its sender, so a copy goes on. */
function forwardToLeader(raft: Raft, m: Message): void {
  const forwarded = message(m.type, raft.lead, m.from)
  forwarded.entries = m.entries
  raft.send(forwarded)
}

/**
 * The leader is known to be dead from elsewhere: this member no longer stands against candidates in its name. Refused
 * with lease-based reads, whose safety rests on exactly that.
 */
function forgetLeader(raft: Raft): void {
  if (raft.config.readOnlyOption === ReadOnlyOption.leaseBased) {
    raft.config.logger.error('the leader is not forgotten, since reads are lease-based')
  } else if (raft.lead !== NONE) {
    raft.config.logger.info(`${raft.id} forgets leader ${raft.lead} at term ${raft.term}`)
    raft.lead = NONE
  }
}

export function handleAppend(raft: Raft, m: Message): void {
  const { log } = raft
  const answer = message(MsgType.appResp, m.from)
  if (m.index < log.committed) {
    // What is committed agrees with every leader's log: nothing to compare.
    answer.index = log.committed
    raft.send(answer)
    return
  }
  const lastNew = log.maybeAppend(m.index, m.logTerm, m.entries, m.commit)
  if (lastNew !== null) {
    answer.index = lastNew
  } else {
    // See handleAppendRejected: the best place for the leader to try next, skipping terms that it cannot have there.
    const hint = log.findConflictByTerm(Math.min(m.index, log.lastIndex()), m.logTerm)
    answer.index = m.index
    answer.reject = true
    answer.rejectHint = hint.index
    answer.logTerm = hint.term
  }
  raft.send(answer)
}

export function handleHeartbeat(raft: Raft, m: Message): void {
  raft.log.commitTo(m.commit)
  const answer = message(MsgType.heartbeatResp, m.from)
  answer.context = m.context
  raft.send(answer)
}

export function handleSnapshot(raft: Raft, m: Message): void {
  invariant(m.snapshot !== null, 'a snapshot message without a snapshot')
  const { index, term } = m.snapshot.metadata
  const restored = restoreSnapshot(raft, m.snapshot)
  raft.config.logger.info(`${raft.id} ${restored ? 'restores' : 'ignores'} a snapshot at ${index}, term ${term}`)
  const answer = message(MsgType.appResp, m.from)
  answer.index = restored ? raft.log.lastIndex() : raft.log.committed
  raft.send(answer)
}
