/**
 * What a session's connection has asked for, and what came of it: requests are numbered and acknowledged (rule 10), proposed,
 * counted while they are under way, answered; and what the connection was told it holds is kept for rule 9.
 */
import { CommandType, EXCLUSIVE, type RequestId, type Token } from '../../locks/commands/commands.js'
import type { Answer, SessionView } from '../../locks/effects.js'
import type { Line } from '../../protocol/line.js'
import type { Caller } from '../access/caller.js'
import type { Attachment, AttachmentListener, QueuedPlace } from '../sessions/attachment.js'
import { operationOf, writeDown } from './audited.js'
import type { ConnectionContext } from './connection-context.js'
import type { DialectConnection } from './dialect.js'
import { InFlightThrottle } from './in-flight-throttle.js'
import { NO_LOCK, PendingRequests, type Subject } from './pending-requests.js'
import { BUSY_TEXT, errorReply, NO_QUORUM_TEXT, NO_REQUEST } from './replies.js'
import { RequestIds } from './request-ids.js'
import { lackOfLevel } from './requests/level.js'
import { grantedReply, queuedReply } from './requests/lock.js'
import { type AskedOf, refusalByRules } from './requests/name-rules.js'
import { type AccessNeeds, isStored, type Lack, lackOfRight } from './requests/needs.js'
import { type LockBody, type RequestBody, RequestError, type RequestScope } from './requests/request.js'
import { answerReply, requestFor } from './requests/table.js'
import { readId, readNumber } from './requests/values.js'

export interface SessionWorkOwner {
  /** Null when nothing may be proposed for this session here. */
  readonly serving: Attachment | null
  /** The client said `bye`. */
  bye(): void
  /** A read was answered. */
  readDecided(): void
  throttled(paused: boolean): void
}

export class SessionWork implements RequestScope {
  readonly #ids = new RequestIds()
  readonly #requests: PendingRequests
  readonly #throttle: InFlightThrottle
  /** What this connection was told it holds, by token; nothing of it that is not bound to the session. */
  readonly #held = new Map<Token, string>()
  #ackProposed = 0
  /** Reads that are not answered, or not wholly. */
  #reads = 0
  #isClosed = false

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
    return this.#requests.undecided + this.#reads
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
      this.#checkRight(request, line, id)
      request.perform(this, line, id)
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      this.connection.say(errorReply(id ?? NO_REQUEST, error.code, error.message))
    }
    this.#acknowledge()
  }

  /**
   * Asked anew for each line, since rights are given and taken. What the state has answered already, or has in a queue, is no
   * new work: it is answered as it was.
   */
  #checkRight({ needs }: AccessNeeds, line: Line, id: RequestId | null): void {
    if (needs === 'nothing' || (isStored(needs) && this.#ids.isKnown(id))) return
    const lack = lackOfRight(needs, line, this.context.access.policy, this.caller)
    if (lack === null) return
    this.refuseRight(line, lack)
    throw new RequestError('unauthorized', lack.text)
  }

  refuseRight({ action }: Line, { text, name }: Lack): void {
    const { caller, remote } = this.connection
    const what = name === '' ? {} : { name }
    this.context.audit.record({ caller, remote, action, ...what, result: 'refused', reason: text })
  }

  get caller(): Caller {
    return this.connection.caller
  }

  /** A watch goes on by itself, so it ends when it is not allowed any more. */
  rightsChanged(): void {
    const { access, reads } = this.context
    reads.watches.review(this.connection, ({ text, isPrefix }) => {
      const { policy } = access
      return isPrefix ? policy.refusalUnder(this.caller, 'see', text) : policy.refusal(this.caller, 'see', text)
    })
  }

  /** An acknowledgement that no request carries is proposed by itself. */
  #acknowledge(): void {
    const attachment = this.owner.serving
    if (attachment === null || attachment.ack <= this.#ackProposed) return
    this.#ackProposed = attachment.ack
    const { attachments } = this.context
    attachments.submit(attachment, { type: CommandType.ack })
  }

  propose(id: RequestId | null, body: RequestBody): void {
    if (!this.#isAcknowledged(id)) this.#ask(id, body, subjectOf(body))
  }

  proposeLock(id: RequestId | null, body: LockBody): void {
    if (this.#isAcknowledged(id)) return
    const subject = subjectOf(body)
    if (!this.#ids.isKnown(id)) this.#refuseTerms(body)
    this.#refuseNewWork(id, subject)
    this.#ask(id, body, subject)
  }

  /** The state would drop it too, and an answer that never comes must not hold back `bye` (rule 10). */
  #isAcknowledged(id: RequestId | null): boolean {
    const ack = this.owner.serving?.ack ?? 0
    return id !== null && id <= ack && ack > 0
  }

  #refuseTerms(body: LockBody): void {
    const refusal = refusalByRules(this.context, this.connection, body.type === CommandType.ask ? body : plainAsk(body))
    if (refusal === null) return
    if (refusal.code === 'limit') this.context.counters.failed(subjectOf(body).name, 'limit')
    throw new RequestError(refusal.code, refusal.text)
  }

  /** A repeated request is no new work: its lock may be held already, and its answer must be the same. */
  #refuseNewWork(id: RequestId | null, { name, names }: Subject): void {
    if (this.#ids.mayBeRepeat(id)) return
    const { attachments, counters, options } = this.context
    if (attachments.isBusy) {
      counters.failed(name, 'busy')
      throw new RequestError('busy', BUSY_TEXT)
    }
    const { maxLocksPerSession } = options
    if (this.#held.size + this.#requests.locks + names <= maxLocksPerSession) return
    counters.failed(name, 'limit')
    throw new RequestError('limit', `a session holds or waits for at most ${maxLocksPerSession} locks here`)
  }

  #ask(id: RequestId | null, body: RequestBody, subject: Subject): void {
    const attachment = this.owner.serving
    if (attachment === null) return
    const { attachments } = this.context
    const request = this.#ids.name(id)
    this.#ackProposed = attachment.ack
    this.#requests.ask(request, attachment.nextNumber, subject)
    this.#throttle.look(this.undecided)
    attachments.submit(attachment, Object.assign(body, { request }))
  }

  read(id: RequestId | null, answer: () => void, unconfirmed?: () => void): void {
    const { reads } = this.context
    this.#read((done) => reads.confirmPaced(done), id, answer, unconfirmed)
  }

  lookUp(id: RequestId | null, answer: () => void): void {
    const { reads } = this.context
    this.#read((done) => reads.confirm(done), id, answer)
  }

  #read(
    confirm: (done: (isConfirmed: boolean) => void) => void,
    id: RequestId | null,
    answer: () => void,
    unconfirmed?: () => void,
  ): void {
    const done = this.goesOn()
    confirm((isConfirmed) => {
      if (this.#isClosed) return
      if (isConfirmed) answer()
      else {
        this.connection.say(errorReply(id ?? NO_REQUEST, 'no-quorum', NO_QUORUM_TEXT))
        unconfirmed?.()
      }
      done()
    })
  }

  goesOn(): () => void {
    this.#reads += 1
    this.#throttle.look(this.undecided)
    return () => {
      this.#reads -= 1
      if (this.#isClosed) return
      this.#throttle.look(this.undecided)
      this.owner.readDecided()
    }
  }

  nameRead(id: RequestId | null): RequestId {
    return id ?? this.#ids.nextUnnamed()
  }

  bye(): void {
    this.owner.bye()
  }

  // ------------------------------------------------------------------------------------------ applied state's side

  /** The session came back on this connection: it goes on with what the state knows of it. */
  resumed(attachment: Attachment, view: SessionView): void {
    attachment.ack = Math.max(0, view.lowestUnacknowledged - 1)
    this.#ackProposed = attachment.ack
    for (const { name, token } of view.held) this.#held.set(token, name)
    for (const { request, waitMs, names } of view.queued) {
      this.#requests.ask(request, 0, { ...NO_LOCK, names, waitMs })
      this.#requests.queued(request)
    }
    this.#ids.resumed(view)
  }

  queued(request: RequestId, place: QueuedPlace): void {
    this.#requests.queued(request)
    this.connection.speak(queuedReply(request, place))
    this.#throttle.look(this.undecided)
  }

  /** `mayClaim`: false once the end of the session is proposed, from when on nothing positive is written (rule 5). */
  answered(request: RequestId, answer: Answer, mayClaim: boolean): void {
    const { counters } = this.context
    const subject = this.#requests.settle(request)
    writeDown(this.context.audit, this.connection, subject?.operation ?? null, answer)
    if (answer.kind === 'granted') {
      for (const { name, token, ended } of answer.grants) {
        counters.granted()
        if (ended === null && subject?.loose !== true) this.#held.set(token, name)
      }
      if (mayClaim) this.connection.speak(grantedReply(request, answer))
    } else {
      if (answer.kind === 'not-granted') counters.refused(answer.name, answer)
      else if (answer.kind === 'released') this.#released(answer.name, subject?.token ?? 0)
      else if (subject !== undefined && subject.names > 0) counters.failed(subject.name, answer)
      this.connection.say(answerReply(request, answer, (name) => this.#sees(name)))
    }
    this.#throttle.look(this.undecided)
  }

  #sees(name: string): boolean {
    return this.context.access.policy.refusal(this.caller, 'see', name) === null
  }

  /** Rule 11: this node counts the wait; the log decides whether the grant came first. */
  #waitIsOver(target: RequestId): void {
    const attachment = this.owner.serving
    if (attachment === null) return
    const { attachments } = this.context
    this.#ackProposed = attachment.ack
    attachments.submit(attachment, { type: CommandType.waitTimeout, target })
  }

  waitLeft(request: RequestId, leftMs: number): void {
    this.#requests.shorten(request, leftMs)
  }

  lost(token: Token): void {
    this.#held.delete(token)
  }

  /** Without a token it was the only hold of this name. */
  #released(name: string, token: Token): void {
    if (token !== 0) this.#held.delete(token)
    else for (const [held, its] of this.#held) if (its === name) this.#held.delete(held)
  }

  /**
   * Rule 9: losses and answers that were missed are told, losses first (rule 12). False if `view` cannot explain what the
   * client was told.
   */
  reconcile(view: SessionView, tell: Pick<AttachmentListener, 'queued' | 'answered' | 'lost'>): boolean {
    for (const { name, token, reason } of view.ending) if (this.#held.has(token)) tell.lost(name, token, reason)
    if (!this.#requests.reconcile(view, tell)) return false
    const tokens = new Set(view.held.map(({ token }) => token))
    return [...this.#held.keys()].every((token) => tokens.has(token))
  }

  /** The connection is closed: whoever counts the waits of its requests from now on is told what is left. */
  handOn(attachment: Attachment | null): void {
    if (attachment !== null) this.context.attachments.waitsLeft(attachment, this.#requests.waitsLeft())
    this.#requests.clear()
    this.#isClosed = true
    this.context.reads.forget(this.connection)
  }
}

/** What `lock` of a cluster of level 1 asks for. */
function plainAsk({ name, waitMs, meta, delayMs }: Extract<LockBody, { readonly name: string }>): AskedOf {
  return { asks: [{ name, amount: EXCLUSIVE, limit: 0 }], ttlMs: 0, minHoldMs: 0, delayMs, meta, waitMs }
}

/** What the node must know of a request when its answer comes. */
function subjectOf(body: RequestBody): Subject {
  switch (body.type) {
    case CommandType.ask:
      return {
        name: body.asks[0]?.name ?? '',
        names: body.asks.length,
        waitMs: body.waitMs,
        loose: body.loose,
        token: 0,
        operation: null,
      }
    case CommandType.lock:
      return { ...NO_LOCK, name: body.name, names: 1, waitMs: body.waitMs }
    case CommandType.release:
      return { ...NO_LOCK, token: body.token }
    default: {
      const operation = operationOf(body)
      return operation === null ? NO_LOCK : { ...NO_LOCK, operation }
    }
  }
}
