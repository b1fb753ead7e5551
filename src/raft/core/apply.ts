import { encodeConfChange } from './confchange/codec.js'
import { LEAVE_JOINT } from './confchange/conf-change.js'
import { entriesSize, payloadsSize } from './log/entries.js'
import { leaderPropose } from './propose.js'
import type { Raft } from './raft.js'
import { type Entry, EntryType, type Index, Role, type Snapshot } from './types.js'

const LEAVE_JOINT_PROPOSAL: Entry = {
  term: 0,
  index: 0,
  type: EntryType.confChangeV2,
  data: encodeConfChange(LEAVE_JOINT),
}

/** The state machine has applied these entries. */
export function appliedEntries(raft: Raft, entries: readonly Entry[]): void {
  const last = entries[entries.length - 1]
  if (last === undefined) return
  appliedTo(raft, last.index, entriesSize(entries))
  raft.reduceUncommittedSize(payloadsSize(entries))
}

/** A snapshot is durable and is the state of the state machine. */
export function appliedSnapshot(raft: Raft, snapshot: Snapshot): void {
  const { index } = snapshot.metadata
  raft.log.unstable.stableSnapTo(index)
  appliedTo(raft, index, 0)
}

/** Everything up to `index` is applied, `bytes` of it handed out as entries. */
export function appliedTo(raft: Raft, index: Index, bytes: number): void {
  const { log } = raft
  const applied = Math.max(index, log.applied)
  log.appliedTo(applied, bytes)
  // Leave the joint configuration once its own entry is applied. Dropped only during a transfer of leadership: this is
  // tried again with each applied entry, and otherwise by the next leader. A proposal that got into the log raises
  // pendingConfIndex, so it is not repeated (mutant M65).
  if (raft.role === Role.leader && raft.tracker.config.autoLeave && applied >= raft.pendingConfIndex) {
    const refusal = leaderPropose(raft, [LEAVE_JOINT_PROPOSAL])
    raft.config.logger.info(`${raft.id} leaves the joint configuration: ${refusal ?? 'proposed'}`)
  }
}
