/** The network between nodes: what its weather is like, which links are cut, and what comes late. */
import type { HelloVerdict, PeerHello } from '../../../src/raft/ports/transport.js'
import { MemoryNetwork } from '../../../src/testing/memory-network.js'
import type { MemoryStream } from '../../../src/testing/memory-stream.js'
import type { Station, Weather } from '../../../src/testing/memory-tcp.js'
import type { Process } from '../process.js'
import type { Program } from '../program.js'
import type { World } from '../world.js'
import type { Meeting } from './meeting.js'
import { type Frame, type LaneLimits, PeerTap } from './peer-tap.js'
import { stationOf } from './station.js'

export interface PeerTimes {
  minMs: number
  meanMs: number
  /** Chance of a frame to come once more, or only then, up to two minutes later. */
  lateChance: number
  /** Chance of a piece of bytes to take ten times as long; what follows on its connection waits for it. */
  jitterChance: number
  /** Chance of a process to stand still just after it acknowledged a part of a snapshot: what comes meanwhile is in one turn with it. */
  ackStallChance: number
  /** What the kernels hold of one direction of a connection. */
  windowBytes: number
  /** Chance of a write to arrive in two pieces. */
  splitChance: number
}

const LATE_MAX_MS = 120_000
const JITTER_FACTOR = 10
/** Frames end with their connection: a peer that is not a node's any more closes it, and must not keep the port for long. */
const TERMS = { allowHalfOpen: false }

export class PeerNetwork implements Weather {
  meeting: Meeting | null = null
  readonly #network: MemoryNetwork
  readonly #taps = new Map<string, PeerTap>()
  readonly #tapOfStation = new Map<Station, PeerTap>()
  /** By the random id that a process says in its hello. */
  readonly #tapOfProcess = new Map<string, PeerTap>()
  readonly #stations = new Map<Process, Station>()
  /** `a>b`: nothing that a sends reaches b. */
  readonly #cut = new Set<string>()
  readonly #slowness = new Map<string, number>()
  /** `a>b`: what a sends to b waits, and comes all at once. */
  readonly #clogged = new Set<string>()
  /** Sees every frame that is sent; true: it keeps it, and nobody gets it. */
  spy: ((frame: Frame) => boolean) | null = null
  onSend: (frame: Frame) => void = () => undefined

  constructor(
    readonly world: World,
    readonly times: PeerTimes,
    readonly limits: LaneLimits,
    readonly hasSecret: boolean,
  ) {
    this.#network = new MemoryNetwork(world, world.random, {
      weather: this,
      texture: () => times,
      mayMeet: (from, to) => this.#mayMeet(from, to),
    })
  }

  /** The transport of this process, listening where others look for this node. */
  transport(nodeId: string, process: Process, listen: string, program: Program): PeerTap {
    const station = stationOf(process, nodeId)
    const streams = this.#network.at(station, TERMS)
    const tap = new PeerTap(this, nodeId, process, program, listen, {
      ...streams,
      dial: (address) => {
        const channel = streams.dial(address)
        this.#watchWrites(channel.tcp as MemoryStream, process)
        return channel
      },
      listen: (address, onChannel, onError) =>
        streams.listen(
          address,
          (channel) => {
            this.#watchWrites(channel.tcp as MemoryStream, process)
            onChannel(channel)
          },
          onError,
        ),
    })
    this.#stations.set(process, station)
    this.#tapOfStation.set(station, tap)
    // It was still opening its directory when it was cut off.
    if (process.isCutOff) this.#exile(tap, station)
    else this.#taps.set(nodeId, tap)
    process.onKilled(() => {
      if (this.#taps.get(nodeId) === tap) this.#taps.delete(nodeId)
      this.#network.gone(station, process.diedSilently)
    })
    return tap
  }

  /** The process of this node never reaches another again, nor is it reached. What it has sent is still under way. */
  exile(nodeId: string): void {
    const tap = this.#taps.get(nodeId)
    const station = tap === undefined ? undefined : this.#stations.get(tap.process)
    if (tap === undefined || station === undefined) return
    this.#taps.delete(nodeId)
    this.#exile(tap, station)
  }

  find(nodeId: string): PeerTap | undefined {
    return this.#taps.get(nodeId)
  }

  cut(from: string, to: string): void {
    this.#cut.add(`${from}>${to}`)
    this.#network.lostTouch(from, to)
  }

  /** What was under way is delivered now: TCP sends it again. */
  heal(from: string, to: string): void {
    this.#cut.delete(`${from}>${to}`)
    this.#network.release(from, to)
  }

  clog(from: string, to: string, ms: number): void {
    this.#clogged.add(`${from}>${to}`)
    this.world.after(ms, () => this.#unclog(from, to))
  }

  slow(from: string, to: string, factor: number): void {
    this.#slowness.set(`${from}>${to}`, factor)
  }

  healAll(): void {
    this.#slowness.clear()
    for (const [from, to] of pairs(this.#clogged)) this.#unclog(from, to)
    for (const [from, to] of pairs(this.#cut)) this.heal(from, to)
  }

  /** A frame comes late, or once more, over no connection that exists any more; `isInTurn`: see Process.deliver. */
  deliverLate(frame: Frame, isInTurn = false): void {
    this.find(frame.to)?.arriveLate(frame, isInTurn)
  }

  sendLate(frame: Frame): void {
    this.world.after(this.world.random.logBetween(1, LATE_MAX_MS), () => {
      this.world.count(`late frame of kind ${frame.kind}`)
      this.deliverLate(frame)
    })
  }

  /** A connection picked at random is reset at both ends; what was under way is lost. */
  breakSome(): void {
    const open = [...this.#network.connections]
    if (open.length > 0) this.world.random.pick(open).break()
  }

  delayMs(from: string, to: string): number {
    const { minMs, meanMs, jitterChance } = this.times
    const jitter = this.world.random.chance(jitterChance) ? JITTER_FACTOR : 1
    return minMs + jitter * this.world.random.around(meanMs) * (this.#slowness.get(`${from}>${to}`) ?? 1)
  }

  isHeld(from: string, to: string): boolean {
    const link = `${from}>${to}`
    return this.#cut.has(link) || this.#clogged.has(link)
  }

  // ------------------------------------------------------------------------------------------------ for the taps

  introduced(tap: PeerTap, { processId }: PeerHello): void {
    this.#tapOfProcess.set(processId, tap)
  }

  judged(judge: PeerTap, hello: PeerHello, verdict: HelloVerdict): void {
    const peer = this.#tapOfProcess.get(hello.processId)
    if (peer?.process.isAlive === true) this.meeting?.judged(judge, peer, hello, verdict)
  }

  // ------------------------------------------------------------------------------------------------------ inside

  #exile(tap: PeerTap, station: Station): void {
    tap.isExiled = true
    this.#network.exile(station)
  }

  #mayMeet(from: Station, to: Station): boolean {
    const [one, other] = [this.#tapOfStation.get(from), this.#tapOfStation.get(to)]
    return one === undefined || other === undefined || this.meeting?.mayMeet(one, other) !== false
  }

  #unclog(from: string, to: string): void {
    if (this.#clogged.delete(`${from}>${to}`)) this.#network.release(from, to)
  }

  /** A process may die, or hang, when its kernel has what it sends. */
  #watchWrites(stream: MemoryStream, process: Process): void {
    stream.tap = {
      afterSend: () => void process.pass('after send'),
      blocked: () => this.world.count('seen peer that takes no more for now'),
    }
  }
}

const pairs = (links: ReadonlySet<string>): [from: string, to: string][] =>
  [...links].map((link) => {
    const [from = '', to = ''] = link.split('>')
    return [from, to]
  })
