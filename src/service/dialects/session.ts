/**
 * The session dialect (docs/protocol.md): one connection, many locks, requests pipelined. This is the life of the connection:
 * how it opens, serves, parts and closes. The session outlives it; nothing is written to a connection after it is given up.
 */
import { invariant } from '../../invariant.js'
import type { RequestId, Token } from '../../locks/commands/commands.js'
import type { Answer, LossReason, SessionView } from '../../locks/effects.js'
import type { Line } from '../../protocol/line.js'
import { joined, type NeutralReply, type PositiveReply } from '../../protocol/replies.js'
import type {
  Attachment,
  AttachmentListener,
  DetachReason,
  OpeningRefusal,
  QueuedPlace,
} from '../sessions/attachment.js'
import { type ConnectionEnd, Parting } from '../sessions/parting.js'
import { SilenceWatch } from '../sessions/silence-watch.js'
import { Backlog } from './backlog.js'
import type { ConnectionContext } from './connection-context.js'
import type { Dialect, DialectConnection } from './dialect.js'
import { errorReply, jeopardyReply, lostReply, movedReply, NO_QUORUM, NO_REQUEST, REVOKED, SAFE } from './replies.js'
import { BYE } from './requests/bye.js'
import { lackOfLevel } from './requests/level.js'
import { OTHER_IDENTITY_TEXT, openingBy, openingRefusal, refusedReply, welcomeReply } from './requests/opening.js'
import { RequestError } from './requests/request.js'
import { holdingsReply } from './requests/resume.js'
import { openingFor } from './requests/table.js'
import { SESSION_LIFE, type SessionPhase } from './session-life.js'
import { SessionWork, type SessionWorkOwner } from './session-work.js'

export class SessionDialect implements Dialect, AttachmentListener, SessionWorkOwner {
  #phase: SessionPhase = 'fresh'
  #attachment: Attachment | null = null
  #secret = ''
  #leaseMs = 0
  readonly #silence: SilenceWatch
  readonly #parting = new Parting()
  readonly #work: SessionWork
  /** What follows `resume` before it is answered. */
  readonly #backlog: Backlog

  constructor(
    private readonly connection: DialectConnection,
    private readonly context: ConnectionContext,
  ) {
    this.#backlog = new Backlog(connection, this)
    this.#work = new SessionWork(connection, context, this)
    this.#silence = new SilenceWatch(context.clock, context.deadlines, () => this.#closeBy('break'))
  }

  get #life() {
    return SESSION_LIFE[this.#phase]
  }

  #enter(phase: SessionPhase): void {
    invariant(this.#life.next.includes(phase), `session dialect: from ${this.#phase} to ${phase}`)
    this.#phase = phase
  }

  // ------------------------------------------------------------------------------------------------ client's side

  heard(): void {
    this.#silence.heard()
  }

  line(line: Line): void {
    switch (this.#life.line) {
      case 'first':
        this.#first(line)
        return
      case 'too-early':
        this.#tooEarly(line)
        return
      case 'keep':
        if (line.action === 'bye') this.#parting.bye()
        this.#backlog.keep(line)
        return
      case 'perform':
        this.#work.take(line)
        return
      case 'ignore':
        return
    }
  }

  malformed(): void {
    const reaction = this.#life.line
    if (reaction === 'keep') this.#backlog.keep(null)
    else if (reaction === 'too-early') this.#tooEarly(null)
    else if (reaction === 'perform') this.connection.say(errorReply(NO_REQUEST, 'bad-request', 'malformed line'))
  }

  refuse(lastWords: NeutralReply): void {
    this.#closeBy('break', lastWords)
  }

  fin(): void {
    const { fin, told } = this.#life
    if (fin === 'ignore') return
    this.#parting.fin(told)
    if (fin === 'part') this.#part()
    else if (fin === 'close') this.#closeBy('fin')
  }

  broken(): void {
    this.#depart(this.#parting.by('break', this.#life.told))
  }

  #first(line: Line): void {
    const { context, connection } = this
    const { attachments } = context
    try {
      const request = openingFor(line)
      invariant(request !== undefined, 'session dialect: chosen by an opening line')
      const { policy } = context.access
      const refused = policy.refusalOfSession(connection.caller)
      if (refused !== null) {
        this.#work.refuseRight(line, { text: refused, name: '' })
        throw new RequestError('unauthorized', refused)
      }
      const lack = lackOfLevel(request, line, context.state.level)
      if (lack !== null) throw new RequestError('unsupported', lack)
      const opening = request.read(line, context.random)
      const refusal = openingRefusal(context, connection, opening)
      if (refusal !== null) {
        connection.close(refusal)
        return
      }
      this.#secret = opening.secret
      this.#leaseMs = opening.leaseMs
      this.#parting.opening(opening.from, connection.ownEnd)
      this.#enter(opening.isNew ? 'opening' : 'resuming')
      this.#attachment = attachments.open(openingBy(opening.body, connection.caller, policy), this)
      this.#expectDecision(this.#attachment)
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      connection.close(errorReply(NO_REQUEST, error.code, error.message))
    }
  }

  /** Before `welcome` the client cannot know whether it is redirected, so nothing may follow `hello`. */
  #tooEarly(line: Line | null): void {
    if (line?.action === '.keepalive') return
    this.#closeBy('break', errorReply(NO_REQUEST, 'bad-request', 'nothing may follow hello before welcome'))
  }

  #expectDecision(attachment: Attachment): void {
    attachment.decideByMs = this.context.clock.takerNow() + this.context.options.requestTimeoutMs
  }

  // -------------------------------------------------------------------------------------------------- what it asked

  get serving(): Attachment | null {
    return this.#life.answers === 'all' ? this.#attachment : null
  }

  bye(): void {
    this.#parting.bye()
    this.#part()
  }

  readDecided(): void {
    this.#partWhenDecided()
  }

  /** While nothing is read from the client, nothing can be heard either. */
  throttled(paused: boolean): void {
    this.#silence.paused = paused
    this.heard()
    this.connection.throttle(paused)
  }

  /** Answers come before the end, or a client that pipelines could not tell what became of its last requests. */
  #part(): void {
    this.#enter('parting')
    if (this.#attachment !== null) this.#expectDecision(this.#attachment)
    this.#partWhenDecided()
  }

  #partWhenDecided(): void {
    const attachment = this.#attachment
    if (this.#phase !== 'parting' || this.#work.undecided > 0 || attachment === null) return
    if (!this.#parting.byeSaid) {
      this.#closeBy('fin')
      return
    }
    this.#enter('leaving')
    this.context.attachments.leave(attachment, 'bye', this)
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
    this.#work.resumed(attachment, view)
    if (!this.connection.speak(joined(this.#welcome(attachment, view), holdingsReply(view)))) return
    this.#backlog.drain()
    if (this.#parting.detachReason !== null && this.#life.fin === 'part') this.#part()
  }

  #enterOpen(attachment: Attachment): void {
    this.#enter('open')
    attachment.decideByMs = 0
    this.#silence.start(this.#leaseMs)
    this.connection.allowLongLines()
  }

  #welcome(attachment: Attachment, resumed: SessionView | null): PositiveReply {
    const { nodeId, state, leader } = this.context
    return welcomeReply({
      session: attachment.session,
      secret: this.#secret,
      node: nodeId,
      leader: leader() ?? '',
      leaseMs: this.#leaseMs,
      clusterId: state.clusterId,
      level: state.level,
      isRelayed: this.#parting.isRelayed,
      resumedAttempt: resumed?.attempt ?? null,
    })
  }

  refused(refusal: OpeningRefusal): void {
    this.#attachment = null
    // It has the secret of somebody else's session.
    if (refusal.kind === 'forbidden') {
      const { caller, remote } = this.connection
      this.context.audit.record({ caller, remote, action: 'resume', result: 'refused', reason: OTHER_IDENTITY_TEXT })
    }
    this.connection.close(refusedReply(refusal, this.context.state.clusterId))
  }

  queued(request: RequestId, place: QueuedPlace): void {
    if (this.serving === null) return
    this.#work.queued(request, place)
    this.#partWhenDecided()
  }

  answered(request: RequestId, answer: Answer): void {
    const { answers } = this.#life
    if (answers === 'none') return
    this.#work.answered(request, answer, answers === 'all')
    this.#partWhenDecided()
  }

  waitLeft(request: RequestId, leftMs: number): void {
    this.#work.waitLeft(request, leftMs)
  }

  lost(name: string, token: Token, reason: LossReason): void {
    this.#work.lost(token)
    this.connection.say(lostReply(name, token, reason))
  }

  ended(): void {
    this.#attachment = null
    this.connection.close(this.#phase === 'leaving' ? BYE : undefined)
  }

  displaced(): void {
    this.connection.close()
    this.#attachment = null
  }

  timedOut(): void {
    if (this.#life.timeout === 'close') this.#closeBy('break', NO_QUORUM)
  }

  /** Rule 9: where something cannot be explained, the client resumes and is told all. */
  reconciled(view: SessionView): void {
    if (this.serving === null) return
    const explained = this.#work.reconcile(view, this)
    if (!explained) this.#closeBy('break')
  }

  // ------------------------------------------------------------------------------------------------------- closing

  jeopardy(remainingMs: number): void {
    if (this.#life.answers === 'all') this.connection.say(jeopardyReply(remainingMs))
  }

  safe(): void {
    if (this.#life.answers === 'all') this.connection.speak(SAFE)
  }

  moved(address: string | null): void {
    this.connection.close(movedReply(address))
  }

  closed(): void {
    // Whoever closes a connection on which `bye` was said: the session ends.
    if (this.#parting.byeSaid) this.#depart('bye')
    this.#work.handOn(this.#attachment)
    this.#enter('closed')
    this.#silence.stop()
    this.#backlog.clear()
  }

  /** For the lease its client may believe that it holds what it was told; longer it must not keep what it lost the right to. */
  revoked(): void {
    this.#closeBy('revoked', REVOKED)
  }

  rightsChanged(): void {
    this.#work.rightsChanged()
  }

  /** The node closes its own side before it proposes that the session leaves (rule 5). */
  #closeBy(end: ConnectionEnd, lastWords?: NeutralReply): void {
    const detachReason = this.#parting.by(end, this.#life.told)
    this.connection.close(lastWords)
    this.#depart(detachReason)
  }

  #depart(detachReason: DetachReason): void {
    const attachment = this.#attachment
    this.#attachment = null
    if (attachment !== null) this.context.attachments.leave(attachment, detachReason, null)
  }
}
