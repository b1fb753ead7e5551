/**
 * The lock state machine: commands in log order in, state and effects out. Deterministic: no clock, no randomness, no
 * order that two nodes could see differently.
 */
import type { ConfChangeSingle, ConfState, Index } from '../raft/core/types.js'
import type { SnapshotRestorer, StateMachine } from '../raft/ports/state-machine.js'
import type { SnapshotSource } from '../raft/ports/store.js'
import { applyCommand } from './behaviour.js'
import { decodeCommand } from './commands/codec.js'
import type { Effect } from './effects.js'
import { checkInvariants } from './invariants.js'
import { SWEPT_SESSIONS_PER_ENTRY } from './limits.js'
import { hashState, SnapshotImage } from './snapshot/image.js'
import { SnapshotReplacement } from './snapshot/restore.js'
import { sweep } from './state/epochs.js'
import { decodeMemberContext, followConfiguration } from './state/members.js'
import { type ApplyContext, type Genesis, type LockState, stateFromGenesis } from './state/state.js'
import { LockViews } from './views/lock-views.js'

export type { Genesis } from './state/state.js'

const NO_EFFECTS: readonly Effect[] = []

export interface MachineOptions {
  /** Checks the whole state after every entry; for the simulator and tests. */
  readonly checkEachEntry?: boolean
}

export class LockMachine extends LockViews implements StateMachine {
  /** Of the entry that is being applied. */
  #effects: Effect[] = []
  readonly #checkEachEntry: boolean

  /** `genesis` is the state before the first entry; a restored snapshot overrides it. */
  constructor(genesis: Genesis, options: MachineOptions = {}) {
    super(stateFromGenesis(genesis))
    this.#checkEachEntry = options.checkEachEntry ?? false
  }

  applyCommand(index: Index, command: Uint8Array): void {
    applyCommand(this.#at(index), decodeCommand(command))
  }

  applyMembership(
    index: Index,
    confState: ConfState,
    _changes: readonly ConfChangeSingle[],
    context: Uint8Array,
  ): void {
    followConfiguration(this.#at(index), confState, decodeMemberContext(context))
  }

  /** Every entry does a little of the sweep, so that it ends without a leader that cares for it too. */
  endEntry(index: Index): void {
    sweep(this.#at(index), SWEPT_SESSIONS_PER_ENTRY)
    if (this.#checkEachEntry) checkInvariants(this)
  }

  /** What the last entry meant for others, in order; to be taken when all of it is applied, and only once. */
  takeEffects(): readonly Effect[] {
    const effects = this.#effects
    // The one that is appended to is never given out.
    if (effects.length === 0) return NO_EFFECTS
    this.#effects = []
    return effects
  }

  snapshot(): SnapshotSource {
    return new SnapshotImage(this.state)
  }

  beginRestore(): SnapshotRestorer {
    return new SnapshotReplacement((state) => {
      this.state = state
    })
  }

  stateHash(): string {
    return hashState(this.state)
  }

  /** For checkInvariants, which looks at everything. */
  inspect(): LockState {
    return this.state
  }

  #at(index: Index): ApplyContext {
    return { state: this.state, effects: this.#effects, index }
  }
}
