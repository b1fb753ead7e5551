/** Connections between nodes: frames of a lane arrive in order or not at all; links are slow, cut one way, and break. */
import {
  FrameKind,
  Lane,
  type Peer,
  PeerDownReason,
  type PeerHello,
  type Transport,
  type TransportHandlers,
} from '../../src/raft/ports/transport.js'

import type { LaneLimits } from './lane-load.js'
import type { Meeting } from './meeting.js'

import { type Frame, handleFrame, LOSABLE, PeerConnection, REPEATABLE } from './peer-frames.js'
import type { Process } from './process.js'
import type { World } from './world.js'

export interface PeerTimes {
  minMs: number
  meanMs: number
  /** Chance of a frame to come once more, or only then, up to two minutes later. */
  lateChance: number
  /** Chance of a frame to take ten times as long; what follows on its lane waits for it, other lanes overtake it. */
  jitterChance: number
  /** Chance of a process to stand still just after it acknowledged a part of a snapshot: what comes meanwhile is in one turn with it. */
  ackStallChance: number
}

const DIAL_MIN_MS = 20
const DIAL_MAX_MS = 600
/** Nothing was heard for this long: both ends give the connection up. */
const SILENCE_MS = 5_000
const LATE_MAX_MS = 120_000
const JITTER_FACTOR = 10
export class PeerNetwork {
  meeting: Meeting | null = null
  readonly #transports = new Map<string, SimTransport>()
  /** `a>b`: nothing that a sends reaches b. */
  readonly #cut = new Set<string>()
  readonly #slowness = new Map<string, number>()
  /** `a>b`: what a sends to b waits, and comes all at once. */
  readonly #clogged = new Set<string>()
  readonly #connections = new Set<PeerConnection>()
  readonly dialling = new Set<string>()
  /** Sees every frame that is sent; true: it keeps it, and nobody gets it. */
  spy: ((frame: Frame) => boolean) | null = null
  onSend: (frame: Frame) => void = () => undefined

  constructor(
    readonly world: World,
    readonly times: PeerTimes,
    readonly limits: LaneLimits,
  ) {}

  transport(nodeId: string, process: Process): SimTransport {
    const made = new SimTransport(this, nodeId, process)
    // It was still opening its directory when it was cut off.
    made.isExiled = process.isCutOff
    if (!made.isExiled) this.#transports.set(nodeId, made)
    process.onKilled(() => {
      if (this.#transports.get(nodeId) === made) this.#transports.delete(nodeId)
    })
    return made
  }

  /** The process of this node never reaches another again, nor is it reached. What it has sent is still under way. */
  exile(nodeId: string): void {
    const exiled = this.#transports.get(nodeId)
    if (exiled === undefined) return
    this.#transports.delete(nodeId)
    exiled.isExiled = true
    this.world.after(SILENCE_MS, () => {
      for (const connection of [...this.#connections]) {
        if (connection.ends.includes(exiled)) this.break(connection, PeerDownReason.timeout)
      }
    })
  }

  find(nodeId: string): SimTransport | undefined {
    return this.#transports.get(nodeId)
  }

  isCut(from: string, to: string): boolean {
    return this.#cut.has(`${from}>${to}`)
  }

  cut(from: string, to: string): void {
    this.#cut.add(`${from}>${to}`)
    this.world.after(SILENCE_MS * this.world.random.between(0.5, 1), () => {
      for (const connection of this.#connections) {
        const [one, other] = connection.ends
        const names = [`${one.nodeId}>${other.nodeId}`, `${other.nodeId}>${one.nodeId}`]
        if (names.some((name) => this.#cut.has(name))) this.break(connection, PeerDownReason.timeout)
      }
    })
  }

  /** What was under way is delivered now: TCP sends it again. */
  heal(from: string, to: string): void {
    this.#cut.delete(`${from}>${to}`)
    for (const connection of this.#connections) {
      for (const frame of connection.held.splice(0)) this.#carry(connection, frame)
    }
  }

  clog(from: string, to: string, ms: number): void {
    this.#clogged.add(`${from}>${to}`)
    this.world.after(ms, () => this.#unclog(from, to))
  }

  #unclog(from: string, to: string): void {
    if (!this.#clogged.delete(`${from}>${to}`)) return
    for (const connection of this.#connections) {
      const isDue = (frame: Frame) => frame.from.nodeId === from && frame.to.nodeId === to
      const due = connection.held.filter(isDue)
      if (due.length === 0 || this.isCut(from, to)) continue
      connection.held.splice(0, connection.held.length, ...connection.held.filter((frame) => !isDue(frame)))
      for (const frame of due) this.#arrive(connection, frame)
    }
  }

  slow(from: string, to: string, factor: number): void {
    this.#slowness.set(`${from}>${to}`, factor)
  }

  healAll(): void {
    this.#slowness.clear()
    for (const link of [...this.#clogged]) {
      const [from = '', to = ''] = link.split('>')
      this.#unclog(from, to)
    }
    for (const link of [...this.#cut]) {
      const [from = '', to = ''] = link.split('>')
      this.heal(from, to)
    }
  }

  /** A frame comes late, or once more, over no connection that exists any more; `isInTurn`: see Process.deliver. */
  deliverLate(frame: Frame, isInTurn = false): void {
    this.find(frame.to.nodeId)?.arrive(frame, null, isInTurn)
  }

  /** The connection between these two ends. */
  breakBetween(one: string, other: string): void {
    for (const connection of [...this.#connections]) {
      const names = connection.ends.map(({ nodeId }) => nodeId)
      if (names.includes(one) && names.includes(other)) this.break(connection, PeerDownReason.closed)
    }
  }

  /** A connection picked at random ends; what was under way is lost. */
  breakSome(): void {
    const open = [...this.#connections]
    if (open.length > 0) this.break(this.world.random.pick(open), PeerDownReason.closed)
  }

  delayMs(from: string, to: string): number {
    const { minMs, meanMs, jitterChance } = this.times
    const jitter = this.world.random.chance(jitterChance) ? JITTER_FACTOR : 1
    return minMs + jitter * this.world.random.around(meanMs) * (this.#slowness.get(`${from}>${to}`) ?? 1)
  }

  connect(one: SimTransport, other: SimTransport): PeerConnection {
    const connection = new PeerConnection([one, other], this.limits)
    this.#connections.add(connection)
    return connection
  }

  break(connection: PeerConnection, reason: PeerDownReason): void {
    if (!connection.isOpen) return
    connection.isOpen = false
    this.#connections.delete(connection)
    connection.held.length = 0
    const [one, other] = connection.ends
    one.gone(other.nodeId, connection, reason)
    other.gone(one.nodeId, connection, reason)
  }

  /** The kernel of a killed process closes its connections; a machine without power says nothing. */
  processGone(nodeId: string, silently: boolean): void {
    for (const connection of [...this.#connections]) {
      if (!connection.ends.some((end) => end.nodeId === nodeId && !end.process.isAlive)) continue
      if (!silently) this.break(connection, PeerDownReason.refused)
      else this.world.after(SILENCE_MS, () => this.break(connection, PeerDownReason.timeout))
    }
  }

  send(connection: PeerConnection, frame: Frame): void {
    this.onSend(frame)
    if (frame.from.isExiled || this.spy?.(frame) === true) {
      connection.load.left(frame)
      return
    }
    const { random } = this.world
    if (REPEATABLE.has(frame.kind) && random.chance(this.times.lateChance)) {
      this.#sendLate(frame)
      if (LOSABLE.has(frame.kind) && random.chance(0.5)) {
        connection.load.left(frame)
        return
      }
    }
    this.#carry(connection, frame)
  }

  #carry(connection: PeerConnection, frame: Frame): void {
    const { from, to, lane } = frame
    const queue = `${from.nodeId}${lane}`
    const busyUntilMs = connection.busyUntilMs.get(queue) ?? 0
    const delayMs = from.process.lagMs + this.delayMs(from.nodeId, to.nodeId)
    const atMs = Math.max(busyUntilMs, this.world.nowMs + delayMs)
    connection.busyUntilMs.set(queue, atMs)
    this.world.after(atMs - this.world.nowMs, () => {
      if (!connection.isOpen) return
      if (this.#isHeld(connection, frame)) connection.held.push(frame)
      else this.#arrive(connection, frame)
    })
  }

  #arrive(connection: PeerConnection, frame: Frame): void {
    connection.load.left(frame)
    frame.to.arrive(frame, connection)
  }

  #isHeld({ held }: PeerConnection, { from, to, lane }: Frame): boolean {
    const link = `${from.nodeId}>${to.nodeId}`
    return this.#cut.has(link) || this.#clogged.has(link) || held.some((one) => one.from === from && one.lane === lane)
  }

  #sendLate(frame: Frame): void {
    const { random } = this.world
    this.world.after(random.logBetween(1, LATE_MAX_MS), () => {
      this.world.count(`late frame of kind ${frame.kind}`)
      this.deliverLate(frame)
    })
  }
}

export class SimTransport implements Transport {
  #handlers: TransportHandlers | null = null
  #peers: readonly Peer[] = []
  #closed = false
  isExiled = false
  readonly #current = new Map<string, PeerConnection>()

  constructor(
    private readonly network: PeerNetwork,
    readonly nodeId: string,
    readonly process: Process,
  ) {}

  async start(handlers: TransportHandlers): Promise<void> {
    this.#handlers = handlers
    this.#dialAll()
  }

  setPeers(peers: readonly Peer[]): void {
    this.#peers = peers
    const joined = this.#handlers !== null && this.#handlers.hello().clusterId !== ''
    for (const [nodeId, connection] of this.#current) {
      if (joined && !peers.some((peer) => peer.nodeId === nodeId)) this.network.break(connection, PeerDownReason.closed)
    }
  }

  send(to: string, lane: Lane, kind: FrameKind, parts: readonly Uint8Array[]): boolean {
    const connection = this.#current.get(to)
    const other = connection?.ends.find((end) => end !== this)
    if (this.process.pass('before send') || connection === undefined || other === undefined) return false
    const payload = new Uint8Array(Buffer.concat(parts))
    const { world, times } = this.network
    const tooLong = connection.load.tooLong(kind, payload.length)
    if (tooLong !== null) world.fail(`${this.nodeId} sends ${tooLong}`)
    if (!connection.load.take(this.nodeId, lane, kind, payload.length)) {
      world.count('seen full lane to a peer')
      return false
    }
    this.network.send(connection, { from: this, to: other, lane, kind, payload })
    if (kind === FrameKind.snapshotAck && world.random.chance(times.ackStallChance)) {
      world.count('seen stall after a snapshot acknowledgement')
      this.process.stop(world.random.logBetween(5, 300))
    }
    return !this.process.pass('after send')
  }

  get hello(): PeerHello | null {
    return this.#handlers?.hello() ?? null
  }

  isUp(nodeId: string): boolean {
    return this.#current.has(nodeId)
  }

  wasDialled(nodeId: string): boolean {
    return this.#current.get(nodeId)?.ends[0] === this
  }

  bulkBacklogBytes(to: string): number {
    return this.#current.get(to)?.load.of(this.nodeId, Lane.bulk) ?? 0
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const connection of this.#current.values()) this.network.break(connection, PeerDownReason.refused)
  }

  /** Null: a late frame, over no connection that exists any more. */
  arrive({ from: { nodeId: from }, kind, payload }: Frame, connection: PeerConnection | null, isInTurn = false): void {
    this.process.deliver(() => {
      if (this.#closed || this.isExiled || (connection !== null && this.#current.get(from) !== connection)) return
      if (this.process.pass('before receive')) return
      if (kind === FrameKind.raft && connection !== null) this.network.meeting?.arrived(this, payload)
      handleFrame(connection === null, () => this.#handlers?.onFrame(from, kind, payload))
    }, isInTurn)
  }

  gone(nodeId: string, connection: PeerConnection, reason: PeerDownReason): void {
    this.network.world.after(this.network.delayMs(this.nodeId, nodeId), () =>
      this.process.deliver(() => {
        if (this.#current.get(nodeId) !== connection) return
        this.#current.delete(nodeId)
        this.#handlers?.onDown(nodeId, reason)
      }),
    )
  }

  #dialAll(): void {
    if (this.#closed || this.isExiled) return
    for (const peer of this.#peers) if (!this.#current.has(peer.nodeId)) this.#dial(peer.nodeId)
    this.process.clock.after(this.network.world.random.logBetween(DIAL_MIN_MS, DIAL_MAX_MS), () => this.#dialAll())
  }

  /** There and back again; both judge. One dial at a time between two nodes. */
  #dial(to: string): void {
    const { network, nodeId } = this
    const pair = [nodeId, to].sort().join('-')
    const other = network.find(to)
    if (other === undefined || network.dialling.has(pair) || network.isCut(nodeId, to) || network.isCut(to, nodeId))
      return
    network.dialling.add(pair)
    const giveUp = network.world.after(1_000, () => network.dialling.delete(pair))
    network.world.after(network.delayMs(nodeId, to), () =>
      other.process.deliver(() => {
        const mine = this.#handlers
        const theirs = other.#handlers
        if (mine === null || theirs === null || !network.dialling.has(pair) || !this.process.isAlive) return
        if (this.isExiled || other.isExiled || network.meeting?.mayMeet(this, other) === false) return
        const verdict = theirs.judge(mine.hello(), false)
        network.meeting?.judged(other, this, mine.hello(), verdict)
        network.world.after(network.delayMs(to, nodeId), () =>
          this.process.deliver(() => {
            if (!network.dialling.delete(pair) || !other.process.isAlive) return
            giveUp.cancel()
            if (!verdict.accept)
              mine.onRefused(verdict.refusal, { nodeId: to, wasDialled: true, hello: theirs.hello() })
            else this.#judgeAnswer(other, mine, theirs)
          }),
        )
      }),
    )
  }

  /** Both sides may refuse each other, and both hear of it. */
  #judgeAnswer(other: SimTransport, mine: TransportHandlers, theirs: TransportHandlers): void {
    const { network, nodeId } = this
    const verdict = mine.judge(theirs.hello(), true)
    network.meeting?.judged(this, other, theirs.hello(), verdict)
    if (verdict.accept) this.#adopt(other, mine, theirs)
    else {
      network.world.after(network.delayMs(nodeId, other.nodeId), () =>
        other.process.deliver(() =>
          theirs.onRefused(verdict.refusal, { nodeId, wasDialled: false, hello: mine.hello() }),
        ),
      )
    }
  }

  #adopt(other: SimTransport, mine: TransportHandlers, theirs: TransportHandlers): void {
    const { network } = this
    if (this.#closed || other.#closed || this.isExiled || other.isExiled || network.isCut(this.nodeId, other.nodeId))
      return
    const connection = network.connect(this, other)
    this.#replace(other.nodeId, connection)
    mine.onUp(theirs.hello())
    other.process.deliver(() => {
      if (!connection.isOpen) return
      other.#replace(this.nodeId, connection)
      theirs.onUp(mine.hello())
    })
  }

  #replace(nodeId: string, connection: PeerConnection): void {
    const former = this.#current.get(nodeId)
    this.#current.set(nodeId, connection)
    if (former === undefined) return
    this.network.break(former, PeerDownReason.replaced)
    this.#handlers?.onDown(nodeId, PeerDownReason.replaced)
  }
}
