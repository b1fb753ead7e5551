import { formatHostPort, type HostPort, isLoopbackHost } from '../../address.js'
import type { Clock, Timer } from '../../platform.js'
import { type NeutralReply, plainError } from '../../protocol/replies.js'
import type { ClientProtocol, ClientSocket } from '../../service/lock-service.js'
import type { ByteStream, Channel, TcpEnd } from '../../sockets/streams.js'
import { identityNames } from '../../sockets/tls/subject.js'
import type { FairInput, InputSource } from '../clients/fair-input.js'
import { DISCARD_INPUT_MS, INPUT_SLICE_MAX_BYTES, INPUT_SLICE_MAX_LINES } from '../limits.js'
import { hasCode } from './listen.js'
import { type Looking, lookingBy } from './looking.js'
import type { WatchedConnection } from './send-queue-watch.js'
import { tableKey } from './tcp-table.js'

/** What a connection needs of the port that accepted it. */
export interface TcpClientSocketOwner {
  readonly clock: Clock
  /** Decides whose input is handed on next. */
  readonly input: FairInput
  /** What every event of a socket begins with (rules.md rule 7). */
  look(): void
  /** The connection has text to write at the end of this turn. */
  writeSoon(socket: TcpClientSocket): void
  /** A line, or part of one, arrived. */
  heard(socket: TcpClientSocket): void
  /** The first line is complete, and is a `resume` or not. False: there is no place for this client. */
  seated(socket: TcpClientSocket, isResume: boolean): boolean
  /** It takes no place any more: it is closed, or will be soon. */
  left(socket: TcpClientSocket): void
  closed(socket: TcpClientSocket): void
}

const LF = 0x0a
const RESUME_LINE = /^[ \t]*resume[ \t]*[,\r\n]/
/** Enough of a first line to see that it is a `resume`. */
const OPENING_CHARS = 32
/** Before the first line the dialect is unknown; this is an error in both. */
const TOO_MANY_CONNECTIONS = plainError('code:busy,message:too many connections')

/** One client's TCP connection as the service sees it. Once the node closes it, the service hears nothing more of it. */
export class TcpClientSocket implements ClientSocket, WatchedConnection, InputSource {
  readonly remote: string
  readonly loopback: boolean
  readonly ownEnd: HostPort
  readonly certificateNames: readonly string[]
  #handler: ClientProtocol | null = null
  readonly #socket: ByteStream
  readonly #tcp: TcpEnd
  readonly #owner: TcpClientSocketOwner
  readonly #looking: Looking
  readonly #isPlain: boolean
  /** How the first line begins; null once it was complete. */
  #opening: string | null = ''
  /** What was written in this turn. */
  #text = ''
  /** What arrived and was not handed on yet; the socket is paused meanwhile. */
  #unread: Buffer | null = null
  /** The client's FIN came; the service is told when it has all that came before. */
  #finSeen = false
  /** The connection is closed, in whatever way. */
  #isGone = false
  /** This node began to close the connection. */
  #closing = false
  /**
   * The client sent FIN, what was written afterwards met a closed socket there, and so a reset came back before the FIN was
   * read. The kernel tells such a reset from all others: EPIPE and not ECONNRESET.
   */
  #resetAfterFin = false
  #isFinTold = false
  #pausedByFront = false
  #pausedByOutput = false
  #discardTimer: Timer | null = null

  constructor({ stream, tcp, certificate = null, relayed }: Channel, owner: TcpClientSocketOwner) {
    const host = (tcp.remoteAddress ?? '').replace(/^::ffff:/, '')
    this.#socket = stream
    this.#tcp = tcp
    this.#isPlain = Object.is(stream, tcp)
    this.#owner = owner
    this.ownEnd = { host, port: tcp.remotePort ?? 0 }
    // A relay's word counts for logs and rights, and never for what the kernel says of a connection (rules.md rule 5).
    this.remote = formatHostPort(relayed?.client ?? this.ownEnd)
    this.loopback = relayed === undefined ? isLoopbackHost(host) : relayed.isOfThisMachine
    this.certificateNames = certificate === null ? [] : identityNames(certificate)
    const looking = lookingBy(() => owner.look())
    this.#looking = looking
    stream.on(
      'data',
      looking((chunk: Buffer) => this.#onData(chunk)),
    )
    stream.on(
      'end',
      looking(() => this.#onEnd()),
    )
    stream.on(
      'drain',
      looking(() => this.#onDrain()),
    )
    // 'close' follows and ends the session. What went wrong matters only if it tells of a FIN.
    stream.on(
      'error',
      looking((error: Error) => this.#onError(error)),
    )
    stream.on(
      'close',
      looking(() => this.#onClose()),
    )
  }

  serve(handler: ClientProtocol): void {
    this.#handler = handler
  }

  get tableKey(): string | null {
    return tableKey(this.#tcp)
  }

  get writableLength(): number {
    return this.#socket.writableLength + this.#text.length
  }

  get handedToKernelBytes(): number {
    return this.#tcp.bytesWritten - this.#tcp.writableLength
  }

  write(text: string): void {
    if (this.#closing) return
    if (this.#text === '') this.#owner.writeSoon(this)
    this.#text += text
  }

  /** Writes what this turn has to say. False when there is nothing: the connection was closed meanwhile. */
  flush(): boolean {
    if (this.#text === '' || this.#closing) return false
    const text = this.#text
    this.#text = ''
    if (!this.#socket.write(text)) {
      // A client that does not read is not read either: its answers would only pile up here.
      this.#pausedByOutput = true
      this.#socket.pause()
    } else if (text.length >= this.#socket.writableHighWaterMark) this.#readOn()
    return true
  }

  makeWay(): void {
    this.#owner.left(this)
  }

  end(): void {
    if (this.#closing) return
    const text = this.#text
    this.#abandon()
    this.#socket.resume()
    this.#socket.end(text)
    this.#discardTimer = this.#owner.clock.after(DISCARD_INPUT_MS, () => this.#socket.destroy())
  }

  reset(): void {
    this.#abandon()
    this.#tcp.resetAndDestroy()
  }

  pause(): void {
    this.#pausedByFront = true
    if (!this.#closing) this.#socket.pause()
  }

  resume(): void {
    this.#pausedByFront = false
    this.#readOn()
  }

  /** There is no place for this client. */
  turnAway(lastWords: NeutralReply): void {
    if (!this.#closing) this.#handler?.turnAway(lastWords)
  }

  /** The kernel could not deliver for too long (rule 5): as if the peer had reset the connection. */
  giveUp(): void {
    if (!this.#closing) this.#tcp.resetAndDestroy()
  }

  // ------------------------------------------------------------------------------------------------------ input

  readSlice(): boolean {
    if (!this.#mayHandOn) return false
    const chunk = this.#unread
    if (chunk === null || this.#closing) return false
    const end = endOfSlice(chunk)
    this.#unread = end < chunk.length ? chunk.subarray(end) : null
    if (this.#opening !== null && !this.#takePlace(chunk.subarray(0, end))) return false
    this.#handler?.data(chunk.subarray(0, end))
    if (this.#unread === null) this.#allIsHandedOn()
    else if (this.#isGone && !this.#mayHandOn) this.#tellEnding()
    return this.#unread !== null && this.#mayHandOn
  }

  #takePlace(slice: Buffer): boolean {
    const opening = `${this.#opening}${slice.toString('latin1', 0, OPENING_CHARS)}`.slice(0, OPENING_CHARS)
    this.#opening = slice.includes(LF) ? null : opening
    if (this.#opening !== null || this.#owner.seated(this, RESUME_LINE.test(opening))) return true
    this.turnAway(TOO_MANY_CONNECTIONS)
    return false
  }

  /** Answers come before further requests: a client that does not take them is not served either. */
  get #mayHandOn(): boolean {
    const paused = this.#pausedByFront || this.#pausedByOutput
    return !this.#closing && !paused && this.#text.length < this.#socket.writableHighWaterMark
  }

  #onData(chunk: Buffer): void {
    if (this.#closing) return
    this.#owner.heard(this)
    this.#unread = this.#unread === null ? chunk : Buffer.concat([this.#unread, chunk])
    this.#owner.input.arrived(this)
    if (this.#unread !== null) this.#socket.pause()
  }

  #allIsHandedOn(): void {
    if (this.#finSeen || this.#isGone) this.#tellEnding()
    else if (this.#mayHandOn) this.#socket.resume()
  }

  #readOn(): void {
    if (!this.#mayHandOn) return
    if (this.#unread === null) this.#socket.resume()
    else this.#owner.input.arrived(this)
  }

  /** A reset that finds data unread is reported as an end as well; but then nothing can be written. */
  #onEnd(): void {
    if (this.#closing) return
    const written = this.#looking((error?: Error | null) => {
      if (error && !this.#tellsOfFin(error)) return
      this.#finSeen = true
      if (this.#unread === null) this.#tellEnding()
    })
    this.#tcp.write('', written)
  }

  #onError(error: Error): void {
    this.#resetAfterFin ||= this.#tellsOfFin(error)
  }

  /**
   * The kernel says what a reset was about once. Over TLS it may have said so to a write of TLS itself, which keeps it for itself
   * (a session ticket, say), and says EPIPE from then on, whether there was a FIN or not.
   */
  #tellsOfFin(error: Error): boolean {
    return this.#isPlain && hasCode(error, 'EPIPE')
  }

  #onDrain(): void {
    this.#pausedByOutput = false
    this.#readOn()
  }

  #onClose(): void {
    this.#discardTimer?.cancel()
    this.#owner.closed(this)
    this.#isGone = true
    // What came before the end still counts, unless it would have to wait for a client that is gone.
    if (this.#unread === null || !this.#mayHandOn) this.#tellEnding()
  }

  /** All that came before has been handed on. */
  #tellEnding(): void {
    if (this.#closing) return
    if (!this.#isGone) {
      this.#tellFin()
      return
    }
    this.#abandon()
    if (this.#finSeen || this.#resetAfterFin) {
      this.#tellFin()
      this.#owner.look()
    }
    this.#handler?.broken()
  }

  /** Tells the service once. */
  #tellFin(): void {
    if (this.#isFinTold) return
    this.#isFinTold = true
    this.#handler?.fin()
  }

  /** Nothing more is handed on, and nothing more is written than the closing words. */
  #abandon(): void {
    this.#closing = true
    this.#text = ''
    this.#unread = null
    this.#owner.input.forget(this)
    this.#owner.left(this)
  }
}

/** Behind so many lines, or so many bytes where lines are long. */
function endOfSlice(chunk: Buffer): number {
  const most = Math.min(chunk.length, INPUT_SLICE_MAX_BYTES)
  let end = 0
  for (let lines = 0; lines < INPUT_SLICE_MAX_LINES; lines += 1) {
    const next = chunk.indexOf(LF, end)
    if (next < 0 || next >= most) return most
    end = next + 1
  }
  return end
}
