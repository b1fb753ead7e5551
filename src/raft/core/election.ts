import { invariant } from '../../invariant.js'
import { type Message, MsgType, message } from './messages.js'
import type { Raft } from './raft.js'
import { EntryType, NONE, type RaftId, Role } from './types.js'

/** preElection asks first; transfer was ordered by the leader, so the leases of followers do not stop it. */
export const Campaign = { preElection: 0, election: 1, transfer: 2 } as const
export type Campaign = (typeof Campaign)[keyof typeof Campaign]

/** What a vote request of a transfer carries as its context. */
const TRANSFER_CONTEXT: Uint8Array = Uint8Array.from('CampaignTransfer', (c) => c.charCodeAt(0))

/** Bytes of entries that are looked at in one go in search of a membership change. */
const SCAN_PAGE_BYTES = 1 << 20

/** Whether a vote request comes from a leadership transfer. */
export function isTransferRequest(m: Message): boolean {
  return m.context.length === TRANSFER_CONTEXT.length && m.context.every((byte, i) => byte === TRANSFER_CONTEXT[i])
}

/** Whether this member may become leader: a voter whose log is not about to be replaced by a snapshot, and whose disk works. */
export function promotable(raft: Raft): boolean {
  const own = raft.tracker.progress.get(raft.id)
  return own !== undefined && !own.isLearner && raft.log.unstable.snapshot === null && !raft.storageStalled
}

/** Starts an election, if this member may. */
export function hup(raft: Raft, campaignType: Campaign): void {
  const { logger } = raft.config
  if (raft.role === Role.leader) {
    logger.debug(`${raft.id} ignores a request to campaign: it leads`)
  } else if (!promotable(raft)) {
    logger.warn(`${raft.id} is unpromotable and can not campaign`)
  } else if (hasUnappliedConfChanges(raft)) {
    // It would count votes by a membership that is out of date (mutant M15).
    logger.warn(`${raft.id} cannot campaign at term ${raft.term}: a committed membership change is not applied yet`)
  } else {
    campaign(raft, campaignType)
  }
}

function hasUnappliedConfChanges(raft: Raft): boolean {
  const { log } = raft
  const end = log.committed + 1
  for (let lo = log.applied + 1; lo < end; ) {
    const page = log.slice(lo, end, SCAN_PAGE_BYTES)
    invariant(page !== null && page.length > 0, () => `unapplied entry ${lo} is not in the log`)
    if (page.some((entry) => entry.type !== EntryType.normal)) return true
    lo += page.length
  }
  return false
}

/** Asks all voters. Only for a member that may campaign. */
export function campaign(raft: Raft, campaignType: Campaign): void {
  const isPreVote = campaignType === Campaign.preElection
  if (isPreVote) raft.becomePreCandidate()
  else raft.becomeCandidate()
  const term = isPreVote ? raft.term + 1 : raft.term

  for (const id of raft.tracker.voterNodes()) {
    if (id === raft.id) {
      // Its own vote counts only when it is durable, like all others.
      raft.send(message(isPreVote ? MsgType.preVoteResp : MsgType.voteResp, id, id, { term }))
    } else {
      raft.send(voteRequest(raft, id, isPreVote ? MsgType.preVote : MsgType.vote, term, campaignType))
    }
  }
}

function voteRequest(raft: Raft, to: RaftId, type: MsgType, term: number, campaignType: Campaign): Message {
  const m = message(type, to)
  m.term = term
  m.index = raft.log.lastIndex()
  m.logTerm = raft.log.lastTerm()
  if (campaignType === Campaign.transfer) m.context = TRANSFER_CONTEXT
  return m
}

/** Answers a request for a vote or a pre-vote, at the same or a higher term (thesis 3.4, 9.6). */
export function handleVoteRequest(raft: Raft, m: Message): void {
  const isPreVote = m.type === MsgType.preVote
  const canVote =
    // An answer may have been lost: the same vote is given again (mutant M08).
    raft.vote === m.from || (raft.vote === NONE && raft.lead === NONE) || (isPreVote && m.term > raft.term)
  // Learners vote as well: one that was made a voter may not know it yet, and without its vote the group could be stuck.
  const grant = canVote && raft.log.isUpToDate(m.logTerm, m.index)

  const answer = message(isPreVote ? MsgType.preVoteResp : MsgType.voteResp, m.from)
  // Granted at the term that was asked for, or a pre-candidate would drop it as old (mutant M12); refused at our own.
  answer.term = grant ? m.term : raft.term
  answer.reject = !grant
  raft.send(answer)
  if (grant && !isPreVote) {
    raft.electionElapsed = 0
    raft.vote = m.from
  }
}
