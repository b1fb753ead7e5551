/** One client connection: it cuts lines, lets the first line choose the dialect, and is the only way to write to the client. */
import type { HostPort } from '../../address.js'
import { EncodingError } from '../../bytes/writer.js'
import { SESSION_LINE_MAX_BYTES } from '../../protocol/limits.js'
import type { Line } from '../../protocol/line.js'
import { LineSplitter } from '../../protocol/line-splitter.js'
import type { NeutralReply, PositiveReply } from '../../protocol/replies.js'
import { type Caller, nobody } from '../access/caller.js'
import { WRONG_TOKEN_TEXT } from '../access/policy.js'
import { ClassicDialect } from './classic.js'
import type { ClientProtocol, ClientSocket } from './client-socket.js'
import type { ConnectionContext } from './connection-context.js'
import type { Dialect, DialectConnection } from './dialect.js'
import { RefusedDialect } from './refused.js'
import { BAD_REQUEST, CLASSIC_UNAUTHORIZED, errorReply, LINE_TOO_LONG, NO_REQUEST, UNUSABLE } from './replies.js'
import { FIRST_REQUESTS } from './requests/classic/table.js'
import { opensSession } from './requests/table.js'
import { SessionDialect } from './session.js'

export interface ConnectionOwner {
  /** The connection holds a lock that is lost with it, or does so no longer. */
  holding(connection: Connection, holds: boolean): void
  /** The connection's socket is given up: nothing more will be heard or said. */
  closed(connection: Connection): void
}

export class Connection implements ClientProtocol, DialectConnection {
  #dialect: Dialect | null = null
  readonly #splitter: LineSplitter
  #open = true
  #finSeen = false
  #paused = false
  #caller: Caller

  constructor(
    private readonly socket: ClientSocket,
    private readonly context: ConnectionContext,
    private readonly owner: ConnectionOwner,
  ) {
    this.#splitter = new LineSplitter(context.options.maxLineBytes)
    this.#caller = nobody(socket.loopback)
  }

  get dialect(): Dialect | null {
    return this.#dialect
  }
  get caller(): Caller {
    return this.#caller
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
  get certificateNames(): readonly string[] {
    return this.socket.certificateNames
  }
  get unsentBytes(): number {
    return this.socket.writableLength
  }

  // ------------------------------------------------------------------------------------------ from the socket

  data(chunk: Uint8Array): void {
    if (!this.#open || this.#finSeen) return
    this.#dialect?.heard()
    for (const cut of this.#splitter.cut(chunk)) {
      if (cut === 'malformed') this.#malformed()
      else if (cut === 'too long') this.#tooLong()
      else this.#line(cut)
    }
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

  #line(line: Line): void {
    this.context.counters.requested()
    if (this.#dialect === null) this.#dialect = this.#choose(line)
    const dialect = this.#dialect
    this.guard(() => dialect.line(line))
  }

  #malformed(): void {
    if (this.#dialect === null) this.close(BAD_REQUEST)
    else this.#dialect.malformed()
  }

  #tooLong(): void {
    if (this.#dialect === null) this.close(LINE_TOO_LONG)
    else this.#dialect.refuse(LINE_TOO_LONG)
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
      this.#dialect?.refuse(UNUSABLE)
    }
  }

  #choose(line: Line): Dialect {
    const isSession = opensSession(line)
    if (isSession || (FIRST_REQUESTS.get(line.action)?.needs ?? 'nothing') !== 'nothing') {
      const { certificateNames, loopback: isLocal } = this.socket
      const caller = this.context.access.policy.identify({ token: line.get('auth'), certificateNames, isLocal })
      if (caller === null) return this.#refuseToken(line, isSession)
      this.#caller = caller
    }
    return isSession ? new SessionDialect(this, this.context) : new ClassicDialect(this, this.context)
  }

  #refuseToken({ action }: Line, isSession: boolean): Dialect {
    const { context, remote } = this
    context.log('warn', 'a client showed a token that is nobody’s', { remote, action })
    context.audit.record({ caller: this.#caller, remote, action, result: 'refused', reason: WRONG_TOKEN_TEXT })
    // Whoever shows many of them keeps out nobody who has a token.
    this.socket.makeWay()
    const words = isSession ? errorReply(NO_REQUEST, 'unauthorized', WRONG_TOKEN_TEXT) : CLASSIC_UNAUTHORIZED
    return new RefusedDialect(this, context, words)
  }

  /** Another policy is in force. */
  rightsChanged(): void {
    if (this.context.access.policy.isStill(this.#caller)) this.#dialect?.rightsChanged()
    else this.#dialect?.revoked()
  }

  // -------------------------------------------------------------------------------------------- to the client

  /**
   * Rule 2's choke point: a reply that claims something passes here and nowhere else, as its type sees to, and is written
   * only within the right to speak. False when it was not: then this connection is closed already.
   */
  speak(reply: PositiveReply): boolean {
    if (!this.#open || !this.context.right.maySpeak()) return false
    this.socket.write(reply)
    return true
  }

  say(reply: NeutralReply): void {
    if (this.#open) this.socket.write(reply)
  }

  turnAway(lastWords: NeutralReply): void {
    this.close(lastWords)
  }

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
    this.owner.closed(this)
  }

  holding(holds: boolean): void {
    this.owner.holding(this, holds)
  }

  allowLongLines(): void {
    this.#splitter.maxLineBytes = Math.max(this.context.options.maxLineBytes, SESSION_LINE_MAX_BYTES)
  }

  throttle(paused: boolean): void {
    if (paused === this.#paused || !this.#open) return
    this.#paused = paused
    if (paused) this.socket.pause()
    else this.socket.resume()
  }
}
