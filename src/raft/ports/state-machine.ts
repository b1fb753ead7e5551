/**
 * The seam of what is replicated.
 * - Who calls: `Applier`, in log order, synchronously, in the driver's turn; `snapshot` in between two entries; a restorer at the
 *   start, and while a received snapshot is being installed, beside entries that are still applied to the old state.
 * - What may throw: nothing on a command that any member wrote, for every node would end, and again at each start. One thing it
 *   throws, OlderProgramError, before it has changed anything: what comes next in the log or the snapshot is for a newer program
 *   than this.
 */
import type { ConfChangeSingle, ConfState, Index } from '../core/types.js'
import type { SnapshotSource } from './store.js'

/** A deterministic state machine. `apply*` is called in log order, once per index, on every node alike. */
export interface StateMachine {
  /** One command of an entry; an entry is a batch of them. Bytes that are no command do nothing. Throws OlderProgramError. */
  applyCommand(index: Index, command: Uint8Array): void
  /** After the last command of the entry at `index` (also for empty entries and membership changes). */
  endEntry(index: Index): void
  applyMembership(index: Index, confState: ConfState, changes: readonly ConfChangeSingle[], context: Uint8Array): void
  /** A consistent image of the state after the last `endEntry`. */
  snapshot(): SnapshotSource
  beginRestore(): SnapshotRestorer
  /** Equal on all nodes at equal indexes, whatever way the state came about. */
  stateHash(): string
}

export interface SnapshotRestorer {
  /** Chunks may be cut anywhere. Throws OlderProgramError at a header of a newer program, FormatError on what is no state. */
  push(chunk: Uint8Array): void
  /** All was pushed: throws FormatError unless it is a whole state. */
  end(): void
  /** After `end`. Replaces the whole state by what was pushed (never merges). */
  finish(index: Index): void
}
