/** One TCP connection to a node, as lines. It is left by reset or, when everything is released, by a FIN (rules.md rule 5). */
import { formatHostPort } from '../../address.js'
import { ANSWER_LINE_MAX_BYTES } from '../../protocol/limits.js'
import { type Line, parseAnswer } from '../../protocol/line.js'
import { LineSplitter } from '../../protocol/line-splitter.js'
import { FINISH_TIMEOUT_MS } from '../limits.js'
import { CLOSED_WITHOUT_A_WORD, explainTls, TlsFailure } from '../security/secure-stream.js'
import { type Connect, connectPlain, type DialAddress, type LinkChannel, type LinkSocket } from './link-socket.js'

export interface LinkConsumer {
  line(line: Line): void
  /** The other side closed, or the connection broke. Not called after `reset`. */
  closed(reason: string): void
}

/**
 * What another try would meet as well: `refused`, nothing listens there; `tls`, it cannot prove who it is; `insecure`, the token is not
 * sent there; `unauthorized`, it knows this client and refuses it.
 */
export type Trouble = 'refused' | 'tls' | 'insecure' | 'unauthorized'

/** Connecting or waiting for an answer failed. */
export class LinkError extends Error {
  override readonly name = 'LinkError'
  readonly code = 'TNL_LINK'
  constructor(
    message: string,
    readonly trouble: Trouble | null = null,
  ) {
    super(message)
  }
}

/** The first bytes of what a server says that speaks TLS and was spoken to in plain text: an alert. */
const TLS_ALERT: readonly number[] = [0x15, 0x03]

export class Link {
  static readonly CONNECT_TIMEOUT = 'no connection in time'
  readonly address: string
  /** Where the connection leads: the number, and the name that it was looked up from. */
  readonly remote: DialAddress
  /** What is said on it nobody else reads, and whoever is at the other end has proved that the address is its own. */
  readonly isSecure: boolean
  /** The TCP connection: what resets, and what another process may get a copy of. */
  readonly tcp: LinkSocket
  /** Where bytes are written and read. */
  private readonly stream: LinkSocket
  readonly #unread: Line[] = []
  #consumer: LinkConsumer | null = null
  /** Why nothing more comes or goes: the other side, or this one. */
  #closedReason: string | null = null

  private constructor({ tcp, stream, isSecure }: LinkChannel, address: DialAddress) {
    this.tcp = tcp
    this.stream = stream
    this.isSecure = isSecure
    this.address = formatHostPort(address)
    const { host, port, name = host } = address
    this.remote = { host: tcp.remoteAddress ?? host, port, name }
    const splitter = new LineSplitter(ANSWER_LINE_MAX_BYTES, parseAnswer)
    let isFirst = !isSecure
    stream.on('data', (chunk: Uint8Array) => {
      if (isFirst && TLS_ALERT.every((byte, at) => chunk[at] === byte)) this.#ended('the server speaks TLS')
      isFirst = false
      for (const cut of splitter.cut(chunk)) {
        // Whoever sends such a thing speaks another protocol, and what else it says cannot be believed.
        if (cut === 'malformed') this.#ended('the server sent a malformed line')
        else if (cut === 'too long') this.#ended('a line of the server is too long')
        else this.#arrived(cut)
      }
    })
    stream.on('end', () => this.#ended(isFirst ? CLOSED_WITHOUT_A_WORD : 'closed by the server'))
    stream.on('error', (error) => this.#ended(isSecure ? explainTls(error).message : error.message))
    stream.on('close', () => this.#ended('closed'))
  }

  /** Rejects with LinkError when `address` does not accept the connection within `timeoutMs`, or when `signal` aborts. */
  static dial(
    address: DialAddress,
    timeoutMs: number,
    signal: AbortSignal,
    connect: Connect = connectPlain,
  ): Promise<Link> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', aborted)
      }
      const fail = (error: LinkError): void => {
        settle()
        reject(error)
      }
      const giveUp = connect(address, {
        opened: (channel) => {
          settle()
          resolve(new Link(channel, address))
        },
        failed: (error) => fail(new LinkError(error.message, troubleOf(error))),
      })
      const aborted = (): void => {
        giveUp()
        fail(new LinkError('given up'))
      }
      const timer = setTimeout(() => {
        giveUp()
        fail(new LinkError(Link.CONNECT_TIMEOUT))
      }, timeoutMs)
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

/** What another thread tells of an error is its code and its words. */
function troubleOf({ code, name }: NodeJS.ErrnoException): Trouble | null {
  if (code === 'ECONNREFUSED') return 'refused'
  return name === TlsFailure.NAME ? 'tls' : null
}
