/**
 * What one directory knows of its cluster, with nobody left to ask: its snapshot and *every* entry of its log, put into a machine.
 *
 * What was committed only a quorum can say. An entry that a client was told of is on a majority of the disks, so it may be the
 * last one of this log; one that was never answered may be as well, and nobody can tell the two apart. To leave one out that was
 * answered would break a promise. To take one that was not is what could have happened anyway: its client knows nothing either way.
 */

import { membershipAfter } from '../core/confchange/changer.js'
import { decodeConfChange } from '../core/confchange/codec.js'
import { restore } from '../core/confchange/restore.js'
import { toConfState } from '../core/tracker/config.js'
import { type Entry, EntryType, type SnapshotMetadata } from '../core/types.js'
import type { StateMachine } from '../ports/state-machine.js'
import type { LogStore } from '../ports/store.js'
import { restoreMachine } from './boot.js'
import { decodeBatch } from './command-batch.js'

/** Nothing is sent to anybody: windows of what is under way are of no use here. */
const NO_WINDOW = { maxInflight: 1, maxInflightBytes: 0 } as const

/**
 * Returns where the log ends, and the membership there; null if the directory has no state at all: a node that was to join and
 * had heard nothing yet. `afterEntry` is called after each, to take what the machine has to tell. Throws OlderProgramError,
 * StoreError.
 */
export async function replayLog(
  store: LogStore,
  machine: StateMachine,
  afterEntry: () => void,
): Promise<SnapshotMetadata | null> {
  const { snapshot, entries } = store.loaded
  if (snapshot === null) return null
  await restoreMachine(store, machine, snapshot.index, snapshot.term)
  let { index, term } = snapshot
  let membership = restore(snapshot.confState, NO_WINDOW, index)
  for (const entry of entries) {
    if (entry.index <= snapshot.index) continue
    if (entry.type === EntryType.normal) applyCommands(machine, entry)
    else {
      const change = decodeConfChange(entry.type, entry.data)
      membership = membershipAfter(membership, NO_WINDOW, entry.index, change)
      machine.applyMembership(entry.index, toConfState(membership.config), change.changes, change.context)
    }
    machine.endEntry(entry.index)
    afterEntry()
    index = entry.index
    term = entry.term
  }
  return { index, term, confState: toConfState(membership.config) }
}

function applyCommands(machine: StateMachine, { index, data }: Entry): void {
  for (const command of decodeBatch(data)) machine.applyCommand(index, command)
}
