/**
 * The classic dialect (docs/protocol.md): one line, one lock, bound to the connection. The session behind it is opened together
 * with the lock in one command and ends with the connection.
 */
import { invariant } from '../../invariant.js'
import { CommandType, type RequestId } from '../../locks/commands/commands.js'
import type { Answer, SessionView } from '../../locks/effects.js'
import type { Line } from '../../protocol/line.js'
import { type NeutralReply, plainError } from '../../protocol/replies.js'
import type { Deadline } from '../deadline-queue.js'
import type { ListingOrder } from '../reads/listings.js'
import type { Attachment, AttachmentListener } from '../sessions/attachment.js'
import { Backlog } from './backlog.js'
import { CLASSIC_LIFE, type ClassicPhase } from './classic-life.js'
import type { ConnectionContext } from './connection-context.js'
import type { Dialect, DialectConnection } from './dialect.js'
import { CLASSIC_NO_QUORUM, CLASSIC_UNAUTHORIZED } from './replies.js'
import { grantedReply, refusedReply } from './requests/classic/lock.js'
import { givenUpReply } from './requests/classic/release.js'
import type { ClassicAsk, ClassicRequest, ClassicScope } from './requests/classic/request.js'
import { BAD_ACTION, FIRST_REQUESTS, LATER_REQUESTS } from './requests/classic/table.js'
import { lackOfLevel } from './requests/level.js'
import { lackOfRight } from './requests/needs.js'

const CLASSIC_REQUEST: RequestId = -1

export class ClassicDialect implements Dialect, AttachmentListener, ClassicScope {
  #phase: ClassicPhase = 'fresh'
  #attachment: Attachment | null = null
  #name = ''
  #showsToken = false
  #waitMs = 0
  #waitDeadline: Deadline<() => void> | null = null
  #finSeen = false
  /** The last word, once the end of the session is applied. */
  #givenUp: NeutralReply | undefined
  /** What came while the lock was undecided. */
  readonly #backlog: Backlog

  constructor(
    readonly connection: DialectConnection,
    readonly context: ConnectionContext,
  ) {
    this.#backlog = new Backlog(connection, this)
  }

  get #life() {
    return CLASSIC_LIFE[this.#phase]
  }

  #enter(phase: ClassicPhase): void {
    invariant(this.#life.next.includes(phase), `classic dialect: from ${this.#phase} to ${phase}`)
    const held = this.holds
    this.#phase = phase
    if (held !== this.holds) this.connection.holding(this.holds)
  }

  get holds(): boolean {
    return this.#phase === 'holding'
  }

  // ------------------------------------------------------------------------------------------------ client's side

  /** TCP watches over a classic client, its lines do not. */
  heard(): void {}

  line(line: Line): void {
    switch (this.#life.line) {
      case 'first':
        this.#perform(FIRST_REQUESTS, line, (why) => this.connection.close(why))
        return
      case 'keep':
        this.#backlog.keep(line)
        return
      case 'perform':
        this.#perform(LATER_REQUESTS, line, (why) => this.connection.say(why))
        return
      case 'ignore':
        return
    }
  }

  #perform(requests: ReadonlyMap<string, ClassicRequest>, line: Line, refuse: (why: NeutralReply) => void): void {
    const request = requests.get(line.action)
    const lack = request === undefined ? null : lackOfLevel(request, line, this.context.state.level)
    const forbidden = request === undefined ? null : this.#forbidden(request, line)
    if (request === undefined) refuse(BAD_ACTION)
    else if (forbidden !== null) refuse(forbidden)
    else if (lack !== null) refuse(plainError(lack))
    else request.perform(this, line)
  }

  /** Null: the client may ask so. */
  #forbidden(request: ClassicRequest, line: Line): NeutralReply | null {
    const { access, audit } = this.context
    const { caller, remote } = this.connection
    const lack = lackOfRight(request.needs, line, access.policy, caller)
    if (lack === null) return null
    const { text: reason, name } = lack
    const what = name === '' ? {} : { name }
    audit.record({ caller, remote, action: line.action, ...what, result: 'refused', reason })
    return request.unauthorized?.(line, reason) ?? CLASSIC_UNAUTHORIZED
  }

  malformed(): void {
    const reaction = this.#life.line
    if (reaction === 'keep') this.#backlog.keep(null)
    else if (reaction === 'perform') this.connection.say(BAD_ACTION)
  }

  refuse(lastWords: NeutralReply): void {
    this.#close(lastWords)
  }

  fin(): void {
    this.#finSeen = true
    if (this.#life.fin === 'close') this.#close()
  }

  broken(): void {
    this.#depart()
  }

  ask(body: ClassicAsk, showsToken: boolean): void {
    const { attachments } = this.context
    this.#name = body.name
    this.#showsToken = showsToken
    this.#waitMs = body.waitMs
    this.#enter('asking')
    this.#attachment = attachments.open(body, this)
    this.#expectDecision(this.#attachment)
  }

  read(answer: (isConfirmed: boolean) => void): void {
    this.#enter('reading')
    this.context.reads.confirm((isConfirmed) => {
      if (this.#phase === 'reading') answer(isConfirmed && this.context.right.serving())
    })
  }

  list(order: ListingOrder): void {
    this.#enter('reading')
    this.context.reads.listings.begin(this.connection, {
      ...order,
      end: (count, after) => {
        if (this.#phase === 'reading') order.end(count, after)
      },
    })
  }

  giveUp(): void {
    const attachment = this.#attachment
    if (attachment === null) return
    this.#givenUp = givenUpReply(this.holds)
    this.#enter('leaving')
    this.#expectDecision(attachment)
    this.context.attachments.leave(attachment, 'bye', this)
  }

  #expectDecision(attachment: Attachment): void {
    attachment.decideByMs = this.context.clock.takerNow() + this.context.options.requestTimeoutMs
  }

  // ------------------------------------------------------------------------------------------- applied state's side

  opened(): void {}
  resumed(): void {}
  refused(): void {}
  /** It has one connection in its life. */
  waitLeft(): void {}

  queued(): void {
    if (this.#phase !== 'asking' || this.#attachment === null) return
    this.#enter('waiting')
    this.#attachment.decideByMs = 0
    if (this.#waitMs > 0) this.#waitDeadline = this.context.deadlines.add(() => this.#waitIsOver(), this.#waitMs)
    this.#backlog.drain()
    if (this.#finSeen) this.fin()
  }

  /** Rule 11: this node counts the wait; the log decides whether the grant came first. */
  #waitIsOver(): void {
    const attachment = this.#attachment
    this.#waitDeadline = null
    if (this.#phase !== 'waiting' || attachment === null) return
    const { attachments } = this.context
    attachments.submit(attachment, { type: CommandType.waitTimeout, target: CLASSIC_REQUEST })
    this.#expectDecision(attachment)
  }

  answered(_request: RequestId, answer: Answer): void {
    if (this.#life.answer === 'ignore') return
    if (this.#attachment !== null) this.#attachment.decideByMs = 0
    const [grant] = answer.kind === 'granted' ? answer.grants : []
    if (grant !== undefined) this.#granted(grant.token)
    else this.#refused(answer)
  }

  #granted(token: number): void {
    const { audit, counters } = this.context
    counters.granted()
    if (audit.wantsGrants) {
      const { caller, remote } = this.connection
      audit.record({ caller, remote, action: 'lock', name: this.#name, token, result: 'done' })
    }
    this.#enter('holding')
    if (!this.connection.speak(grantedReply(token, this.#showsToken))) return
    this.#backlog.drain()
    if (this.#finSeen) this.fin()
  }

  #refused(answer: Answer): void {
    this.context.counters.refused(this.#name, answer)
    const attachment = this.#attachment
    this.#attachment = null
    this.connection.close(refusedReply(answer))
    if (attachment !== null) this.context.attachments.leaveUnlessEnded(attachment)
  }

  /**
   * Rule 12: its client learns of the loss by the end of the connection, and nothing that was written before may arrive after
   * it. The lock is passed on when the end of the session is committed. Who has asked for `release` already gets that answer.
   */
  lost(): void {
    if (!this.holds) return
    this.connection.cut()
    this.#depart()
  }

  ended(): void {
    this.#attachment = null
    this.connection.close(this.#givenUp)
  }

  displaced(): void {
    this.#attachment = null
    this.connection.close()
  }

  /** G6: the fate is unknown, so nothing is claimed; a late grant is undone. */
  timedOut(): void {
    if (this.#phase === 'asking') this.context.counters.failed(this.#name, 'no-quorum')
    this.#close(CLASSIC_NO_QUORUM)
  }

  reconciled(view: SessionView): void {
    const [held] = view.held
    const reaction = this.#life.snapshot
    if (reaction === 'find-out') {
      if (held !== undefined) this.answered(CLASSIC_REQUEST, { kind: 'granted', grants: [{ ...held, ended: null }] })
      else if (view.queued.length > 0) this.queued()
      else this.#close()
    } else if (reaction === 'compare' && held === undefined) this.lost()
  }

  // ------------------------------------------------------------------------------------------------------- closing

  jeopardy(): void {}
  safe(): void {}

  moved(): void {
    this.connection.close()
  }

  closed(): void {
    this.#enter('closed')
    if (this.#waitDeadline !== null) this.context.deadlines.cancel(this.#waitDeadline)
    this.#waitDeadline = null
    this.#backlog.clear()
    this.context.reads.listings.forget(this.connection)
  }

  /** Its client learns by the end of the connection that the lock is gone, as it does of every loss. */
  revoked(): void {
    this.#close(CLASSIC_UNAUTHORIZED)
  }

  rightsChanged(): void {}

  /** Rule 5: the node closes its own side before it proposes the end. */
  #close(lastWords?: NeutralReply): void {
    this.connection.close(lastWords)
    this.#depart()
  }

  #depart(): void {
    const attachment = this.#attachment
    this.#attachment = null
    if (attachment !== null) this.context.attachments.leave(attachment, 'end', null)
  }
}
