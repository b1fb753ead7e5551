/** One TCP connection in memory: two ends, and a wire in each direction. */
import type { HostPort } from '../address.js'
import { MemoryStream, type StreamPath } from './memory-stream.js'
import {
  type Chance,
  KEEPALIVE_MS,
  type Parcel,
  RESEND_MAX_MS,
  type Station,
  type StationTerms,
  type Texture,
  type Time,
  type Weather,
} from './memory-tcp.js'
import { Wire } from './wire.js'

/** Somebody who takes connections at an address. */
export interface Acceptor {
  readonly station: Station
  readonly terms: StationTerms
  readonly accept: (stream: MemoryStream) => void
}

/** What a connection needs of the network. */
export interface ConnectionGround {
  readonly time: Time
  readonly random: Chance
  readonly weather: Weather
  /** Null: the connection is refused. `dark`: nothing answers there. */
  acceptorFor(from: Station, to: HostPort): Acceptor | 'dark' | null
  isDark(host: string): boolean
  /** Both ends are over. */
  ended(connection: MemoryConnection): void
}

export class MemoryConnection implements StreamPath {
  readonly dialler: MemoryStream
  /** The end of whoever accepts it; nobody's until then. */
  readonly acceptor: MemoryStream
  readonly toAcceptor: Wire
  readonly toDialler: Wire
  readonly #ground: ConnectionGround
  /** A kernel has taken the connection, whatever became of it. */
  #isAccepted = false

  constructor(
    ground: ConnectionGround,
    station: Station,
    terms: StationTerms,
    port: number,
    readonly to: HostPort,
    readonly texture: Texture,
  ) {
    this.#ground = ground
    this.dialler = new MemoryStream(this, station, terms, port)
    this.acceptor = new MemoryStream(this, nobodyAt(to.host), terms, to.port)
    const wire = (sender: MemoryStream, receiver: string, arrive: (parcel: Parcel) => void) =>
      new Wire(ground.time, ground.weather, () => sender.station, receiver, arrive)
    this.toAcceptor = wire(this.dialler, to.host, (parcel) => this.#arrive(parcel))
    this.toDialler = wire(this.acceptor, station.name, (parcel) => this.dialler.arrive(parcel))
  }

  get time(): Time {
    return this.#ground.time
  }

  get random(): Chance {
    return this.#ground.random
  }

  get ends(): readonly [MemoryStream, MemoryStream] {
    return [this.dialler, this.acceptor]
  }

  open(): void {
    this.toAcceptor.push('syn')
  }

  /** It is between these two hosts. */
  isBetween(one: string, other: string): boolean {
    const { name } = this.dialler.station
    return (name === one && this.to.host === other) || (name === other && this.to.host === one)
  }

  wireFrom(end: MemoryStream): Wire {
    return end === this.dialler ? this.toAcceptor : this.toDialler
  }

  other(end: MemoryStream): MemoryStream {
    return end === this.dialler ? this.acceptor : this.dialler
  }

  backMs(end: MemoryStream): number {
    return this.#ground.weather.delayMs(this.other(end).station.name, end.station.name)
  }

  isDark(host: string): boolean {
    return this.#ground.isDark(host)
  }

  /** Delivers what nothing holds back. Returns what arrived at the end that was dialled. */
  release(): readonly Parcel[] {
    this.toDialler.release()
    const arrived = this.toAcceptor.release()
    for (const end of this.ends) end.released()
    return arrived
  }

  /** From now on nothing gets through, whatever the weather. */
  sever(): void {
    for (const wire of [this.toAcceptor, this.toDialler]) wire.sever()
    this.lostTouch()
  }

  /** Somebody in the middle has forgotten the connection: both ends are reset, and what was under way is lost. */
  break(): void {
    for (const wire of [this.toAcceptor, this.toDialler]) wire.die()
    for (const end of this.ends) this.time.after(this.backMs(end), () => end.arrive('rst'))
  }

  /** Nothing gets through from now on: after a while the kernels that keep asking give it up. */
  lostTouch(): void {
    this.time.after(KEEPALIVE_MS, () => {
      for (const end of this.ends) if (this.#isOutOfReach(this.other(end))) end.keepaliveFailed()
    })
  }

  /** A new kernel answers for a host that was dark. */
  hostIsBack(host: string): void {
    if (this.to.host === host && !this.#isAccepted && this.acceptor.isForgotten && this.dialler.isConnecting) {
      this.acceptor.isForgotten = false
      this.time.after(this.random.int(RESEND_MAX_MS), () => this.open())
      return
    }
    for (const end of this.ends) {
      const other = this.other(end)
      const isAsked = end.station.name === host && end.isForgotten && other.unackedBytes > 0
      if (isAsked) this.time.after(this.random.int(RESEND_MAX_MS), () => this.wireFrom(end).push('rst'))
    }
  }

  over(): void {
    if (this.ends.every(({ isOver, isForgotten }) => isOver || isForgotten)) this.#ground.ended(this)
  }

  #isOutOfReach(end: MemoryStream): boolean {
    return end.isForgotten || this.toAcceptor.isDown || this.toDialler.isDown
  }

  #arrive(parcel: Parcel): void {
    if (parcel !== 'syn') {
      this.acceptor.arrive(parcel)
      return
    }
    const found = this.#ground.acceptorFor(this.dialler.station, this.to)
    if (found === 'dark') this.acceptor.isForgotten = true
    else if (found === null) {
      this.acceptor.isOver = true
      this.toDialler.push('rst')
    } else {
      this.#isAccepted = true
      this.acceptor.acceptedAt(found.station, found.terms)
      this.toDialler.push('syn-ack')
      // Its kernel has accepted already: a process that stands still finds it later.
      found.station.deliver(() => found.accept(this.acceptor))
    }
  }
}

const nobodyAt = (name: string): Station => ({
  name,
  address: name,
  isAlive: true,
  lagMs: 0,
  deliver: () => undefined,
})
