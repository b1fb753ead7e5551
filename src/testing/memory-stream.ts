import type { ByteStream, TcpEnd } from '../sockets/streams.js'
import { Emitter } from './emitter.js'
import {
  type Chance,
  HIGH_WATER_MARK_BYTES,
  type Parcel,
  READ_MAX_BYTES,
  type Station,
  type StationTerms,
  type Texture,
  type Time,
} from './memory-tcp.js'
import { systemError, takeBytes } from './parcels.js'
import type { Wire } from './wire.js'

/** What an end needs of its connection. */
export interface StreamPath {
  readonly time: Time
  readonly random: Chance
  readonly texture: Texture
  other(end: MemoryStream): MemoryStream
  wireFrom(end: MemoryStream): Wire
  backMs(end: MemoryStream): number
  /** Nothing answers at this host, not even with a reset. */
  isDark(host: string): boolean
  /** One of the ends is over. */
  over(): void
}

/** Who watches what a program does with its end. */
export interface StreamTap {
  /** The program hands these bytes to its stream. */
  readonly wrote?: (bytes: Uint8Array) => void
  /** Just before the kernel gets what was written in one go; false: the program has died here. */
  readonly beforeSend?: () => boolean
  readonly afterSend?: () => void
  /** The kernel has no room for all that was written. */
  readonly blocked?: () => void
  readonly closed?: () => void
}

/**
 * One end of a connection in memory: above, the stream that a program sees, in the shape of the parts of `net.Socket` that
 * are used; below, its kernel. A program that is stopped hears nothing, while its kernel takes what comes, as far as there
 * is room.
 */
export class MemoryStream extends Emitter implements ByteStream, TcpEnd {
  readonly writableHighWaterMark = HIGH_WATER_MARK_BYTES
  bytesRead = 0
  bytesWritten = 0
  /** What the kernel has not taken yet. */
  writableLength = 0
  closed = false
  tap: StreamTap | null = null
  readonly #unsent: Uint8Array[] = []
  #corks = 0
  #isConnected = false
  #isPaused = true
  #needsDrain = false
  #finWritten = false
  #finSeen = false
  #isDestroyed = false
  // Below here: its kernel.
  #finSent = false
  /** Its host has lost its power, and no longer knows of this connection. */
  isForgotten = false
  /** The kernel's part is over: whatever comes is answered by a reset. */
  isOver = false
  /** Taken by this kernel, and not read by the other program. */
  #carriedBytes = 0
  /** Not acknowledged by the other kernel. */
  unackedBytes = 0
  /** Acknowledged, but the acknowledgement does not get through. */
  #ackedBytes = 0
  #isWindowHeld = false
  #isSendDue = false
  #isReadDue = false
  readonly #inbox: Parcel[] = []
  #inboxBytes = 0

  constructor(
    private readonly path: StreamPath,
    public station: Station,
    private terms: StationTerms,
    readonly localPort: number,
  ) {
    super()
  }

  /** Somebody's process has taken it. */
  acceptedAt(station: Station, terms: StationTerms): void {
    this.station = station
    this.terms = terms
    this.#isConnected = true
  }

  get localAddress(): string {
    return this.station.address
  }

  get remoteAddress(): string {
    return this.path.other(this).station.address
  }

  get remotePort(): number {
    return this.path.other(this).localPort
  }

  get isConnecting(): boolean {
    return !this.#isConnected && !this.isOver
  }

  /** The program may still read from it or write to it. */
  get isOpen(): boolean {
    return !this.#isDestroyed && !this.#finWritten && !this.isOver
  }

  get writable(): boolean {
    return !this.#isDestroyed && !this.#finWritten
  }

  // ------------------------------------------------------------------------------------------ the program's side

  /** Like a stream: it flows as soon as somebody listens. */
  override on(event: string, listener: (argument: never) => void): this {
    super.on(event, listener)
    if (event === 'data') this.resume()
    return this
  }

  write(written: Uint8Array | string, done?: (error?: Error | null) => void): boolean {
    // As a stream calls it: with an error once the connection is reset, read or not.
    if (done !== undefined) this.station.deliver(() => done(this.#failure()))
    const bytes = typeof written === 'string' ? Buffer.from(written) : written
    if (bytes.length === 0 || !this.writable || !this.station.isAlive) return true
    this.tap?.wrote?.(bytes)
    this.bytesWritten += bytes.length
    this.#unsent.push(bytes)
    this.writableLength += bytes.length
    const isRoomy = this.writableLength < this.writableHighWaterMark
    this.#needsDrain ||= !isRoomy
    if (this.#corks === 0) this.#sendNow()
    return isRoomy
  }

  cork(): void {
    this.#corks++
  }

  uncork(): void {
    this.#corks--
    if (this.#corks === 0 && this.writableLength > 0) this.#sendNow()
  }

  end(text = ''): void {
    if (!this.writable) return
    if (text !== '') this.write(text)
    this.#finWritten = true
    this.#transmit()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#readSoon()
  }

  destroy(): void {
    if (this.#isDestroyed) return
    this.#isDestroyed = true
    this.#close()
    this.#tellClosed()
  }

  resetAndDestroy(): void {
    if (this.#isDestroyed) return
    this.#isDestroyed = true
    if (this.#isConnected && this.station.isAlive) this.path.wireFrom(this).push('rst')
    this.isOver = true
    this.#tellClosed()
  }

  /** Its process is dead. Its kernel closes for it, unless that is gone too. */
  programDied(silently: boolean): void {
    if (this.isOver || this.isForgotten) return
    if (silently) {
      this.isForgotten = true
      this.path.over()
    } else this.#close()
    this.tap?.closed?.()
  }

  // ------------------------------------------------------------------------------------------- the kernel's side

  arrive(parcel: Parcel): void {
    if (this.isForgotten) {
      if (!this.path.isDark(this.station.name) && parcel !== 'rst') this.path.wireFrom(this).push('rst')
    } else if (this.isOver) {
      if (parcel === 'syn-ack' || typeof parcel !== 'string') this.path.wireFrom(this).push('rst')
    } else if (parcel === 'syn-ack') this.station.deliver(() => this.#connected())
    else if (!this.#isConnected && parcel === 'rst') this.#failSoon('ECONNREFUSED')
    // After a FIN nothing more comes from there but a reset.
    else if (parcel === 'rst' || !(this.#finSeen || this.#inbox.includes('fin'))) this.#take(parcel)
  }

  /** The other program has read so much: there is room in the window, as soon as this kernel hears of it. */
  freed(bytes: number): void {
    this.#carriedBytes -= bytes
    if (this.writableLength === 0 || this.#isSendDue) return
    this.#isSendDue = true
    this.path.time.after(this.path.backMs(this), () => {
      this.#isSendDue = false
      if (this.#wireBack.isDown) this.#isWindowHeld = true
      else this.station.deliver(() => this.#transmit())
    })
  }

  /** The other kernel has so much. */
  acknowledge(bytes: number): void {
    if (this.#wireBack.isDown) this.#ackedBytes += bytes
    else this.unackedBytes -= bytes
  }

  /** The wire back may work again. */
  released(): void {
    if (this.#wireBack.isDown) return
    this.unackedBytes -= this.#ackedBytes
    this.#ackedBytes = 0
    if (!this.#isWindowHeld) return
    this.#isWindowHeld = false
    this.station.deliver(() => this.#transmit())
  }

  /** Nobody has answered this kernel for long. While data is unacknowledged it asks nobody, and only sends that again. */
  keepaliveFailed(): void {
    if (this.isOver || this.isForgotten || !this.#isConnected || !this.station.isAlive) return
    if (this.unackedBytes === 0 || this.terms.givesUpUnacknowledged === true) this.#failSoon('ETIMEDOUT')
  }

  // ------------------------------------------------------------------------------------------------------ inside

  get #wireBack(): Wire {
    return this.path.wireFrom(this.path.other(this))
  }

  #connected(): void {
    if (this.#isDestroyed) return
    this.#isConnected = true
    this.tell('connect')
    this.#transmit()
    this.#readSoon()
  }

  #take(parcel: Parcel): void {
    this.#inbox.push(parcel)
    if (typeof parcel !== 'string') {
      this.#inboxBytes += parcel.length
      this.path.other(this).acknowledge(parcel.length)
    } else if (parcel === 'rst' && this.writableLength > 0) this.station.deliver(() => this.#transmit())
    this.#readSoon()
  }

  #sendNow(): void {
    if (this.tap?.beforeSend?.() === false) return
    this.#transmit()
    this.tap?.afterSend?.()
  }

  /** Gives the kernel what it takes. */
  #transmit(): void {
    if (!this.#isConnected || this.isOver || !this.station.isAlive) return
    const failure = this.writableLength > 0 ? this.#failure() : null
    if (failure !== null) {
      this.station.deliver(() => this.#fail(failure))
      return
    }
    while (this.writableLength > 0) {
      const roomBytes = this.path.texture.windowBytes - this.#carriedBytes
      if (roomBytes <= 0) {
        this.tap?.blocked?.()
        return
      }
      this.#carry(takeBytes(this.#unsent, roomBytes))
    }
    if (this.#needsDrain) {
      this.#needsDrain = false
      this.station.deliver(() => {
        if (!this.#isDestroyed) this.tell('drain')
      })
    }
    if (!this.#finWritten || this.#finSent) return
    this.#finSent = true
    this.path.wireFrom(this).push('fin')
    this.#closeWhenDone()
  }

  #carry(bytes: Uint8Array): void {
    const { random, texture } = this.path
    this.writableLength -= bytes.length
    this.#carriedBytes += bytes.length
    this.unackedBytes += bytes.length
    const wire = this.path.wireFrom(this)
    if (bytes.length > 1 && random.chance(texture.splitChance)) {
      const at = 1 + random.int(bytes.length - 1)
      wire.push(bytes.subarray(0, at))
      wire.push(bytes.subarray(at))
    } else wire.push(bytes)
  }

  #readSoon(): void {
    if (this.#isReadDue || this.#isPaused || this.#inbox.length === 0) return
    this.#isReadDue = true
    this.station.deliver(() => {
      this.#isReadDue = false
      this.#read()
    })
  }

  #read(): void {
    while (!this.#isPaused && !this.#isDestroyed && this.station.isAlive) {
      const [parcel] = this.#inbox
      if (parcel === undefined) return
      if (typeof parcel !== 'string') {
        const chunk = takeBytes(this.#inbox, READ_MAX_BYTES)
        this.#inboxBytes -= chunk.length
        this.bytesRead += chunk.length
        this.path.other(this).freed(chunk.length)
        this.tell('data', chunk)
        continue
      }
      this.#inbox.shift()
      if (parcel === 'rst') this.#fail(systemError(this.#finSeen ? 'EPIPE' : 'ECONNRESET'))
      else {
        this.#finSeen = true
        this.tell('end')
        if (!this.terms.allowHalfOpen) this.end()
        this.#closeWhenDone()
      }
    }
  }

  /** What a write fails with: the kernel tells a reset that came after a FIN from all others. */
  #failure(): Error | null {
    const resetAt = this.#inbox.indexOf('rst')
    if (!this.#isDestroyed && resetAt < 0) return null
    const finAt = this.#finSeen ? -1 : this.#inbox.indexOf('fin')
    return systemError(this.#finSeen || (finAt >= 0 && finAt < resetAt) ? 'EPIPE' : 'ECONNRESET')
  }

  #failSoon(code: string): void {
    this.isOver = true
    this.station.deliver(() => this.#fail(systemError(code)))
  }

  #fail(error: Error): void {
    if (this.#isDestroyed) return
    this.#isDestroyed = true
    this.isOver = true
    this.tell('error', error)
    this.#tellClosed()
  }

  #closeWhenDone(): void {
    if (!this.#finSent || !this.#finSeen || this.#isDestroyed) return
    this.#isDestroyed = true
    this.isOver = true
    this.#tellClosed()
  }

  /** `close(2)`: the other end learns by a reset that something was not read. */
  #close(): void {
    if (this.isOver) return
    this.isOver = true
    if (this.#isConnected && this.#inboxBytes > 0) this.path.wireFrom(this).push('rst')
    else if (this.#isConnected && !this.#finSent) this.path.wireFrom(this).push('fin')
    this.path.over()
  }

  #tellClosed(): void {
    this.path.over()
    this.tap?.closed?.()
    this.station.deliver(() => {
      this.closed = true
      this.tell('close')
    })
  }
}
