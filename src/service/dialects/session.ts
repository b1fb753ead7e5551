/**
 * The session dialect (docs/protocol.md): one connection, many locks, requests pipelined. The session outlives its connection;
 * what a connection may still be told after it was given up is nothing.
 */
import { CommandType, type RequestId } from '../../locks/commands/commands.js'
import type { Answer, SessionView } from '../../locks/effects.js'
import type { ErrorCode } from '../../protocol/error-codes.js'
import type { Line } from '../../protocol/line.js'
import { joined, type NeutralReply, neutral, type PositiveReply, positive } from '../../protocol/replies.js'
import { SESSION_IN_FLIGHT_MAX_COMMANDS } from '../limits.js'
import type { Attachment, AttachmentListener, DetachReason, OpeningRefusal } from '../sessions/attachment.js'
import { type ConnectionEnd, Parting, type Told } from '../sessions/parting.js'
import { SilenceWatch } from '../sessions/silence-watch.js'
import { Backlog } from './backlog.js'
import type { Connection, Dialect } from './connection.js'
import type { ConnectionContext } from './connection-context.js'
import { NO_QUORUM, openingRefusal } from './opening-refusal.js'
import { PendingRequests } from './pending-requests.js'
import { RequestIds } from './request-ids.js'
import {
  BUSY_TEXT,
  formatAnswer,
  formatError,
  formatGrant,
  formatHoldings,
  formatJeopardy,
  formatLost,
  formatMoved,
  formatQueued,
  formatRefusal,
  formatWelcome,
  NO_REQUEST,
} from './session-replies.js'
import { RequestError, readId, readNumber, readOpening, readRequest, refuseActionToCome } from './session-requests.js'
import { Word } from './words.js'

type Phase = 'fresh' | 'opening' | 'resuming' | 'open' | 'leaving' | 'closed'

export class SessionDialect implements Dialect, AttachmentListener {
  readonly holds = false
  #phase: Phase = 'fresh'
  #attachment: Attachment | null = null
  #secret = ''
  #leaseMs = 0
  readonly #silence: SilenceWatch
  readonly #parting = new Parting()
  /** The client said `bye` or FIN: the session leaves once all that was asked before is decided. */
  #isParting = false
  #ackProposed = 0
  readonly #ids = new RequestIds()
  readonly #requests: PendingRequests
  #throttled = false
  /** What this connection was told it holds. */
  readonly #held = new Map<string, number>()
  /** What follows `resume` before it is answered. */
  readonly #backlog: Backlog

  constructor(
    private readonly connection: Connection,
    private readonly context: ConnectionContext,
  ) {
    const { clock, deadlines } = context
    this.#backlog = new Backlog(connection, this)
    this.#requests = new PendingRequests(deadlines, (request) => this.#waitIsOver(request))
    this.#silence = new SilenceWatch(clock, deadlines, () => this.#closeBy('break'))
  }

  // ------------------------------------------------------------------------------------------------ client's side

  heard(): void {
    this.#silence.heard()
  }

  line(line: Line): void {
    if (this.#isParting) return
    if (this.#phase === 'open') this.#request(line)
    else if (this.#phase === 'fresh') this.#first(line)
    else if (this.#phase === 'opening') this.#tooEarly(line)
    else if (this.#phase === 'resuming') this.#later(line)
  }

  malformed(): void {
    if (this.#phase === 'resuming') this.#later(null)
    else if (this.#phase === 'open') this.#error(NO_REQUEST, 'bad-request', 'malformed line')
    else if (this.#phase === 'opening') this.#tooEarly(null)
  }

  refuse(lastWords: NeutralReply): void {
    this.#closeBy('break', lastWords)
  }

  fin(): void {
    if (this.#isParting) return
    this.#parting.fin(this.#told)
    if (this.#phase === 'open') this.#part()
    else if (this.#phase !== 'resuming') this.#closeBy('fin')
  }

  broken(): void {
    this.#depart(this.#parting.by('break', this.#told))
  }

  get #told(): Told {
    if (this.#phase === 'fresh' || this.#phase === 'opening') return 'nothing'
    return this.#phase === 'resuming' ? 'not-ready' : 'all'
  }

  #first(line: Line): void {
    const { attachments, random } = this.context
    try {
      const { secret, leaseMs, mayRedirect, from, body } = readOpening(line, random)
      const refusal = openingRefusal(this.context, this.connection, body.type === CommandType.open, mayRedirect)
      if (refusal !== null) {
        this.connection.close(refusal)
        return
      }
      this.#secret = secret
      this.#leaseMs = leaseMs
      this.#parting.opening(from, this.connection.ownEnd)
      this.#phase = body.type === CommandType.open ? 'opening' : 'resuming'
      this.#attachment = attachments.open({ ...body, ...attachments.openingHeader() }, this)
      this.#expectDecision(this.#attachment)
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      this.connection.close(formatError(NO_REQUEST, error.code, error.message))
    }
  }

  /** Before `welcome` the client cannot know whether it is redirected, so nothing may follow `hello`. */
  #tooEarly(line: Line | null): void {
    if (line?.action === '.keepalive') return
    this.#closeBy('break', formatError(NO_REQUEST, 'bad-request', 'nothing may follow hello before welcome'))
  }

  #later(line: Line | null): void {
    if (line?.action === 'bye') this.#parting.bye()
    this.#backlog.keep(line)
  }

  #expectDecision(attachment: Attachment): void {
    attachment.decideByMs = this.context.clock.takerNow() + this.context.options.requestTimeoutMs
  }

  // ---------------------------------------------------------------------------------------------------- requests

  #request(line: Line): void {
    const attachment = this.#attachment
    if (attachment === null) return
    let id: RequestId | null = null
    try {
      id = readId(line)
      const ack = readNumber(line, 'ack', 0)
      if (!this.#ids.take(id, ack)) throw new RequestError('bad-request', 'ack: no request up to this id was made')
      attachment.ack = Math.max(attachment.ack, ack)
      this.#perform(attachment, line, id)
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      this.#error(id ?? NO_REQUEST, error.code, error.message)
    }
    if (this.#phase === 'open' && attachment.ack > this.#ackProposed) {
      this.#ackProposed = attachment.ack
      this.context.attachments.submit(attachment, {
        type: CommandType.ack,
        ...this.context.attachments.header(attachment),
      })
    }
  }

  #perform(attachment: Attachment, line: Line, id: RequestId | null): void {
    const { attachments, clock } = this.context
    const body = readRequest(line, clock.wallNow())
    if (body !== null) {
      // The state would drop it too, and an answer that never comes must not hold back `bye` (rule 10).
      if (id !== null && id <= attachment.ack && attachment.ack > 0) return
      const isLock = body.type === CommandType.lock
      if (isLock) this.#refuseNewWork(id)
      const request = this.#ids.name(id)
      this.#ackProposed = attachment.ack
      this.#requests.ask(request, attachment.nextNumber, isLock, isLock ? body.waitMs : 0)
      this.#throttle()
      attachments.submit(attachment, { ...body, ...attachments.header(attachment), request })
    } else if (line.action === '.keepalive') this.connection.speak(Word.alive)
    else if (line.action === 'bye') {
      this.#parting.bye()
      this.#part()
    } else this.#otherAction(line)
  }

  /** A repeated request is no new work: its lock may be held already, and its answer must be the same. */
  #refuseNewWork(id: RequestId | null): void {
    if (this.#ids.mayBeRepeat(id)) return
    if (this.context.attachments.isBusy) throw new RequestError('busy', BUSY_TEXT)
    const { maxLocksPerSession } = this.context.options
    if (this.#held.size + this.#requests.locks < maxLocksPerSession) return
    throw new RequestError('limit', `a session holds or waits for at most ${maxLocksPerSession} locks here`)
  }

  #otherAction(line: Line): void {
    const { action } = line
    refuseActionToCome(action)
    const { loopback, remote } = this.connection
    const reply = (text: NeutralReply) => this.connection.say(text)
    if (action.startsWith('.') && this.context.admin({ line, loopback, remote, reply })) return
    throw new RequestError('bad-request', `unknown action ${action}`)
  }

  /** Answers come before the end, or a client that pipelines could not tell what became of its last requests. */
  #part(): void {
    this.#isParting = true
    if (this.#attachment !== null) this.#expectDecision(this.#attachment)
    this.#partWhenDecided()
  }

  #partWhenDecided(): void {
    const attachment = this.#attachment
    if (!this.#isParting || this.#phase !== 'open' || this.#requests.undecided > 0 || attachment === null) return
    if (!this.#parting.byeSaid) {
      this.#closeBy('fin')
      return
    }
    this.#phase = 'leaving'
    this.context.attachments.leave(attachment, 'end', this)
  }

  #error(request: RequestId, code: ErrorCode, message: string): void {
    this.connection.say(formatError(request, code, message))
  }

  /** Stops reading while too many requests are under way. */
  #throttle(): void {
    const { undecided } = this.#requests
    const paused = undecided >= SESSION_IN_FLIGHT_MAX_COMMANDS / (this.#throttled ? 2 : 1)
    if (paused === this.#throttled) return
    this.#throttled = paused
    this.#silence.paused = paused
    this.heard()
    this.connection.throttle(paused)
  }

  // ------------------------------------------------------------------------------------------ applied state's side

  opened(): void {
    const attachment = this.#attachment
    if (this.#phase !== 'opening' || attachment === null) return
    this.#enterOpen(attachment)
    this.connection.speak(this.#welcome(attachment, null))
  }

  resumed(view: SessionView): void {
    const attachment = this.#attachment
    if (this.#phase !== 'resuming' || attachment === null) return
    this.#leaseMs = view.leaseMs
    this.#enterOpen(attachment)
    attachment.ack = Math.max(0, view.lowestUnacknowledged - 1)
    this.#ackProposed = attachment.ack
    for (const { name, token } of view.held) this.#held.set(name, token)
    for (const { request, waitMs } of view.queued) {
      this.#requests.ask(request, 0, true, waitMs)
      this.#requests.queued(request)
    }
    this.#ids.resumed(view)
    if (!this.connection.speak(joined(this.#welcome(attachment, view), formatHoldings(view)))) return
    this.#backlog.drain()
    if (this.#parting.detachReason !== null && !this.#isParting) this.#part()
  }

  #enterOpen(attachment: Attachment): void {
    this.#phase = 'open'
    attachment.decideByMs = 0
    this.#silence.start(this.#leaseMs)
    this.connection.allowLongLines()
  }

  #welcome(attachment: Attachment, resumed: SessionView | null): PositiveReply {
    const { node, nodeId, state } = this.context
    return formatWelcome({
      session: attachment.session,
      secret: this.#secret,
      node: nodeId,
      leader: node.leader() ?? '',
      leaseMs: this.#leaseMs,
      clusterId: state.clusterId,
      isRelayed: this.#parting.isRelayed,
      resumedAttempt: resumed?.attempt ?? null,
    })
  }

  refused(refusal: OpeningRefusal): void {
    this.#attachment = null
    this.connection.close(formatRefusal(refusal, this.context.state.clusterId))
  }

  queued(request: RequestId, name: string, position: number): void {
    if (this.#phase !== 'open') return
    this.#requests.queued(request)
    this.connection.speak(formatQueued(request, name, position))
    this.#decided()
  }

  /** Rule 11: this node counts the wait; the log decides whether the grant came first. */
  #waitIsOver(target: RequestId): void {
    const attachment = this.#attachment
    if (this.#phase !== 'open' || attachment === null) return
    const { attachments } = this.context
    this.#ackProposed = attachment.ack
    attachments.submit(attachment, { type: CommandType.waitTimeout, ...attachments.header(attachment), target })
  }

  answered(request: RequestId, answer: Answer): void {
    if (this.#phase !== 'open' && this.#phase !== 'leaving') return
    this.#requests.settle(request)
    if (answer.kind === 'granted') {
      this.context.counters.acquired++
      this.#held.set(answer.name, answer.token)
      // Once the end is proposed nothing positive is written (rule 5).
      if (this.#phase === 'open') this.connection.speak(formatGrant(request, answer))
    } else {
      if (answer.kind === 'not-granted') this.context.counters.notAcquired++
      else if (answer.kind === 'released') this.#held.delete(answer.name)
      this.connection.say(formatAnswer(request, answer))
    }
    this.#decided()
  }

  #decided(): void {
    this.#throttle()
    this.#partWhenDecided()
  }

  waitLeft(request: RequestId, leftMs: number): void {
    this.#requests.shorten(request, leftMs)
  }

  lost(name: string, token: number, reason: string): void {
    this.#held.delete(name)
    this.connection.say(formatLost(name, token, reason))
  }

  ended(): void {
    this.#attachment = null
    this.connection.close(this.#phase === 'leaving' ? neutral('bye') : undefined)
  }

  displaced(): void {
    this.connection.close()
    this.#attachment = null
  }

  timedOut(): void {
    if (this.#phase !== 'open' || this.#isParting) this.#closeBy('break', NO_QUORUM)
  }

  /** Rule 9: answers that were missed are given; where something cannot be explained, the client resumes and is told all. */
  reconciled(view: SessionView): void {
    if (this.#phase !== 'open') return
    const tokens = new Map(view.held.map(({ name, token }) => [name, token]))
    const explained =
      this.#requests.reconcile(view, this) && [...this.#held].every(([name, token]) => tokens.get(name) === token)
    if (!explained) this.#closeBy('break')
  }

  // ------------------------------------------------------------------------------------------------------- closing

  jeopardy(remainingMs: number): void {
    if (this.#phase === 'open') this.connection.say(formatJeopardy(remainingMs))
  }

  safe(): void {
    if (this.#phase === 'open') this.connection.speak(positive('safe'))
  }

  moved(address: string | null): void {
    this.connection.close(formatMoved(address))
  }

  closed(): void {
    // Whoever closes a connection on which `bye` was said: the session ends.
    if (this.#parting.byeSaid) this.#depart('end')
    if (this.#attachment !== null) this.context.attachments.waitsLeft(this.#attachment, this.#requests.waitsLeft())
    this.#phase = 'closed'
    this.#silence.stop()
    this.#requests.clear()
    this.#backlog.clear()
  }

  /** The node closes its own side before it proposes that the session leaves (rule 5). */
  #closeBy(end: ConnectionEnd, lastWords?: NeutralReply): void {
    const detachReason = this.#parting.by(end, this.#told)
    this.connection.close(lastWords)
    this.#depart(detachReason)
  }

  #depart(detachReason: DetachReason): void {
    const attachment = this.#attachment
    this.#attachment = null
    if (attachment !== null) this.context.attachments.leave(attachment, detachReason, null)
  }
}
