/** What this node has applied: the entries of the log in their order, each once, or all at once by a snapshot. */
import { invariant } from '../../invariant.js'
import { decodeConfChange } from '../core/confchange/codec.js'
import type { MemoryStorage } from '../core/log/memory-storage.js'
import type { Message } from '../core/messages.js'
import type { RawNode } from '../core/raw-node.js'
import { type ConfState, type Entry, EntryType, type Index, type Snapshot, type Term } from '../core/types.js'
import type { StateMachine } from '../ports/state-machine.js'
import { ApplyOrders } from './apply-orders.js'
import { decodeBatch } from './command-batch.js'
import type { SnapshotMaker } from './snapshots/snapshot-maker.js'

/** Told in the turn in which it happened. */
export interface AppliedEvents {
  /** One entry was applied, all of it: what the state machine has to tell of it is to be taken now. May propose. */
  entryApplied(index: Index): void
  /** The first entry of the term that this node is in was applied, whoever leads it. */
  termApplied(term: Term): void
  membershipApplied(confState: ConfState, context: Uint8Array): void
  /** A snapshot of the leader has replaced the state. */
  restored(index: Index): void
}

export interface ApplierDeps {
  readonly raw: Pick<RawNode, 'applyConfChange'>
  readonly window: Pick<MemoryStorage, 'applySnapshot'>
  readonly machine: Pick<StateMachine, 'applyCommand' | 'endEntry' | 'applyMembership'>
  readonly maker: Pick<SnapshotMaker, 'applied' | 'restored'>
  readonly events: AppliedEvents
  /** Where the state stands at the start. */
  readonly appliedIndex: Index
  readonly confState: ConfState
  /** The term that this node is in. */
  term(): Term
  /** The core is to be told that entries were applied. */
  respond(response: Message): void
  /** The commit index goes to disk now, and not with the next entries. */
  storeCommit(): void
}

export class Applier {
  readonly #orders = new ApplyOrders()
  #index: Index
  #confState: ConfState
  /** The last term of which an entry was applied while this node was in it. */
  #term: Term = 0

  constructor(private readonly deps: ApplierDeps) {
    this.#index = deps.appliedIndex
    this.#confState = deps.confState
  }

  get index(): Index {
    return this.#index
  }
  get confState(): ConfState {
    return this.#confState
  }
  get term(): Term {
    return this.#term
  }
  get isIdle(): boolean {
    return this.#orders.isEmpty
  }

  /** An order of the core. */
  push(order: Message): void {
    this.#orders.push(order)
  }

  /**
   * Applies entries of the first order until they were `budget` commands; returns how many they were. One order of the core may
   * hold 1 MiB of small commands, which applied in one go would delay sockets and heartbeats by some 80 ms.
   */
  applySome(budget: number): number {
    let spent = 0
    let bytes = 0
    let last: Entry | null = null
    while (spent < budget) {
      const entry = this.#orders.next()
      if (entry === null) break
      last = entry
      // An empty entry costs something as well.
      spent += Math.max(1, this.#apply(entry))
      bytes += entry.data.length
    }
    if (last !== null) this.deps.maker.applied(last.index, last.term, bytes, () => this.#confState)
    for (const response of this.#orders.answers()) this.deps.respond(response)
    return spent
  }

  /** State, window and index change together: who looks in between would see one entry's state under another's index. */
  restore(snapshot: Snapshot, replaceState: () => void): void {
    const { index, confState } = snapshot.metadata
    replaceState()
    this.deps.window.applySnapshot(snapshot)
    this.#index = index
    this.#confState = confState
    this.deps.maker.restored(index)
    for (const response of this.#orders.drop()) this.deps.respond(response)
    this.deps.events.restored(index)
  }

  /** Returns how many commands it held. */
  #apply(entry: Entry): number {
    const { machine, events } = this.deps
    const { index } = entry
    invariant(index === this.#index + 1, () => `apply: entry ${index} after ${this.#index}`)
    let commands = 0
    if (entry.type !== EntryType.normal) this.#applyConfChange(entry)
    else {
      const batch = decodeBatch(entry.data)
      for (const command of batch) machine.applyCommand(index, command)
      commands = batch.length
    }
    machine.endEntry(index)
    this.#index = index
    events.entryApplied(index)
    if (entry.term === this.deps.term() && this.#term !== entry.term) {
      this.#term = entry.term
      events.termApplied(entry.term)
    }
    return commands
  }

  #applyConfChange(entry: Entry): void {
    const { raw, machine, events } = this.deps
    const change = decodeConfChange(entry.type, entry.data)
    this.#confState = raw.applyConfChange(change)
    this.deps.storeCommit()
    machine.applyMembership(entry.index, this.#confState, change.changes, change.context)
    events.membershipApplied(this.#confState, change.context)
  }
}
