/** One node: a real service over a real lock machine; its process can be paused, killed and started again (process.ts). */
import type { LockEvent } from '../../../src/locks/effects.js'
import { LockMachine } from '../../../src/locks/machine.js'
import { type ConfState, EMPTY_CONF_STATE, type Index, Role, type Term } from '../../../src/raft/core/types.js'
import { READ_PATIENCE_MS } from '../../../src/raft/limits.js'
import type { CommandSink, NodeApi, NodeStatus } from '../../../src/raft/node/node-api.js'
import type { ReadDone } from '../../../src/raft/node/reads/reads.js'
import { clockThatLooks } from '../../../src/raft/ports/looks-first.js'
import { OlderProgramError } from '../../../src/raft/ports/older-program.js'
import type { SnapshotReader } from '../../../src/raft/ports/store.js'
import type { FrameKind, Lane } from '../../../src/raft/ports/transport.js'
import type { RefusedFor } from '../../../src/service/lock-observer.js'
import { type AdminRequest, LockService } from '../../../src/service/lock-service.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { asIs } from '../../kit/looks-first.js'
import type { Cluster } from './cluster.js'
import { MemorySnapshot } from './memory-snapshot.js'
import { FakeProcess } from './process.js'
import { FakeSocket } from './socket.js'

/** An event, and how long ago that began by the node's clock of which it says since when. */
export interface Observed extends LockEvent {
  readonly agoMs: number
}

export class FakeNode extends FakeProcess implements NodeApi {
  readonly proposals: CommandSink
  machine!: LockMachine
  service!: LockService
  cut = false
  believedLeader: FakeNode | null = null
  readonly fatal: Error[] = []
  readonly adminRequests: AdminRequest[] = []
  readonly logged: { level: string; event: string; facts: object }[] = []
  /** What it would count. */
  readonly observed = {
    events: [] as Observed[],
    heardOf: [] as string[],
    refusals: [] as (readonly [string, RefusedFor])[],
  }
  shutdownAsked = false
  /** The feature level of the program that is installed. */
  programLevel = 1
  /** What it can read, if that is more than it says. */
  readableLevel: number | null = null
  #term: Term = 0
  #ownTermApplied = false
  #applied: Index = 0
  readonly #sockets = new Set<FakeSocket>()

  constructor(
    readonly cluster: Cluster,
    readonly nodeId: string,
    readonly raftId: number,
    rate: number,
  ) {
    super(cluster.world, rate)
    this.proposals = {
      propose: (command) => cluster.propose(this, command),
      isBusy: () => cluster.isBusy,
      count: 0,
    }
  }

  // ------------------------------------------------------------------------------------------------- process

  boot(): void {
    this.begin()
    this.#applied = 0
    this.#term = 0
    this.#ownTermApplied = false
    this.believedLeader = null
    const random = new SeededRandom(this.cluster.random.int(2 ** 31))
    this.machine = new LockMachine(this.cluster.genesis, {
      programLevel: this.readableLevel ?? this.programLevel,
    })
    const service = new LockService({
      nodeId: this.nodeId,
      advertise: `${this.nodeId}:7654`,
      peerAddress: '',
      programLevel: this.programLevel,
      clock: clockThatLooks(this.clock(), () => this.service.turn()),
      random,
      node: this,
      state: this.machine,
      records: asIs(this.epochRecords()),
      options: {
        requestTimeoutMs: 5_000,
        maxLineBytes: 4_096,
        maxLocksPerSession: 1_000,
        followers: 'serve',
        allowShutdown: false,
        ...this.cluster.options.service,
      },
      log: (level, event, facts) => void this.logged.push({ level, event, facts }),
      observer: {
        event: (event) =>
          void this.observed.events.push({ ...event, agoMs: this.clock().wallNow() - event.sinceWallMs }),
        heardOf: (name) => void this.observed.heardOf.push(name),
        refused: (name, why) => void this.observed.refusals.push([name, why]),
      },
      ...this.cluster.doors,
      describe: () => ({ maxrss: 1 }),
      shutdown: () => {
        this.shutdownAsked = true
      },
      admin: (request) => void this.adminRequests.push(request),
      membersChanged: () => {},
      levelRaised: () => {},
      onFatal: (error) => this.fatal.push(error),
    })
    this.service = service
    service.start()
    if (this.cluster.leader !== null) this.learnLeader(this.cluster.leader, this.cluster.term)
    this.applySoon(1)
  }

  /** SIGKILL: the kernel closes the sockets, nobody says a word. */
  kill(): void {
    this.crashed = true
    this.pausedUntilMs = 0
    for (const socket of this.#sockets) socket.reset()
    this.#sockets.clear()
    if (this.cluster.leader === this) this.cluster.elect(null)
  }

  isReachable(): boolean {
    return !this.crashed && !this.isPaused && !this.cut
  }

  connect(loopback = true): FakeSocket {
    const socket = new FakeSocket(this, loopback)
    this.#sockets.add(socket)
    this.world.after(0, this, () => {
      this.service.turn()
      socket.handler = this.service.connected(socket)
    })
    return socket
  }

  // ---------------------------------------------------------------------------------------------------- Raft

  learnLeader(leader: FakeNode, term: Term, delayMs = this === leader ? 0 : this.cluster.random.int(50) + 1): void {
    this.inProcess(delayMs, () => {
      if (term < this.#term) return
      if (this.cut) {
        this.learnLeader(leader, term, 100)
        return
      }
      this.#term = term
      this.believedLeader = leader
      this.#ownTermApplied = false
      this.service.turn()
      this.service.onLeader(leader.nodeId)
    })
  }

  /** It does not know yet that another one was elected; CheckQuorum tells it at last. */
  deposedIn(ms: number): void {
    const term = this.#term
    this.inProcess(ms, () => {
      if (this.#term !== term || this.believedLeader !== this) return
      this.believedLeader = null
      this.#ownTermApplied = false
      this.service.turn()
      this.service.onLeader(null)
    })
  }

  applySoon(delayMs: number): void {
    this.inProcess(delayMs, () => this.#apply())
  }

  #apply(): void {
    if (this.cut) {
      this.applySoon(100)
      return
    }
    if (this.#applied >= this.cluster.log.length) return
    this.service.turn()
    let own = false
    try {
      own = this.#applyEntries()
    } catch (error) {
      if (!(error instanceof OlderProgramError)) throw error
      this.fatal.push(error)
      this.kill()
      return
    }
    this.service.onApplied(this.#applied)
    if (own && this.believedLeader === this && !this.#ownTermApplied) {
      this.#ownTermApplied = true
      this.service.onLeaderReady(this.#term)
    }
  }

  /** Returns whether one of them is of this node's term. */
  #applyEntries(): boolean {
    const { log } = this.cluster
    let own = false
    while (this.#applied < log.length) {
      const entry = log[this.#applied]
      if (entry === undefined) break
      const index = this.#applied + 1
      if (entry.command !== null) this.machine.applyCommand(index, entry.command)
      this.machine.endEntry(index)
      this.#applied = index
      this.service.effects.route(this.machine.takeEffects())
      own ||= entry.term === this.#term
    }
    return own
  }

  /** The leader's snapshot replaces the state: no effect in between is ever told. */
  installSnapshotOf(other: FakeNode): void {
    const source = other.machine.snapshot()
    const restorer = this.machine.beginRestore()
    for (let chunk = source.next(65_536); chunk !== null; chunk = source.next(65_536)) restorer.push(chunk)
    this.#applied = other.#applied
    restorer.end()
    restorer.finish(this.#applied)
    this.service.turn()
    this.service.onRestored(this.#applied)
  }

  // ------------------------------------------------------------------------------------------------- NodeApi

  status(): NodeStatus {
    const confState: ConfState = {
      voters: this.cluster.nodes.map((node) => node.raftId),
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    }
    return {
      nodeId: this.nodeId,
      raftId: this.raftId,
      clusterId: 'c1',
      role: this.isLeader() ? Role.leader : Role.follower,
      term: this.#term,
      leader: this.leader(),
      commitIndex: this.cluster.log.length,
      appliedIndex: this.#applied,
      firstIndex: 1,
      lastIndex: this.cluster.log.length,
      snapshotIndex: 0,
      confState,
      progress: [],
    }
  }
  isLeader(): boolean {
    return this.believedLeader === this
  }
  isLeaderReady(): boolean {
    return this.isLeader() && this.#ownTermApplied
  }
  leader(): string | null {
    return this.believedLeader?.nodeId ?? null
  }
  term(): Term {
    return this.#term
  }
  appliedIndex(): Index {
    return this.#applied
  }
  commitIndex(): Index {
    return this.cluster.log.length
  }
  confirmLeadership(done: (index: Index | null) => void): void {
    const index = this.cluster.log.length
    const term = this.#term
    const ask = (): void => {
      if (this.#term !== term || this.believedLeader !== this) done(null)
      else if (this.cluster.leader === this && this.cluster.term === term && !this.cut && this.cluster.hasQuorum())
        done(index)
      else this.inProcess(50, ask)
    }
    this.inProcess(this.cluster.random.int(5) + 1, ask)
  }
  read(done: ReadDone): void {
    const index = this.cluster.log.length
    const untilMs = this.world.nowMs + READ_PATIENCE_MS
    const answer = (): void => {
      if (this.#applied >= index && !this.cut && this.cluster.hasQuorum()) done('current')
      else if (this.world.nowMs >= untilMs) done('unavailable')
      else this.inProcess(50, answer)
    }
    this.inProcess(this.cluster.random.int(5) + 1, answer)
  }
  saveSnapshot(done: (reader: SnapshotReader) => void): void {
    const file = new MemorySnapshot(
      { index: this.#applied, term: this.#term, confState: EMPTY_CONF_STATE },
      this.machine,
    )
    this.inProcess(this.cluster.random.int(5) + 1, () => done(file))
  }
  sendPeer(to: string, _lane: Lane, kind: FrameKind, payload: Uint8Array): boolean {
    const peer = this.cluster.nodes.find((node) => node.nodeId === to)
    if (peer === undefined || !this.isReachable()) return false
    const delayMs = this.cluster.random.int(this.cluster.faults.peerMs) + 1
    const life = peer.life
    this.world.after(delayMs, peer, () => {
      if (life !== peer.life || peer.cut || this.cut) return
      peer.service.turn()
      peer.service.onPeerFrame(this.nodeId, kind, payload)
    })
    return true
  }
  changeMembership(): Promise<void> {
    throw new Error('not part of this model')
  }
  transferLeadership(): Promise<void> {
    throw new Error('not part of this model')
  }
  setMembers(): void {}
  droppedFrames(): number {
    return 0
  }
  nextRaftId(): number {
    return this.cluster.nodes.length + 1
  }
}
