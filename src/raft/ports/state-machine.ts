/**
 * The seam of what is replicated. The driver calls it in log order, synchronously, in its turn. It must not throw on a
 * command that it wrote itself: every node would end, and again at each start.
 */
import type { ConfChangeSingle, ConfState, Index } from '../core/types.js'
import type { SnapshotSource } from './store.js'

/** A deterministic state machine. `apply*` is called in log order, once per index, on every node alike. */
export interface StateMachine {
  /** One command of an entry; an entry is a batch of them. Must not throw on commands of a log that it wrote itself. */
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
  push(chunk: Uint8Array): void
  /** Replaces the whole state by what was pushed (never merges). */
  finish(index: Index): void
}
