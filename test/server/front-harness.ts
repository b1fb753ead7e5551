/**
 * A whole cluster in virtual time, without disks, sockets or Raft: real fronts over real lock machines, fed from one list of
 * committed entries. What Raft promises is modelled (a leader per term, proposals that are dropped, late or doubled);
 * pauses, clock rates and broken links are not spared anyone.
 */
import { type Genesis, LockMachine } from '../../src/locks/machine.js'
import { type ConfState, type Index, Role, type Term } from '../../src/raft/core/types.js'
import type { Clock, FrameKind, Lane, Random, Timer } from '../../src/raft/node/interfaces.js'
import type { NodeApi, NodeStatus } from '../../src/raft/node/node-api.js'
import {
  type AdminRequest,
  type ClientConnection,
  type ConnectionHandler,
  type EpochRecord,
  type EpochRecords,
  Front,
  type FrontOptions,
} from '../../src/server/front.js'

// ------------------------------------------------------------------------------------------------- time

interface Event {
  readonly atMs: number
  readonly order: number
  readonly node: FakeNode | null
  readonly run: () => void
  cancelled: boolean
}

export class World {
  nowMs = 0
  #order = 0
  #events: Event[] = []

  /** Runs `run` after `delayMs`, or when `node` is no longer paused. Dropped if that node has crashed meanwhile. */
  after(delayMs: number, node: FakeNode | null, run: () => void): Timer {
    const event: Event = { atMs: this.nowMs + delayMs, order: this.#order++, node, run, cancelled: false }
    this.#push(event)
    return {
      cancel: () => {
        event.cancelled = true
      },
    }
  }

  advance(ms: number): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      const [event] = this.#events
      if (event === undefined || event.atMs > untilMs) break
      this.#pop()
      this.nowMs = Math.max(this.nowMs, event.atMs)
      if (event.cancelled || event.node?.crashed) continue
      if (event.node !== null && event.node.pausedUntilMs > this.nowMs) {
        this.#push({
          ...event,
          atMs: event.node.pausedUntilMs,
          get cancelled() {
            return event.cancelled
          },
        })
      } else event.run()
    }
    this.nowMs = untilMs
  }

  /** Advances until `condition` holds; fails loudly when it does not within `withinMs` of virtual time. */
  until(condition: () => boolean, withinMs = 60_000, stepMs = 5): void {
    for (let passed = 0; !condition(); passed += stepMs) {
      if (passed > withinMs) throw new Error(`not within ${withinMs} ms: ${condition.toString()}`)
      this.advance(stepMs)
    }
  }

  #before(one: Event, other: Event): boolean {
    return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)
  }

  #push(event: Event): void {
    const heap = this.#events
    let place = heap.length
    heap.push(event)
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || !this.#before(event, parent)) break
      heap[place] = parent
      place = above
    }
    heap[place] = event
  }

  #pop(): void {
    const heap = this.#events
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let place = 0
    for (;;) {
      let below = 2 * place + 1
      let child = heap[below]
      const right = heap[below + 1]
      if (child !== undefined && right !== undefined && this.#before(right, child)) {
        child = right
        below++
      }
      if (child === undefined || !this.#before(child, last)) break
      heap[place] = child
      place = below
    }
    heap[place] = last
  }
}

/** A small generator with good enough mixing; a seed replays a run exactly. */
export class SeededRandom implements Random {
  constructor(private state: number) {}
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  int(bound: number): number {
    return Math.floor(this.next() * bound)
  }
  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.int(256))
  }
  chance(probability: number): boolean {
    return this.next() < probability
  }
  pick<T>(items: readonly T[]): T {
    const item = items[this.int(items.length)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }
}

// ---------------------------------------------------------------------------------------------- sockets

/** The client's end of a connection, and the node's end as `ClientConnection`. */
export class FakeSocket implements ClientConnection {
  readonly remote = '127.0.0.1:40000'
  readonly loopback: boolean
  writableLength = 0
  paused = false
  /** Everything that was written, with the time of each write. */
  readonly writes: { readonly atMs: number; readonly text: string }[] = []
  closed: 'end' | 'reset' | null = null
  closedAtMs = 0
  onText: (text: string) => void = () => {}
  onClosed: () => void = () => {}
  handler: ConnectionHandler | null = null

  constructor(
    readonly node: FakeNode,
    loopback = true,
  ) {
    this.loopback = loopback
  }

  get text(): string {
    return this.writes.map((write) => write.text).join('')
  }

  write(text: string): void {
    if (this.closed !== null) throw new Error(`written after the connection was closed: ${text}`)
    this.writes.push({ atMs: this.node.world.nowMs, text })
    this.onText(text)
  }
  end(): void {
    this.#close('end')
  }
  reset(): void {
    this.#close('reset')
  }
  pause(): void {
    this.paused = true
  }
  resume(): void {
    this.paused = false
  }

  #close(how: 'end' | 'reset'): void {
    if (this.closed !== null) return
    this.closed = how
    this.closedAtMs = this.node.world.nowMs
    this.onClosed()
  }

  /** The client sends; the node reads it in a turn of its own. */
  send(text: string | Uint8Array): void {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
    this.#event((handler) => handler.data(bytes))
  }
  fin(): void {
    this.#event((handler) => handler.fin())
  }
  break(): void {
    this.#event((handler) => handler.broken())
  }

  #event(act: (handler: ConnectionHandler) => void): void {
    this.node.world.after(0, this.node, () => {
      this.node.front.turn()
      if (this.closed === null && this.handler !== null) act(this.handler)
    })
  }
}

// ------------------------------------------------------------------------------------------------- nodes

export interface Faults {
  /** Chances of each proposal to be lost, and to be applied once more later. */
  drop: number
  double: number
  /** Longest time until a proposal is committed, and until a committed entry is applied by a node. */
  commitMs: number
  applyMs: number
  /** Longest time until a renewal or its answer arrives. */
  peerMs: number
}

export interface ClusterOptions {
  readonly nodes?: number
  readonly leaseMs?: number
  readonly seed?: number
  readonly front?: Partial<FrontOptions>
  /** How fast each node's clock runs. */
  readonly rates?: readonly number[]
  readonly faults?: Partial<Faults>
}

const NO_FAULTS: Faults = { drop: 0, double: 0, commitMs: 1, applyMs: 1, peerMs: 5 }
export const ELECTION_MS = 400

export class Cluster {
  readonly world = new World()
  readonly random: SeededRandom
  readonly nodes: FakeNode[]
  readonly faults: Faults
  readonly options: ClusterOptions
  readonly genesis: Genesis
  /** Committed entries; null stands for a leader's first, empty one. */
  readonly log: { readonly term: Term; readonly command: Uint8Array | null }[] = []
  leader: FakeNode | null = null
  term: Term = 0

  constructor(options: ClusterOptions = {}) {
    this.options = options
    this.random = new SeededRandom(options.seed ?? 1)
    this.faults = { ...NO_FAULTS, ...options.faults }
    const names = Array.from({ length: options.nodes ?? 3 }, (_, at) => `n${at + 1}`)
    this.genesis = {
      clusterId: 'c1',
      nodeLeaseMs: options.leaseMs ?? 10_000,
      createdUnixSeconds: 1,
      members: names.map((nodeId, at) => ({ raftId: at + 1, nodeId, peerAddress: `${nodeId}:1` })),
    }
    this.nodes = names.map((name, at) => new FakeNode(this, name, at + 1, options.rates?.[at] ?? 1))
  }

  node(at: number): FakeNode {
    const node = this.nodes[at]
    if (node === undefined) throw new Error(`no node ${at}`)
    return node
  }

  /** Starts all nodes, lets the first lead and waits until all serve. */
  start(): void {
    for (const node of this.nodes) node.boot()
    this.elect(this.node(0))
    this.world.until(() => this.nodes.every((node) => node.front.stats().speakRemainingMs > 0))
  }

  elect(node: FakeNode | null): void {
    const former = this.leader
    this.leader = node
    this.term++
    if (former !== null && former !== node) former.deposedIn(this.random.int(ELECTION_MS))
    if (node === null) return
    const { term } = this
    for (const each of this.nodes) each.learnLeader(node, term)
    this.commit(null, term)
  }

  hasQuorum(): boolean {
    return 2 * this.nodes.filter((node) => node.isReachable()).length > this.nodes.length
  }

  commit(command: Uint8Array | null, term: Term): void {
    this.log.push({ term, command })
    for (const node of this.nodes) node.applySoon(this.random.int(this.faults.applyMs) + 1)
  }

  /** What a node proposes takes effect if the leader in office can commit it. */
  propose(from: FakeNode, command: Uint8Array): boolean {
    const { believedLeader } = from
    if (believedLeader === null) return false
    const { term } = this
    const copies = this.random.chance(this.faults.double) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      if (this.random.chance(this.faults.drop)) continue
      const delayMs = this.random.int(this.faults.commitMs * (copy === 0 ? 1 : 20)) + 1
      this.world.after(delayMs, null, () => this.#arrive(from, believedLeader, command, term, copy > 0))
    }
    return true
  }

  #arrive(from: FakeNode, leader: FakeNode, command: Uint8Array, term: Term, late: boolean): void {
    if (leader !== this.leader || !leader.isReachable() || !this.hasQuorum()) return
    // A leader's own proposals stay within its term; those of others may arrive late.
    if (from === leader && (term !== this.term || late)) return
    if (from !== leader && !late && !from.isReachable()) return
    this.commit(command, this.term)
  }
}

export class FakeNode implements NodeApi {
  readonly world: World
  machine!: LockMachine
  front!: Front
  crashed = true
  pausedUntilMs = 0
  cut = false
  believedLeader: FakeNode | null = null
  readonly fatal: { readonly error: Error; readonly exitCode: number }[] = []
  readonly adminRequests: AdminRequest[] = []
  shutdownAsked = false
  /** Kernel clock and disk survive a process. */
  records: readonly EpochRecord[] = []
  bootId = 'boot-1'
  localFs = true
  #term: Term = 0
  #ownTermApplied = false
  #applied: Index = 0
  #life = 0
  readonly #sockets = new Set<FakeSocket>()

  constructor(
    readonly cluster: Cluster,
    readonly nodeId: string,
    readonly raftId: number,
    readonly rate: number,
  ) {
    this.world = cluster.world
  }

  // ------------------------------------------------------------------------------------------------- process

  boot(): void {
    this.crashed = false
    this.#life++
    this.#applied = 0
    this.#term = 0
    this.#ownTermApplied = false
    this.believedLeader = null
    const random = new SeededRandom(this.cluster.random.int(2 ** 31))
    let front: Front | null = null
    const relay = new Proxy({} as Front['sink'], {
      get: (_, effect) => (front === null ? () => {} : Reflect.get(front.sink, effect)),
    })
    this.machine = new LockMachine(this.cluster.genesis, relay)
    front = new Front({
      nodeId: this.nodeId,
      advertise: `${this.nodeId}:7654`,
      clock: this.#clock(),
      random,
      node: this,
      state: this.machine,
      records: this.#records(),
      options: {
        requestTimeoutMs: 5_000,
        maxLineBytes: 4_096,
        maxLocksPerSession: 1_000,
        followers: 'serve',
        allowShutdown: false,
        ...this.cluster.options.front,
      },
      log: () => {},
      describe: () => ({ maxrss: 1 }),
      shutdown: () => {
        this.shutdownAsked = true
      },
      admin: (request) => {
        this.adminRequests.push(request)
        return request.line.action === '.members'
      },
      onFatal: (error, exitCode) => this.fatal.push({ error, exitCode }),
    })
    this.front = front
    front.start()
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

  /** SIGSTOP now, SIGCONT after `ms`. */
  pause(ms: number): void {
    this.pausedUntilMs = this.world.nowMs + ms
  }

  get isPaused(): boolean {
    return this.pausedUntilMs > this.world.nowMs
  }

  isReachable(): boolean {
    return !this.crashed && !this.isPaused && !this.cut
  }

  connect(loopback = true): FakeSocket {
    const socket = new FakeSocket(this, loopback)
    this.#sockets.add(socket)
    this.world.after(0, this, () => {
      this.front.turn()
      socket.handler = this.front.connected(socket)
    })
    return socket
  }

  /** Runs `act` in this process: late if it is paused, never if the process is another one by then. */
  #inProcess(delayMs: number, act: () => void): Timer {
    const life = this.#life
    return this.world.after(delayMs, this, () => {
      if (life === this.#life) act()
    })
  }

  #clock(): Clock {
    const now = () => this.world.nowMs * this.rate
    return {
      speakerNow: now,
      takerNow: now,
      wallNow: () => Math.floor(now()),
      after: (delayMs, run) => this.#inProcess(Math.max(0, delayMs) / this.rate, run),
      soon: (run) => {
        this.#inProcess(0, run)
      },
    }
  }

  #records(): EpochRecords {
    return {
      bootId: this.bootId,
      lockIdentity: '1:2',
      localFs: this.localFs,
      load: () => this.#promise(() => this.records),
      store: (records) =>
        this.#promise(() => {
          this.records = records
        }),
    }
  }

  /** Settled at once: virtual time does not yield to real microtasks. */
  #promise<T>(make: () => T): Promise<T> {
    // biome-ignore lint/suspicious/noThenProperty: a synchronous stand-in for a promise is the point
    return { then: (fulfilled: (value: T) => void) => fulfilled(make()) } as unknown as Promise<T>
  }

  // ---------------------------------------------------------------------------------------------------- Raft

  learnLeader(leader: FakeNode, term: Term, delayMs = this.cluster.random.int(50) + 1): void {
    this.#inProcess(this === leader ? 0 : delayMs, () => {
      if (term < this.#term) return
      if (this.cut) {
        this.learnLeader(leader, term, 100)
        return
      }
      this.#term = term
      this.believedLeader = leader
      this.#ownTermApplied = false
      this.front.turn()
      this.front.onLeader(leader.nodeId)
    })
  }

  /** It does not know yet that another one was elected; CheckQuorum tells it at last. */
  deposedIn(ms: number): void {
    const term = this.#term
    this.#inProcess(ms, () => {
      if (this.#term !== term || this.believedLeader !== this) return
      this.believedLeader = null
      this.#ownTermApplied = false
      this.front.turn()
      this.front.onLeader(null)
    })
  }

  applySoon(delayMs: number): void {
    this.#inProcess(delayMs, () => this.#apply())
  }

  #apply(): void {
    if (this.cut) {
      this.applySoon(100)
      return
    }
    const { log } = this.cluster
    if (this.#applied >= log.length) return
    this.front.turn()
    let own = false
    while (this.#applied < log.length) {
      const entry = log[this.#applied++]
      if (entry === undefined) break
      if (entry.command !== null) this.machine.applyCommand(this.#applied, entry.command)
      this.machine.endEntry(this.#applied)
      own ||= entry.term === this.#term
    }
    this.front.onApplied(this.#applied)
    if (own && this.believedLeader === this && !this.#ownTermApplied) {
      this.#ownTermApplied = true
      this.front.onLeaderReady(this.#term)
    }
  }

  /** The leader's snapshot replaces the state: no effect in between is ever told. */
  installSnapshotOf(other: FakeNode): void {
    const source = other.machine.snapshot()
    const restorer = this.machine.beginRestore()
    for (let chunk = source.next(65_536); chunk !== null; chunk = source.next(65_536)) restorer.push(chunk)
    this.#applied = other.#applied
    restorer.finish(this.#applied)
    this.front.turn()
    this.front.onRestored(this.#applied)
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
  propose(command: Uint8Array): boolean {
    return this.cluster.propose(this, command)
  }
  confirmLeadership(done: (index: Index | null) => void): void {
    const index = this.cluster.log.length
    const term = this.#term
    const ask = (): void => {
      if (this.#term !== term || this.believedLeader !== this) done(null)
      else if (this.cluster.leader === this && this.cluster.term === term && !this.cut && this.cluster.hasQuorum())
        done(index)
      else this.#inProcess(50, ask)
    }
    this.#inProcess(this.cluster.random.int(5) + 1, ask)
  }
  sendPeer(to: string, _lane: Lane, kind: FrameKind, payload: Uint8Array): boolean {
    const peer = this.cluster.nodes.find((node) => node.nodeId === to)
    if (peer === undefined || !this.isReachable()) return false
    const delayMs = this.cluster.random.int(this.cluster.faults.peerMs) + 1
    const life = peer.#life
    this.world.after(delayMs, peer, () => {
      if (life !== peer.#life || peer.cut || this.cut) return
      peer.front.turn()
      peer.front.onPeerFrame(this.nodeId, kind, payload)
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
  proposalCount(): number {
    return 0
  }
  nextRaftId(): number {
    return this.cluster.nodes.length + 1
  }
}
