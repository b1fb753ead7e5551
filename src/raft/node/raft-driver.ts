/**
 * Drives the pure core with a real disk and real peers. One turn takes everything that arrived, proposes it as one
 * batch, takes what the core has ready, starts one storage batch and sends one frame to each peer; there is no promise
 * per operation. Runs over fakes in the simulator.
 */

import { invariant } from '../../invariant.js'
import type { Clock } from '../../platform.js'
import { decodeConfChange } from '../core/confchange/codec.js'
import type { MemoryStorage } from '../core/log/memory-storage.js'
import { type Message, MsgType } from '../core/messages.js'
import type { RawNode } from '../core/raw-node.js'
import {
  APPEND_THREAD,
  APPLY_THREAD,
  type ConfState,
  type Entry,
  EntryType,
  type Index,
  NONE,
  type RaftId,
  Role,
  type Snapshot,
  type Term,
} from '../core/types.js'
import { APPLY_COMMANDS_PER_TURN, ENTRY_COMMANDS } from '../limits.js'
import type { StateMachine } from '../ports/state-machine.js'
import type { LogStore } from '../ports/store.js'
import { type Appended, AppendLoop, type ReplaceState } from './append-loop.js'
import { ApplyLoop } from './apply-loop.js'
import { readState } from './boot.js'
import type { Bounds } from './bounds.js'
import { decodeBatch } from './command-batch.js'
import { CommandQueue } from './command-queue.js'
import { Reads } from './reads.js'
import type { SnapshotMaker } from './snapshots/snapshot-maker.js'

export interface DriverDeps {
  readonly raw: RawNode
  readonly window: MemoryStorage
  readonly store: LogStore
  readonly machine: StateMachine
  readonly clock: Clock
  readonly maker: SnapshotMaker
  readonly bounds: Bounds
  readonly raftId: RaftId
  readonly confState: ConfState
  readonly appliedIndex: Index
  /** Random: reads are numbered from here on. */
  readonly firstReadContext: number
  /** All messages of a turn for one peer, in order. */
  send(to: RaftId, messages: readonly Message[]): void
  sendSnapshot(message: Message): void
  onStored(durationMs: number): void
  onSoftState(lead: RaftId, role: Role, term: Term): void
  onEntryApplied(index: Index): void
  onApplied(index: Index): void
  onOwnTermApplied(term: Term): void
  /** The first entry of the term that this node is in was applied, whoever leads it. */
  onTermApplied(): void
  onRestored(index: Index): void
  onMembership(confState: ConfState, context: Uint8Array): void
  onFatal(error: unknown): void
}

export class RaftDriver {
  readonly #append: AppendLoop
  readonly #reads: Reads
  #inbox: Message[] = []
  readonly #ticks: ((raw: RawNode) => void)[] = []
  readonly #proposals: CommandQueue
  readonly #apply: ApplyLoop
  #outbox = new Map<RaftId, Message[]>()
  #scheduled = false
  #processing = false
  #running = true
  #applied: Index
  #confState: ConfState
  #lead: RaftId = NONE
  #role: Role = Role.follower
  #term: Term = 0
  #termApplied: Term = 0

  constructor(private readonly deps: DriverDeps) {
    this.#reads = new Reads(deps.firstReadContext)
    this.#applied = deps.appliedIndex
    this.#confState = deps.confState
    this.#proposals = new CommandQueue({
      queueBytes: deps.bounds.proposalsBytes,
      batchBytes: deps.bounds.entryBytes,
      batchCommands: ENTRY_COMMANDS,
    })
    const { hardState } = deps.window.initialState()
    this.#append = new AppendLoop(
      deps.store,
      (metadata) => readState(deps.store, deps.machine, metadata),
      hardState,
      deps.clock,
      (durationMs) => deps.onStored(durationMs),
      (done, replaceState) => this.#onAppended(done, replaceState),
      (error) => this.#fail(error),
    )
    this.#apply = new ApplyLoop(
      (entry) => this.#applyEntry(entry),
      (last, bytes) => deps.maker.applied(last.index, last.term, bytes, () => this.#confState),
      (response) => this.#route(response),
    )
  }

  get appliedIndex(): Index {
    return this.#applied
  }
  get confState(): ConfState {
    return this.#confState
  }
  get role(): Role {
    return this.#role
  }
  get term(): Term {
    return this.#term
  }
  get lead(): RaftId {
    return this.#lead
  }
  /** The number of the storage write under way, 0 if there is none. */
  get writeUnderWay(): number {
    return this.#append.writeUnderWay
  }
  get isLeaderReady(): boolean {
    return this.#role === Role.leader && this.#termApplied === this.#term
  }

  /** Of commands that wait for the next turn. */
  get proposalBytes(): number {
    return this.#proposals.bytes
  }

  receive(messages: readonly Message[]): void {
    for (const message of messages) this.#inbox.push(message)
    this.schedule()
  }

  /** Leader only; false when too much is waiting already. */
  propose(command: Uint8Array): boolean {
    if (!this.#proposals.push(command)) return false
    this.schedule()
    return true
  }

  confirmLeadership(done: (index: Index | null) => void): void {
    this.#reads.askLeader(done)
    this.schedule()
  }

  /** As `confirmLeadership`, at a follower through its leader; then an answer that is lost never comes. */
  confirmIndex(done: (index: Index | null) => void): void {
    this.#reads.askAnywhere(done)
    this.schedule()
  }

  /** Runs `act` on the core (tick, campaign, transfer …) and handles what follows from it in the same turn. */
  act(act: (raw: RawNode) => void): void {
    if (!this.#running) return
    this.#guard(() => act(this.deps.raw))
    this.schedule()
  }

  /**
   * Runs `tick` in the next turn, behind everything that the sockets brought: what waited in them while this process stood
   * still must not be taken for silence (rule 7).
   */
  tick(tick: (raw: RawNode) => void): void {
    this.#ticks.push(tick)
    this.schedule()
  }

  schedule(): void {
    if (this.#scheduled || !this.#running) return
    this.#scheduled = true
    this.deps.clock.soon(() => {
      this.#scheduled = false
      this.#turn()
    })
  }

  stop(): void {
    this.#running = false
    this.#append.stop()
    this.#reads.fail()
  }

  #turn(): void {
    if (!this.#running) return
    this.#guard(() => {
      this.#drainInbox()
      for (const tick of this.#ticks.splice(0)) tick(this.deps.raw)
      this.#proposeBatches()
      this.#askReads()
      this.#process()
    })
  }

  #drainInbox(): void {
    const inbox = this.#inbox
    if (inbox.length === 0) return
    this.#inbox = []
    // A refusal needs no answer: the sender was just removed, and whoever proposed something watches what is applied.
    for (const message of inbox) this.deps.raw.step(message)
  }

  #proposeBatches(): void {
    if (this.#proposals.isEmpty) return
    // One by one: the first that finds no room in the log must not take the others of its turn with it.
    for (const batch of this.#proposals.take()) if (this.deps.raw.propose(batch) !== null) return
  }

  #askReads(): void {
    const { raw } = this.deps
    this.#reads.begin(this.#role === Role.leader, this.#lead !== NONE, (context) => raw.readIndex(context))
  }

  /** Takes Readys until the core is quiet, so that one turn costs one frame a peer and one storage batch. */
  #process(): void {
    const { raw } = this.deps
    let budget = APPLY_COMMANDS_PER_TURN
    const before = this.#applied
    this.#processing = true
    for (;;) {
      if (raw.hasReady()) this.#handleReady()
      else if (!this.#apply.isEmpty) {
        if (budget <= 0) break
        budget -= this.#apply.applySome(budget)
      } else {
        this.#append.kick()
        if (!raw.hasReady()) break
      }
    }
    this.#append.kick()
    this.#processing = false
    this.#flush()
    if (this.#applied > before) this.deps.onApplied(this.#applied)
    if (!this.#apply.isEmpty) this.schedule()
  }

  #handleReady(): void {
    const ready = this.deps.raw.ready()
    const { softState, hardState } = ready
    if (hardState !== null && hardState.term !== 0) this.#term = hardState.term
    if (softState !== null) this.#onSoftState(softState.lead, softState.role)
    for (const read of ready.readStates) this.#reads.confirmed(read)
    for (const message of ready.messages) this.#route(message)
  }

  #onSoftState(lead: RaftId, role: Role): void {
    this.#lead = lead
    this.#role = role
    if (role !== Role.leader) this.#reads.fail()
    this.deps.onSoftState(lead, role, this.#term)
  }

  #route(message: Message): void {
    if (message.to === APPEND_THREAD) this.#append.push(message)
    else if (message.to === APPLY_THREAD) this.#apply.push(message)
    else if (message.to === this.deps.raftId) this.deps.raw.step(message)
    else if (message.type === MsgType.snap) this.deps.sendSnapshot(message)
    else {
      const queued = this.#outbox.get(message.to)
      if (queued === undefined) this.#outbox.set(message.to, [message])
      else queued.push(message)
    }
  }

  #flush(): void {
    if (this.#outbox.size === 0) return
    const outbox = this.#outbox
    this.#outbox = new Map()
    for (const [to, messages] of outbox) this.deps.send(to, messages)
  }

  // ---------------------------------------------------------------------------------------- append thread

  #onAppended(done: Appended, replaceState: ReplaceState): void {
    if (!this.#running) return
    this.#guard(() => {
      if (done.snapshot !== null) this.#restore(done.snapshot, replaceState)
      this.#afterAppend(done)
    })
  }

  /** State, window and index change together: who looks in between would see one entry's state under another's index. */
  #restore(snapshot: Snapshot, replaceState: ReplaceState): void {
    const { index, confState } = snapshot.metadata
    replaceState()
    this.deps.window.applySnapshot(snapshot)
    this.#applied = index
    this.#confState = confState
    this.deps.maker.restored(index)
    this.#apply.drop()
    this.deps.onRestored(index)
  }

  #afterAppend(done: Appended): void {
    const { window } = this.deps
    if (done.hardState !== null) window.setHardState(done.hardState)
    if (done.entries.length > 0) window.append(done.entries)
    for (const message of done.messages) {
      for (const response of message.responses) this.#route(response)
    }
    // A commit-only batch is done at once, from within `#process`, which goes on by itself.
    if (!this.#processing) this.#process()
  }

  // ----------------------------------------------------------------------------------------- apply thread

  /** Returns how many commands it held. */
  #applyEntry(entry: Entry): number {
    const { machine } = this.deps
    const { index } = entry
    invariant(index === this.#applied + 1, () => `apply: entry ${index} after ${this.#applied}`)
    let commands = 0
    if (entry.type !== EntryType.normal) this.#applyConfChange(entry)
    else if (entry.data.length > 0) {
      decodeBatch(entry.data, (command) => {
        machine.applyCommand(index, command)
        commands++
      })
    }
    machine.endEntry(index)
    this.#applied = index
    this.deps.onEntryApplied(index)
    if (entry.term === this.#term && this.#termApplied !== entry.term) {
      this.#termApplied = entry.term
      this.deps.onTermApplied()
      if (this.#role === Role.leader) this.deps.onOwnTermApplied(entry.term)
    }
    return commands
  }

  #applyConfChange(entry: Entry): void {
    const change = decodeConfChange(entry.type, entry.data)
    this.#confState = this.deps.raw.applyConfChange(change)
    this.#append.storeCommit()
    this.deps.machine.applyMembership(entry.index, this.#confState, change.changes, change.context)
    this.deps.onMembership(this.#confState, change.context)
  }

  #guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    if (!this.#running) return
    this.stop()
    this.deps.onFatal(error)
  }
}
