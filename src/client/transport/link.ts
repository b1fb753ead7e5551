/** One TCP connection to a node, as lines. It is left by reset or, when everything is released, by a FIN (rules.md rule 5). */
import { formatHostPort, type HostPort } from '../../address.js'
import { ANSWER_LINE_MAX_BYTES } from '../../protocol/limits.js'
import { type Line, parseAnswer } from '../../protocol/line.js'
import { type LineReceiver, LineSplitter } from '../../protocol/line-splitter.js'
import { FINISH_TIMEOUT_MS } from '../limits.js'
import { connectSocket, type LinkSocket } from './link-socket.js'

export interface LinkConsumer {
  line(line: Line): void
  /** The other side closed, or the connection broke. Not called after `reset`. */
  closed(reason: string): void
}

/** Connecting or waiting for an answer failed. `refused`: nothing listens there. */
export class LinkError extends Error {
  override readonly name = 'LinkError'
  readonly code = 'TNL_LINK'
  constructor(
    message: string,
    readonly refused = false,
  ) {
    super(message)
  }
}

export class Link {
  static readonly CONNECT_TIMEOUT = 'no connection in time'
  readonly address: string
  /** Where the connection leads: the number, if `address` was a name. */
  readonly remote: HostPort
  readonly #unread: Line[] = []
  #consumer: LinkConsumer | null = null
  /** Why nothing more comes or goes: the other side, or this one. */
  #closedReason: string | null = null

  private constructor(
    /** The TCP connection: what resets, and what another process may get a copy of. */
    readonly tcp: LinkSocket,
    /** Where bytes are written and read. The same socket, until TLS is a layer above it. */
    private readonly stream: LinkSocket,
    address: HostPort,
  ) {
    this.address = formatHostPort(address)
    this.remote = { host: tcp.remoteAddress ?? address.host, port: address.port }
    const receiver: LineReceiver = {
      line: (line) => this.#arrived(line),
      // Whoever sends such a thing speaks another protocol, and what else it says cannot be believed.
      malformed: () => this.#ended('the server sent a malformed line'),
      tooLong: () => this.#ended('a line of the server is too long'),
    }
    const splitter = new LineSplitter(ANSWER_LINE_MAX_BYTES, receiver, parseAnswer)
    stream.on('data', (chunk: Uint8Array) => splitter.push(chunk))
    stream.on('end', () => this.#ended('closed by the server'))
    stream.on('error', (error) => this.#ended(error.message))
    stream.on('close', () => this.#ended('closed'))
  }

  /** Rejects with LinkError when `address` does not accept the connection within `timeoutMs`, or when `signal` aborts. */
  static dial(address: HostPort, timeoutMs: number, signal: AbortSignal, connect = connectSocket): Promise<Link> {
    return new Promise((resolve, reject) => {
      const socket = connect(address)
      const settle = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', aborted)
        socket.off('error', failed)
        socket.off('connect', connected)
      }
      const fail = (error: LinkError): void => {
        settle()
        socket.on('error', () => {})
        socket.destroy()
        reject(error)
      }
      const failed = (error: NodeJS.ErrnoException): void =>
        fail(new LinkError(error.message, error.code === 'ECONNREFUSED'))
      const aborted = (): void => fail(new LinkError('given up'))
      const connected = (): void => {
        settle()
        resolve(new Link(socket, socket, address))
      }
      const timer = setTimeout(() => fail(new LinkError(Link.CONNECT_TIMEOUT)), timeoutMs)
      socket.on('error', failed)
      socket.on('connect', connected)
      if (signal.aborted) aborted()
      else signal.addEventListener('abort', aborted)
    })
  }

  /** This end of the connection as a node may compare it with what it sees; `unknown` once it is closed. */
  get from(): string {
    const { localAddress, localPort } = this.tcp
    if (localAddress === undefined || localPort === undefined) return 'unknown'
    // A zone means something on this machine only.
    return formatHostPort({ host: localAddress.replace(/%.*$/, ''), port: localPort })
  }

  send(text: string): void {
    if (this.#closedReason === null) this.stream.write(text)
  }

  /** The next line, while nothing is attached yet. Rejects with LinkError after `timeoutMs`, on the end, or on `signal`. */
  nextLine(timeoutMs: number, signal: AbortSignal): Promise<Line> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', aborted)
        this.#consumer = null
      }
      const closed = (reason: string): void => {
        settle()
        reject(new LinkError(reason))
      }
      const aborted = (): void => closed('given up')
      const timer = setTimeout(() => closed('no answer in time'), timeoutMs)
      signal.addEventListener('abort', aborted)
      const line = (line: Line): void => {
        settle()
        resolve(line)
      }
      if (signal.aborted) aborted()
      else this.attach({ line, closed })
    })
  }

  /** Everything unread and everything that comes goes to `consumer`, as long as it stays attached. */
  attach(consumer: LinkConsumer): void {
    this.#consumer = consumer
    while (this.#consumer !== null) {
      const line = this.#unread.shift()
      if (line === undefined) break
      this.#consumer.line(line)
    }
    if (this.#closedReason !== null && this.#consumer === consumer) this.#tellClosed(this.#closedReason)
  }

  /** Leaves by RST: the session stays resumable, and what the node wrote meanwhile does not matter. */
  reset(): void {
    this.#consumer = null
    this.#closedReason ??= 'reset'
    this.tcp.resetAndDestroy()
  }

  /** Left without a word: nothing more is sent or heard, but the connection itself stays until `reset`. */
  silence(): void {
    this.#consumer = null
    this.#closedReason ??= 'left'
    this.#unread.length = 0
    this.stream.resume()
  }

  /** Ends with a FIN. Only when nothing is held on this connection. */
  finish(): void {
    this.#consumer = null
    this.#closedReason ??= 'finished'
    this.stream.end()
    this.stream.resume()
    this.stream.once('end', () => this.stream.destroy())
    if (this.stream.readableEnded) this.stream.destroy()
    else this.stream.setTimeout(FINISH_TIMEOUT_MS, () => this.stream.destroy())
  }

  #arrived(line: Line): void {
    if (this.#consumer !== null) this.#consumer.line(line)
    // Once the connection is given up nobody will ask for what still comes.
    else if (this.#closedReason === null) this.#unread.push(line)
  }

  #ended(reason: string): void {
    if (this.#closedReason !== null) return
    this.#closedReason = reason
    if (this.#unread.length === 0) this.#tellClosed(reason)
  }

  #tellClosed(reason: string): void {
    const consumer = this.#consumer
    this.#consumer = null
    consumer?.closed(reason)
  }
}
