/**
 * The lock state machine: commands in log order in, state and effects out. Deterministic: no clock, no randomness, no
 * order that two nodes could see differently.
 */

import { FormatError } from '../bytes/reader.js'
import { FEATURE_LEVEL } from '../feature-level.js'
import type { ConfChangeSingle, ConfState, Index } from '../raft/core/types.js'
import type { SnapshotRestorer, StateMachine } from '../raft/ports/state-machine.js'
import type { SnapshotSource } from '../raft/ports/store.js'
import { BEHAVIOUR_OF_TYPE } from './behaviour.js'
import { decodeCommand, levelOfCommand } from './commands/codec.js'
import type { Command } from './commands/commands.js'
import type { Effect } from './effects.js'
import { checkInvariants } from './invariants.js'
import { GRANTS_PER_ENTRY_MAX, SWEPT_SESSIONS_PER_ENTRY } from './limits.js'
import { hashState, SnapshotImage } from './snapshot/image.js'
import { SnapshotReplacement } from './snapshot/restore.js'
import { beginAgain } from './state/begin-again.js'
import { sweep } from './state/epochs.js'
import { type Genesis, stateFromGenesis } from './state/genesis.js'
import { decodeMemberContext, followConfiguration } from './state/members.js'
import { endIdle } from './state/sessions.js'
import type { ApplyContext, LockState } from './state/state.js'
import { grantDue } from './table/grants.js'
import { LockViews } from './views/lock-views.js'

export type { Genesis } from './state/genesis.js'

const NO_EFFECTS: readonly Effect[] = []

export interface MachineOptions {
  /** Checks the whole state after every entry; for the simulator and tests. */
  readonly checkEachEntry?: boolean
  /** Of this program; tests have others. */
  readonly programLevel?: number
}

export class LockMachine extends LockViews implements StateMachine {
  /** Of the entry that is being applied. */
  #effects: Effect[] = []
  readonly #checkEachEntry: boolean
  readonly #programLevel: number
  #ignoredCount = 0

  /** `genesis` is the state before the first entry; a restored snapshot overrides it. */
  constructor(genesis: Genesis, options: MachineOptions = {}) {
    super(stateFromGenesis(genesis))
    this.#checkEachEntry = options.checkEachEntry ?? false
    this.#programLevel = options.programLevel ?? FEATURE_LEVEL
  }

  /** Commands of the log that did nothing, because the cluster had not their level or no program can have written them. */
  get ignoredCount(): number {
    return this.#ignoredCount
  }

  /** Throws OlderProgramError, before anything of the command is done, where this program is too old to go on. */
  applyCommand(index: Index, bytes: Uint8Array): void {
    const command = this.#read(bytes)
    if (command === null) {
      this.#ignoredCount += 1
      return
    }
    const context = this.#at(index)
    const answered = BEHAVIOUR_OF_TYPE[command.type]?.(context, command as never) ?? null
    // After all that it did to others.
    if (answered !== null) this.#effects.push(answered)
    // What the command has made possible, before the next one: whoever asks and releases in one breath has held in between.
    grantDue(context)
    endIdle(context)
  }

  /**
   * A command that says a level which the cluster has not does nothing, on a program that could read it as on one that could
   * not: else their states would differ. No node makes one; a member that breaks the rules can.
   */
  #read(bytes: Uint8Array): Command | null {
    if (levelOfCommand(bytes) > this.state.level) return null
    try {
      return decodeCommand(bytes, this.#programLevel)
    } catch (error) {
      if (error instanceof FormatError) return null
      throw error
    }
  }

  applyMembership(
    index: Index,
    confState: ConfState,
    _changes: readonly ConfChangeSingle[],
    context: Uint8Array,
  ): void {
    followConfiguration(this.#at(index), confState, decodeMemberContext(context))
  }

  /** Every entry does a little of the sweep and of the grants that are due, so that both end without a leader that cares too. */
  endEntry(index: Index): void {
    const context = this.#at(index)
    sweep(context, SWEPT_SESSIONS_PER_ENTRY)
    grantDue(context)
    endIdle(context)
    this.state.grantsLeft = GRANTS_PER_ENTRY_MAX
    this.state.eventCount = 0
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
    return new SnapshotReplacement(this.#programLevel, (state) => {
      this.state = state
    })
  }

  /** The state is that of a saved cluster: makes of it what a new one begins with that is restored from it. */
  beginAgain(genesis: Genesis): void {
    beginAgain(this.#at(0), genesis)
  }

  stateHash(): string {
    return hashState(this.state)
  }

  /** For checkInvariants, which looks at everything. */
  inspect(): LockState {
    return this.state
  }

  #at(index: Index): ApplyContext {
    return { state: this.state, effects: this.#effects, index, programLevel: this.#programLevel }
  }
}
