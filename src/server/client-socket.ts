import type { Socket } from 'node:net'
import { formatHostPort, type HostPort, isLoopbackHost } from '../address.js'
import type { Clock, Timer } from '../raft/node/interfaces.js'
import type { ClientConnection, ConnectionHandler } from './front.js'
import { DISCARD_INPUT_MS } from './limits.js'
import { hasCode } from './listen.js'
import type { WatchedConnection } from './send-queue-watch.js'
import { tableKey } from './tcp-table.js'

/** What a connection needs of the port that accepted it. */
export interface ClientSocketOwner {
  readonly clock: Clock
  /** Called before anything else in every callback of a socket (engine.md §4 rule 7). */
  turn(): void
  /** The connection has text to write at the end of this turn. */
  writeSoon(socket: ClientSocket): void
  /** A line, or part of one, arrived. */
  heard(socket: ClientSocket): void
  closed(socket: ClientSocket): void
}

/** One client's TCP connection as the front sees it. Once the node closes it, the front hears nothing more of it. */
export class ClientSocket implements ClientConnection, WatchedConnection {
  readonly remote: string
  readonly loopback: boolean
  readonly ownEnd: HostPort
  readonly tableKey: string | null
  #handler: ConnectionHandler | null = null
  readonly #socket: Socket
  readonly #owner: ClientSocketOwner
  /** What was written in this turn. */
  #text = ''
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

  constructor(socket: Socket, owner: ClientSocketOwner) {
    const host = (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
    this.#socket = socket
    this.#owner = owner
    this.ownEnd = { host, port: socket.remotePort ?? 0 }
    this.remote = formatHostPort(this.ownEnd)
    this.loopback = isLoopbackHost(host)
    this.tableKey = tableKey(socket)
    socket.on('data', (chunk) => this.#onData(chunk))
    socket.on('end', () => this.#onEnd())
    socket.on('drain', () => this.#onDrain())
    // 'close' follows and ends the session. What went wrong matters only if it tells of a FIN.
    socket.on('error', (error) => {
      this.#resetAfterFin ||= hasCode(error, 'EPIPE')
    })
    socket.on('close', () => this.#onClose())
  }

  serve(handler: ConnectionHandler): void {
    this.#handler = handler
  }

  get writableLength(): number {
    return this.#socket.writableLength + this.#text.length
  }

  get handedToKernelBytes(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength
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
    }
    return true
  }

  end(): void {
    if (this.#closing) return
    const text = this.#text
    this.#text = ''
    this.#closing = true
    this.#socket.resume()
    this.#socket.end(text)
    this.#discardTimer = this.#owner.clock.after(DISCARD_INPUT_MS, () => this.#socket.destroy())
  }

  reset(): void {
    this.#closing = true
    this.#text = ''
    this.#socket.resetAndDestroy()
  }

  pause(): void {
    this.#pausedByFront = true
    if (!this.#closing) this.#socket.pause()
  }

  resume(): void {
    this.#pausedByFront = false
    this.#readOn()
  }

  /** The kernel could not deliver for too long (rule 5): as if the peer had reset the connection. */
  giveUp(): void {
    if (!this.#closing) this.#socket.resetAndDestroy()
  }

  #onData(chunk: Buffer): void {
    this.#owner.turn()
    if (this.#closing) return
    this.#owner.heard(this)
    this.#handler?.data(chunk)
  }

  /** A reset that finds data unread is reported as an end as well; but then nothing can be written any more. */
  #onEnd(): void {
    if (this.#closing) return
    this.#socket.write('', (error) => {
      if (error && !hasCode(error, 'EPIPE')) return
      this.#owner.turn()
      if (!this.#closing) this.#fin()
    })
  }

  /** Tells the front once. */
  #fin(): void {
    if (this.#isFinTold) return
    this.#isFinTold = true
    this.#handler?.fin()
  }

  #onDrain(): void {
    this.#owner.turn()
    this.#pausedByOutput = false
    this.#readOn()
  }

  #onClose(): void {
    this.#owner.turn()
    this.#discardTimer?.cancel()
    this.#owner.closed(this)
    if (this.#closing) return
    this.#closing = true
    if (this.#resetAfterFin) {
      this.#fin()
      this.#owner.turn()
    }
    this.#handler?.broken()
  }

  #readOn(): void {
    if (!this.#closing && !this.#pausedByFront && !this.#pausedByOutput) this.#socket.resume()
  }
}
