import { invariant } from '../../invariant.js'
import { decodeConfChange } from './confchange/codec.js'
import { Refusal } from './errors.js'
import type { Raft } from './raft.js'
import { broadcastAppend } from './replication.js'
import { isJoint } from './tracker/config.js'
import { EMPTY_BYTES, type Entry, EntryType, NONE } from './types.js'

/** What takes the place of a refused membership change, so that the indexes of entries behind it stay as announced. */
const REFUSED_CHANGE: Entry = { term: 0, index: 0, type: EntryType.normal, data: EMPTY_BYTES }

/** Proposals arrived at the leader. */
export function leaderPropose(raft: Raft, proposals: readonly Entry[]): Refusal | null {
  invariant(proposals.length > 0, 'a proposal without entries')
  // Removed while it led: it must not extend a log of which it holds no counted copy (mutant M64).
  if (!raft.tracker.progress.has(raft.id)) return Refusal.proposalDropped
  // The next leader is being brought up to date; new entries would only keep it from catching up.
  if (raft.leadTransferee !== NONE) return Refusal.proposalDropped
  if (!raft.appendEntries(checkConfChanges(raft, proposals))) return Refusal.proposalDropped
  broadcastAppend(raft)
  return null
}

/** Replaces membership changes that must not be made now. Proposals are shared with their sender: never altered. */
function checkConfChanges(raft: Raft, proposals: readonly Entry[]): readonly Entry[] {
  if (proposals.every((entry) => entry.type === EntryType.normal)) return proposals
  return proposals.map((entry, i) => {
    if (entry.type === EntryType.normal) return entry
    const problem = confChangeProblem(raft, entry)
    if (problem !== null && !raft.config.disableConfChangeValidation) {
      raft.config.logger.info(`${raft.id} ignores a membership change: ${problem}`)
      return REFUSED_CHANGE
    }
    raft.pendingConfIndex = raft.log.lastIndex() + i + 1
    return entry
  })
}

/** Best effort: the membership in force may not be the last one in the log. */
function confChangeProblem(raft: Raft, entry: Entry): string | null {
  const wantsLeave = decodeConfChange(entry.type, entry.data).changes.length === 0
  const joint = isJoint(raft.tracker.config)
  if (raft.pendingConfIndex > raft.log.applied) {
    return `one may be pending at index ${raft.pendingConfIndex}, applied is ${raft.log.applied}`
  }
  if (joint && !wantsLeave) return 'must leave the joint configuration first'
  if (!joint && wantsLeave) return 'not in a joint configuration'
  return null
}
