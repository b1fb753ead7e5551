/**
 * The lock state machine: commands in log order in, state and effects out. Deterministic: no clock, no randomness, no
 * order that two nodes could see differently.
 */
import { unreachable } from '../invariant.js'
import type { ConfChangeSingle, ConfState, Index } from '../raft/core/types.js'
import type { SnapshotRestorer, StateMachine } from '../raft/ports/state-machine.js'
import type { SnapshotSource } from '../raft/ports/store.js'
import { decodeCommand } from './commands/codec.js'
import { type Command, CommandType } from './commands/commands.js'
import type { EffectSink } from './effects.js'
import { checkInvariants } from './invariants.js'
import { SWEPT_SESSIONS_PER_ENTRY, SWEPT_SESSIONS_PER_SWEEP } from './limits.js'
import { hashState, SnapshotImage } from './snapshot/image.js'
import { SnapshotReplacement } from './snapshot/restore.js'
import { endNode, nodeUp, sweep } from './state/epochs.js'
import { claimMember, decodeMemberContext, followConfiguration } from './state/members.js'
import * as sessions from './state/sessions.js'
import { type ApplyContext, type Genesis, type LockState, stateFromGenesis } from './state/state.js'
import { cancelWait, delayLeft, endDelay, endWait, releaseLock, requestLock } from './table/lock-table.js'
import { LockViews } from './views/lock-views.js'

export type { Genesis } from './state/state.js'

export interface MachineOptions {
  /** Checks the whole state after every entry; for the simulator and tests. */
  readonly checkEachEntry?: boolean
}

export class LockMachine extends LockViews implements StateMachine {
  readonly #sink: EffectSink
  readonly #checkEachEntry: boolean

  /** `genesis` is the state before the first entry; a restored snapshot overrides it. */
  constructor(genesis: Genesis, sink: EffectSink, options: MachineOptions = {}) {
    super(stateFromGenesis(genesis))
    this.#sink = sink
    this.#checkEachEntry = options.checkEachEntry ?? false
  }

  applyCommand(index: Index, command: Uint8Array): void {
    this.#apply(this.#at(index), decodeCommand(command))
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
    return { state: this.state, sink: this.#sink, index }
  }

  #apply(context: ApplyContext, command: Command): void {
    switch (command.type) {
      case CommandType.openClassic:
        sessions.openClassic(context, command)
        break
      case CommandType.end:
        sessions.end(context, command)
        break
      case CommandType.lock:
      case CommandType.release:
      case CommandType.cancel:
      case CommandType.waitTimeout:
      case CommandType.ack:
        this.#applyNumbered(context, command)
        break
      case CommandType.open:
        sessions.open(context, command)
        break
      case CommandType.resume:
        sessions.resume(context, command)
        break
      case CommandType.detach:
        sessions.detach(context, command)
        break
      case CommandType.expireSession:
        sessions.expireSession(context, command)
        break
      case CommandType.detachedWaitTimeout:
        sessions.detachedWaitTimeout(context, command)
        break
      case CommandType.nodeUp:
        nodeUp(context, command)
        break
      case CommandType.nodeDown:
      case CommandType.expireNode:
        endNode(context, command)
        break
      case CommandType.sweep:
        sweep(context, SWEPT_SESSIONS_PER_SWEEP)
        break
      case CommandType.delayOver:
        endDelay(context, command.name, command.token)
        break
      case CommandType.claimMember:
        claimMember(context, command)
        break
      case CommandType.waitsLeft:
        sessions.waitsLeft(context, command)
        break
      case CommandType.left:
        sessions.left(context, command)
        break
      case CommandType.delayLeft:
        delayLeft(context, command.name, command.token, command.leftMs)
        break
      default:
        unreachable(command, 'applying a command')
    }
  }

  #applyNumbered(context: ApplyContext, command: Extract<Command, { n: number }>): void {
    const session = sessions.numbered(context, command)
    if (session === null) return
    switch (command.type) {
      case CommandType.lock:
        requestLock(context, session, command.request, command)
        break
      case CommandType.release:
        releaseLock(context, session, command.request, command.name, command.token)
        break
      case CommandType.cancel:
        cancelWait(context, session, command.request, command.target)
        break
      case CommandType.waitTimeout:
        endWait(context, session, command.target, 'timeout')
        break
      case CommandType.ack:
        break
      default:
        unreachable(command, 'applying a numbered command')
    }
    sessions.endIfIdle(context, session)
  }
}
