import {
  type FrameKind,
  type HelloVerdict,
  type Lane,
  type Peer,
  PeerDownReason,
  type PeerHello,
  type Refusal,
  type Refuser,
  type Transport,
  type TransportHandlers,
} from '../../../src/raft/ports/transport.js'
import type { VirtualClock } from '../../../src/testing/virtual-clock.js'

const DELAY_MS = 1
const REDIAL_MS = 20

/** Connections between nodes of one process; links can be cut, and a killed node's links break at once. */
export class FakeNetwork {
  readonly #nodes = new Map<string, FakeTransport>()
  readonly #cut = new Set<string>()
  /** What a frame takes; frames of one connection keep their order. */
  latencyMs = (): number => DELAY_MS
  /** After how long a node sees that a peer is dead. */
  detectionMs = (): number => DELAY_MS
  longestFrameBytes = 0
  /** Frames that never arrive, though their connection stays. */
  loses = (_from: string, _to: string, _kind: FrameKind, _payload: Uint8Array): boolean => false

  constructor(readonly clock: VirtualClock) {}

  transport(nodeId: string): FakeTransport {
    const made = new FakeTransport(this, nodeId)
    this.#nodes.set(nodeId, made)
    return made
  }

  node(nodeId: string): FakeTransport | undefined {
    return this.#nodes.get(nodeId)
  }

  isCut(a: string, b: string): boolean {
    return this.#cut.has(`${a}>${b}`) || this.#cut.has(`${b}>${a}`)
  }

  cut(a: string, b: string): void {
    this.#cut.add(`${a}>${b}`)
  }

  heal(): void {
    this.#cut.clear()
  }

  /** What a node makes of a frame that somebody sent who is connected under the name `from`: the error it throws, or null. */
  inject(to: string, from: string, kind: FrameKind, payload: Uint8Array): unknown {
    try {
      this.#nodes.get(to)?.receive(from, kind, payload)
      return null
    } catch (error) {
      return error
    }
  }

  /** As `kill -9`: the kernel closes the connections, and dialling is refused. */
  kill(nodeId: string): void {
    const dead = this.#nodes.get(nodeId)
    this.#nodes.delete(nodeId)
    if (dead === undefined) return
    dead.dead = true
    for (const other of this.#nodes.values()) other.peerGone(nodeId, dead.lastArrivalMs(other.nodeId))
  }
}

export class FakeTransport implements Transport {
  dead = false
  #handlers: TransportHandlers | null = null
  #peers: readonly Peer[] = []
  readonly #up = new Set<string>()
  readonly #dialled = new Set<string>()
  #dialling = false
  readonly #arrivesMs = new Map<string, number>()

  constructor(
    private readonly network: FakeNetwork,
    readonly nodeId: string,
  ) {}

  start(handlers: TransportHandlers): Promise<void> {
    this.#handlers = handlers
    this.#dial()
    return Promise.resolve()
  }

  setPeers(peers: readonly Peer[]): void {
    this.#peers = peers
    for (const nodeId of [...this.#up]) {
      if (!peers.some((peer) => peer.nodeId === nodeId) && this.#handlers?.hello().clusterId !== '') {
        this.#up.delete(nodeId)
        this.network.node(nodeId)?.peerGone(this.nodeId)
      }
    }
    if (!this.#dialling) this.#dial()
  }

  #dial(): void {
    if (this.dead || this.#handlers === null) return
    this.#dialling = true
    for (const peer of this.#peers) this.#connect(peer.nodeId)
    this.network.clock.after(REDIAL_MS, () => this.#dial())
  }

  #connect(to: string): void {
    const other = this.network.node(to)
    if (other === undefined || this.#up.has(to) || this.network.isCut(this.nodeId, to)) return
    const mine = this.#handlers
    const theirs = other.#handlers
    if (mine === null || theirs === null) return
    const verdict = theirs.judge(mine.hello(), false)
    if (!verdict.accept) {
      mine.onRefused(verdict.refusal, { nodeId: to, wasDialled: true, hello: theirs.hello() })
      return
    }
    const own = mine.judge(theirs.hello(), true)
    if (!own.accept) {
      theirs.onRefused(own.refusal, { nodeId: this.nodeId, wasDialled: false, hello: mine.hello() })
      return
    }
    this.#dialled.add(to)
    other.#dialled.delete(this.nodeId)
    this.#up.add(to)
    other.#up.add(this.nodeId)
    const peer = theirs.hello()
    mine.onUp(peer)
    theirs.onUp(mine.hello())
  }

  lastArrivalMs(to: string): number {
    return this.#arrivesMs.get(to) ?? 0
  }

  /** The end of a connection is read after everything that was sent on it. */
  peerGone(nodeId: string, lastArrivalMs = 0): void {
    if (this.dead || !this.#up.delete(nodeId)) return
    const { clock } = this.network
    clock.after(Math.max(this.network.detectionMs(), lastArrivalMs - clock.nowMs), () => {
      if (!this.dead) this.#handlers?.onDown(nodeId, PeerDownReason.refused)
    })
  }

  receive(from: string, kind: FrameKind, payload: Uint8Array): void {
    this.#handlers?.onFrame(from, kind, payload)
  }

  /** Somebody has dialled this node and said this hello. */
  pretend(hello: PeerHello): HelloVerdict | null {
    const verdict = this.#handlers?.judge(hello, false) ?? null
    if (verdict?.accept !== true) return verdict
    this.#up.add(hello.nodeId)
    this.#dialled.delete(hello.nodeId)
    this.#handlers?.onUp(hello)
    return verdict
  }

  /** The connection to that peer is one that this node dialled. */
  dialledTo(nodeId: string): void {
    this.#dialled.add(nodeId)
  }

  /** A refusal reaches this node. */
  refuse(refusal: Refusal, by: Refuser): void {
    this.#handlers?.onRefused(refusal, by)
  }

  get hello(): PeerHello | null {
    return this.#handlers?.hello() ?? null
  }

  send(to: string, _lane: Lane, kind: FrameKind, parts: readonly Uint8Array[]): boolean {
    if (this.dead || !this.#up.has(to)) return false
    const payload = new Uint8Array(Buffer.concat(parts))
    this.network.longestFrameBytes = Math.max(this.network.longestFrameBytes, payload.length)
    const { clock } = this.network
    const arrivesMs = Math.max(clock.nowMs + this.network.latencyMs(), this.#arrivesMs.get(to) ?? 0)
    this.#arrivesMs.set(to, arrivesMs)
    clock.after(arrivesMs - clock.nowMs, () => {
      const other = this.network.node(to)
      if (other === undefined || other.dead || this.network.isCut(this.nodeId, to)) return
      if (this.network.loses(this.nodeId, to, kind, payload)) return
      other.#handlers?.onFrame(this.nodeId, kind, payload)
    })
    return true
  }

  isUp(nodeId: string): boolean {
    return this.#up.has(nodeId)
  }

  wasDialled(nodeId: string): boolean {
    return this.#up.has(nodeId) && this.#dialled.has(nodeId)
  }

  bulkBacklogBytes(): number {
    return 0
  }

  close(): Promise<void> {
    this.dead = true
    return Promise.resolve()
  }
}
