/**
 * Drives the pure core with a real disk and real peers. One turn takes everything that arrived, proposes it as one
 * batch, takes what the core has ready, starts one storage batch and sends one frame to each peer; there is no promise
 * per operation. Runs over fakes in the simulator.
 */

import type { Clock } from '../../platform.js'
import type { MemoryStorage } from '../core/log/memory-storage.js'
import { type Message, MsgType } from '../core/messages.js'
import type { RawNode } from '../core/raw-node.js'
import {
  APPEND_THREAD,
  APPLY_THREAD,
  type ConfState,
  type Index,
  NONE,
  type RaftId,
  Role,
  type Term,
} from '../core/types.js'
import { APPLY_COMMANDS_PER_TURN } from '../limits.js'
import type { StateMachine } from '../ports/state-machine.js'
import type { LogStore } from '../ports/store.js'
import { type Appended, AppendLoop, type ReplaceState } from './append-loop.js'
import { type AppliedEvents, Applier } from './applier.js'
import { readState } from './boot.js'
import type { CommandQueue } from './command-queue.js'
import { LeadershipRounds } from './reads/leadership-rounds.js'
import { contextBytes, contextOf, ReadContexts } from './reads/read-contexts.js'
import { type ReadDone, Reads } from './reads/reads.js'
import type { SnapshotMaker } from './snapshots/snapshot-maker.js'
import type { Snapshots } from './snapshots/snapshots.js'

/** Where the driver's messages go. */
export interface MessageSink {
  /** All messages of a turn for one peer, in order. */
  send(to: RaftId, messages: readonly Message[]): void
}

/** What the driver tells the node around it, each in the turn in which it happened. */
export interface DriverEvents extends AppliedEvents {
  leaderChanged(lead: RaftId, role: Role, term: Term): void
  /** All that could be applied in this turn was applied. */
  turnApplied(index: Index): void
  stored(durationMs: number): void
  /** The driver has stopped for good. */
  failed(error: unknown): void
}

export interface DriverDeps {
  readonly raw: RawNode
  readonly window: MemoryStorage
  readonly store: LogStore
  readonly machine: StateMachine
  readonly clock: Clock
  readonly maker: SnapshotMaker
  readonly raftId: RaftId
  readonly confState: ConfState
  readonly appliedIndex: Index
  /** Random: questions are numbered from here on. */
  readonly firstReadContext: number
  /** What is to be proposed in the next turn. */
  readonly commands: Pick<CommandQueue, 'isEmpty' | 'take'>
  readonly peers: MessageSink
  /** For a peer that the log cannot help any more. */
  readonly snapshots: Pick<Snapshots, 'send'>
  readonly events: DriverEvents
}

export class RaftDriver {
  readonly #append: AppendLoop
  readonly #applier: Applier
  readonly #rounds: LeadershipRounds
  readonly #reads: Reads
  readonly #ticks: ((raw: RawNode) => void)[] = []
  #inbox: Message[] = []
  #outbox = new Map<RaftId, Message[]>()
  #scheduled = false
  #processing = false
  #running = true
  #lead: RaftId = NONE
  #role: Role = Role.follower
  #term: Term = 0

  constructor(private readonly deps: DriverDeps) {
    const { store, machine, clock, window, events } = deps
    const contexts = new ReadContexts(deps.firstReadContext)
    this.#rounds = new LeadershipRounds(contexts)
    this.#reads = new Reads(contexts, clock)
    this.#append = new AppendLoop(
      store,
      (metadata) => readState(store, machine, metadata),
      window.initialState().hardState,
      clock,
      (durationMs) => events.stored(durationMs),
      (done, replaceState) => this.#onAppended(done, replaceState),
      (error) => this.#fail(error),
    )
    this.#applier = new Applier({
      ...deps,
      term: () => this.#term,
      respond: (response) => this.#route(response),
      storeCommit: () => this.#append.storeCommit(),
    })
  }

  get appliedIndex(): Index {
    return this.#applier.index
  }
  get confState(): ConfState {
    return this.#applier.confState
  }
  get term(): Term {
    return this.#term
  }
  get lead(): RaftId {
    return this.#lead
  }
  get isLeader(): boolean {
    return this.#role === Role.leader
  }
  get role(): Role {
    return this.#role
  }
  /** It has applied an entry of its own term. */
  get isLeaderReady(): boolean {
    return this.isLeader && this.#applier.term === this.#term
  }
  /** The number of the storage write under way, 0 if there is none. */
  get writeUnderWay(): number {
    return this.#append.writeUnderWay
  }

  receive(messages: readonly Message[]): void {
    for (const message of messages) this.#inbox.push(message)
    this.schedule()
  }

  /** `done(null)` unless this node leads, and still does when a quorum has answered. */
  confirmLeadership(done: (index: Index | null) => void): void {
    if (!this.#running || !this.isLeader) {
      done(null)
      return
    }
    this.#rounds.ask(done)
    this.schedule()
  }

  /** On any node; see `NodeApi`. */
  read(done: ReadDone): void {
    this.#reads.ask(done)
    this.schedule()
  }

  /** Runs `act` on the core (campaign, transfer …) and handles what follows from it in the same turn. */
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
    this.#rounds.fail()
    this.#reads.stop()
  }

  #turn(): void {
    if (!this.#running) return
    this.#guard(() => {
      this.#drainInbox()
      this.#runTicks()
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

  #runTicks(): void {
    for (const tick of this.#ticks.splice(0)) {
      this.#reads.tick()
      tick(this.deps.raw)
    }
  }

  #proposeBatches(): void {
    const { commands, raw } = this.deps
    if (commands.isEmpty) return
    // One by one: the first that finds no room in the log must not take the others of its turn with it.
    for (const batch of commands.take()) if (raw.propose(batch) !== null) return
  }

  #askReads(): void {
    const ask = (context: number): void => this.deps.raw.readIndex(contextBytes(context))
    this.#rounds.begin(this.isLeader, ask)
    this.#reads.begin(this.#lead !== NONE, ask)
  }

  /** Takes Readys until the core is quiet, so that one turn costs one frame a peer and one storage batch. */
  #process(): void {
    const { raw, events } = this.deps
    let budget = APPLY_COMMANDS_PER_TURN
    const before = this.#applier.index
    this.#processing = true
    for (;;) {
      if (raw.hasReady()) this.#handleReady()
      else if (!this.#applier.isIdle) {
        if (budget <= 0) break
        budget -= this.#applier.applySome(budget)
      } else {
        this.#append.kick()
        if (!raw.hasReady()) break
      }
    }
    this.#append.kick()
    this.#processing = false
    this.#flush()
    const after = this.#applier.index
    if (after > before) events.turnApplied(after)
    const readsWait = this.#reads.applied(after)
    if (!this.#applier.isIdle || readsWait) this.schedule()
  }

  #handleReady(): void {
    const ready = this.deps.raw.ready()
    const { softState, hardState } = ready
    if (hardState !== null && hardState.term !== 0) this.#term = hardState.term
    if (softState !== null) this.#onSoftState(softState.lead, softState.role)
    for (const { context, index } of ready.readStates) {
      this.#rounds.confirmed(contextOf(context), index)
      this.#reads.confirmed(contextOf(context), index)
    }
    for (const message of ready.messages) this.#route(message)
  }

  #onSoftState(lead: RaftId, role: Role): void {
    this.#lead = lead
    this.#role = role
    if (role !== Role.leader) this.#rounds.fail()
    if (this.#reads.leaderChanged()) this.schedule()
    this.deps.events.leaderChanged(lead, role, this.#term)
  }

  #route(message: Message): void {
    if (message.to === APPEND_THREAD) this.#append.push(message)
    else if (message.to === APPLY_THREAD) this.#applier.push(message)
    else if (message.to === this.deps.raftId) this.deps.raw.step(message)
    else if (message.type === MsgType.snap) this.deps.snapshots.send(message)
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
    for (const [to, messages] of outbox) this.deps.peers.send(to, messages)
  }

  // ---------------------------------------------------------------------------------------- append thread

  #onAppended(done: Appended, replaceState: ReplaceState): void {
    if (!this.#running) return
    this.#guard(() => {
      if (done.snapshot !== null) this.#applier.restore(done.snapshot, replaceState)
      this.#afterAppend(done)
    })
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
    this.deps.events.failed(error)
  }
}
