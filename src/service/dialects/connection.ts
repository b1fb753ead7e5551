/** One client connection: it cuts lines, lets the first line choose the dialect, and is the only way to write to the client. */
import type { HostPort } from '../../address.js'
import { EncodingError } from '../../bytes/writer.js'
import { SESSION_LINE_MAX_BYTES } from '../../protocol/limits.js'
import type { Line } from '../../protocol/line.js'
import { type LineReceiver, LineSplitter } from '../../protocol/line-splitter.js'
import type { NeutralReply, PositiveReply } from '../../protocol/replies.js'
import { ClassicDialect } from './classic.js'
import type { ClientSocket, ConnectionContext } from './connection-context.js'
import { SessionDialect } from './session.js'
import { Word } from './words.js'

/** Events of a socket. `service.turn()` comes before each. */
export interface ClientProtocol {
  data(chunk: Uint8Array): void
  /** The client's FIN, after all its data. */
  fin(): void
  /** RST, keepalive failure, or any other end without a FIN. */
  broken(): void
  /** There is no place for this connection, which has asked for nothing yet. */
  turnAway(lastWords: NeutralReply): void
}

export interface Dialect {
  /** True for a classic connection that holds a lock: it is closed first when the right to speak ends (rule 2). */
  readonly holds: boolean
  /** Any bytes arrived: a sign of life. */
  heard(): void
  line(line: Line): void
  malformed(): void
  /** Something is wrong with what the client sent: the connection is closed with these words. */
  refuse(lastWords: NeutralReply): void
  fin(): void
  broken(): void
  jeopardy(remainingMs: number): void
  safe(): void
  /** This node goes down in good order; the connection is closed afterwards. */
  moved(address: string | null): void
  /** The connection is closed, by whomever: stop timers. Told once. */
  closed(): void
}

export class Connection implements ClientProtocol, LineReceiver {
  #dialect: Dialect | null = null
  readonly #splitter: LineSplitter
  #open = true
  #finSeen = false
  #paused = false

  constructor(
    private readonly socket: ClientSocket,
    private readonly context: ConnectionContext,
  ) {
    this.#splitter = new LineSplitter(context.options.maxLineBytes, this)
  }

  get isOpen(): boolean {
    return this.#open
  }
  get dialect(): Dialect | null {
    return this.#dialect
  }
  get remote(): string {
    return this.socket.remote
  }
  get loopback(): boolean {
    return this.socket.loopback
  }
  get ownEnd(): HostPort {
    return this.socket.ownEnd
  }

  // ------------------------------------------------------------------------------------------ from the socket

  data(chunk: Uint8Array): void {
    if (!this.#open || this.#finSeen) return
    this.#dialect?.heard()
    this.#splitter.push(chunk)
  }

  /** Rule 5: a FIN counts only if the node has not begun to close the connection itself. */
  fin(): void {
    if (!this.#open || this.#finSeen) return
    this.#finSeen = true
    if (this.#dialect === null) this.close()
    else this.#dialect.fin()
  }

  broken(): void {
    if (!this.#open) return
    this.#shut()
    this.socket.reset()
    this.#dialect?.broken()
  }

  line(line: Line): void {
    this.context.counters.requests++
    if (this.#dialect === null) this.#dialect = this.#choose(line)
    const dialect = this.#dialect
    this.guard(() => dialect.line(line))
  }

  malformed(): void {
    if (this.#dialect === null) this.close(Word.badRequest)
    else this.#dialect.malformed()
  }

  tooLong(): void {
    if (this.#dialect === null) this.close(Word.lineTooLong)
    else this.#dialect.refuse(Word.lineTooLong)
  }

  /**
   * A value that passed all checks and still has no form in the log is this client's trouble, not the node's: its connection
   * is closed, and nothing of the line has happened.
   */
  guard(carryOut: () => void): void {
    try {
      carryOut()
    } catch (error) {
      if (!(error instanceof EncodingError)) throw error
      this.#dialect?.refuse(Word.unusable)
    }
  }

  #choose(line: Line): Dialect {
    const session = line.action === 'hello' || line.action === 'resume'
    return session ? new SessionDialect(this, this.context) : new ClassicDialect(this, this.context)
  }

  // -------------------------------------------------------------------------------------------- to the client

  /**
   * Rule 2's choke point: a reply that claims something passes here and nowhere else, as its type sees to, and is written
   * only within the right to speak. False when it was not: then this connection is closed already.
   */
  speak(reply: PositiveReply): boolean {
    if (!this.#open || !this.context.maySpeak()) return false
    this.socket.write(reply)
    return true
  }

  /** Words that claim nothing. */
  say(reply: NeutralReply): void {
    if (this.#open) this.socket.write(reply)
  }

  turnAway(lastWords: NeutralReply): void {
    this.close(lastWords)
  }

  /** Closes so that the last words arrive. */
  close(lastWords?: NeutralReply): void {
    if (!this.#open) return
    if (lastWords !== undefined) this.socket.write(lastWords)
    this.#shut()
    this.socket.end()
  }

  /** Rule 2: the right to speak has ended. What was written and is not sent yet must not be sent late. */
  cut(): void {
    if (!this.#open) return
    this.#shut()
    if (this.socket.writableLength > 0) this.socket.reset()
    else this.socket.end()
  }

  #shut(): void {
    this.#open = false
    this.#splitter.stop()
    this.#dialect?.closed()
    this.context.forget(this)
  }

  /** A session's lines may be longer (protocol.md, Lines), from `welcome` or `ready` on. */
  allowLongLines(): void {
    this.#splitter.maxLineBytes = Math.max(this.context.options.maxLineBytes, SESSION_LINE_MAX_BYTES)
  }

  /** Stops reading while too much waits for its turn. */
  throttle(paused: boolean): void {
    if (paused === this.#paused || !this.#open) return
    this.#paused = paused
    if (paused) this.socket.pause()
    else this.socket.resume()
  }
}
