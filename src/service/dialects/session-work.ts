/**
 * What a session's connection has asked for, and what came of it: requests are numbered and acknowledged (rule 10), proposed,
 * counted while they are under way, answered; and what the connection was told it holds is kept for rule 9.
 */
import { CommandType, type RequestId } from '../../locks/commands/commands.js'
import type { Answer, SessionView } from '../../locks/effects.js'
import type { Line } from '../../protocol/line.js'
import type { Attachment, AttachmentListener } from '../sessions/attachment.js'
import type { ConnectionContext } from './connection-context.js'
import type { DialectConnection } from './dialect.js'
import { InFlightThrottle } from './in-flight-throttle.js'
import { PendingRequests } from './pending-requests.js'
import { BUSY_TEXT, errorReply, NO_REQUEST } from './replies.js'
import { RequestIds } from './request-ids.js'
import { lackOfLevel } from './requests/level.js'
import { grantedReply, queuedReply } from './requests/lock.js'
import { type LockBody, type RequestBody, RequestError, type RequestScope } from './requests/request.js'
import { answerReply, requestFor } from './requests/table.js'
import { readId, readNumber } from './requests/values.js'

export interface SessionWorkOwner {
  /** Null when nothing may be proposed for this session here. */
  readonly serving: Attachment | null
  /** The client said `bye`. */
  bye(): void
  throttled(paused: boolean): void
}

export class SessionWork implements RequestScope {
  readonly #ids = new RequestIds()
  readonly #requests: PendingRequests
  readonly #throttle: InFlightThrottle
  /** What this connection was told it holds: tokens by name. */
  readonly #held = new Map<string, number>()
  #ackProposed = 0

  constructor(
    readonly connection: DialectConnection,
    readonly context: ConnectionContext,
    private readonly owner: SessionWorkOwner,
  ) {
    this.#requests = new PendingRequests(context.deadlines, (request) => this.#waitIsOver(request))
    this.#throttle = new InFlightThrottle((paused) => owner.throttled(paused))
  }

  /** Requests of which nothing is known yet, not even that they wait. */
  get undecided(): number {
    return this.#requests.undecided
  }

  // ------------------------------------------------------------------------------------------------ client's side

  /** One line of the client: what it acknowledges is noted, then it is carried out. */
  take(line: Line): void {
    const attachment = this.owner.serving
    if (attachment === null) return
    let id: RequestId | null = null
    try {
      id = readId(line)
      const ack = readNumber(line, 'ack', 0)
      if (!this.#ids.take(id, ack)) throw new RequestError('bad-request', 'ack: no request up to this id was made')
      attachment.ack = Math.max(attachment.ack, ack)
      const request = requestFor(line)
      const lack = lackOfLevel(request, line, this.context.state.level)
      if (lack !== null) throw new RequestError('unsupported', lack)
      request.perform(this, line, id)
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      this.connection.say(errorReply(id ?? NO_REQUEST, error.code, error.message))
    }
    this.#acknowledge()
  }

  /** An acknowledgement that no request carries is proposed by itself. */
  #acknowledge(): void {
    const attachment = this.owner.serving
    if (attachment === null || attachment.ack <= this.#ackProposed) return
    this.#ackProposed = attachment.ack
    const { attachments } = this.context
    attachments.submit(attachment, { type: CommandType.ack, ...attachments.header(attachment) })
  }

  propose(id: RequestId | null, body: RequestBody): void {
    if (!this.#isAcknowledged(id)) this.#ask(id, body, false, 0)
  }

  proposeLock(id: RequestId | null, body: LockBody): void {
    if (this.#isAcknowledged(id)) return
    this.#refuseNewWork(id)
    this.#ask(id, body, true, body.waitMs)
  }

  /** The state would drop it too, and an answer that never comes must not hold back `bye` (rule 10). */
  #isAcknowledged(id: RequestId | null): boolean {
    const ack = this.owner.serving?.ack ?? 0
    return id !== null && id <= ack && ack > 0
  }

  /** A repeated request is no new work: its lock may be held already, and its answer must be the same. */
  #refuseNewWork(id: RequestId | null): void {
    if (this.#ids.mayBeRepeat(id)) return
    if (this.context.attachments.isBusy) throw new RequestError('busy', BUSY_TEXT)
    const { maxLocksPerSession } = this.context.options
    if (this.#held.size + this.#requests.locks < maxLocksPerSession) return
    throw new RequestError('limit', `a session holds or waits for at most ${maxLocksPerSession} locks here`)
  }

  #ask(id: RequestId | null, body: RequestBody, isLock: boolean, waitMs: number): void {
    const attachment = this.owner.serving
    if (attachment === null) return
    const { attachments } = this.context
    const request = this.#ids.name(id)
    this.#ackProposed = attachment.ack
    this.#requests.ask(request, attachment.nextNumber, isLock, waitMs)
    this.#throttle.look(this.#requests.undecided)
    attachments.submit(attachment, { ...body, ...attachments.header(attachment), request })
  }

  bye(): void {
    this.owner.bye()
  }

  // ------------------------------------------------------------------------------------------ applied state's side

  /** The session came back on this connection: it goes on with what the state knows of it. */
  resumed(attachment: Attachment, view: SessionView): void {
    attachment.ack = Math.max(0, view.lowestUnacknowledged - 1)
    this.#ackProposed = attachment.ack
    for (const { name, token } of view.held) this.#held.set(name, token)
    for (const { request, waitMs } of view.queued) {
      this.#requests.ask(request, 0, true, waitMs)
      this.#requests.queued(request)
    }
    this.#ids.resumed(view)
  }

  queued(request: RequestId, name: string, position: number): void {
    this.#requests.queued(request)
    this.connection.speak(queuedReply(request, name, position))
    this.#throttle.look(this.#requests.undecided)
  }

  /** `mayClaim`: false once the end of the session is proposed, from when on nothing positive is written (rule 5). */
  answered(request: RequestId, answer: Answer, mayClaim: boolean): void {
    const { counters } = this.context
    this.#requests.settle(request)
    if (answer.kind === 'granted') {
      counters.granted()
      this.#held.set(answer.name, answer.token)
      if (mayClaim) this.connection.speak(grantedReply(request, answer))
    } else {
      if (answer.kind === 'not-granted') counters.refused()
      else if (answer.kind === 'released') this.#held.delete(answer.name)
      this.connection.say(answerReply(request, answer))
    }
    this.#throttle.look(this.#requests.undecided)
  }

  /** Rule 11: this node counts the wait; the log decides whether the grant came first. */
  #waitIsOver(target: RequestId): void {
    const attachment = this.owner.serving
    if (attachment === null) return
    const { attachments } = this.context
    this.#ackProposed = attachment.ack
    attachments.submit(attachment, { type: CommandType.waitTimeout, ...attachments.header(attachment), target })
  }

  waitLeft(request: RequestId, leftMs: number): void {
    this.#requests.shorten(request, leftMs)
  }

  lost(name: string): void {
    this.#held.delete(name)
  }

  /** Rule 9: answers that were missed are given. False if `view` cannot explain what the client was told. */
  reconcile(view: SessionView, tell: Pick<AttachmentListener, 'queued' | 'answered'>): boolean {
    const tokens = new Map(view.held.map(({ name, token }) => [name, token]))
    return this.#requests.reconcile(view, tell) && [...this.#held].every(([name, token]) => tokens.get(name) === token)
  }

  /** The connection is closed: whoever counts the waits of its requests from now on is told what is left. */
  handOn(attachment: Attachment | null): void {
    if (attachment !== null) this.context.attachments.waitsLeft(attachment, this.#requests.waitsLeft())
    this.#requests.clear()
  }
}
