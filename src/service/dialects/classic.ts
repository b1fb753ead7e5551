/**
 * The classic dialect (docs/protocol.md): one line, one lock, bound to the connection. The session behind it is opened together
 * with the lock in one command and ends with the connection.
 */
import { CommandType, type RequestId } from '../../locks/commands/commands.js'
import type { Answer } from '../../locks/effects.js'
import type { Line } from '../../protocol/line.js'
import { type NeutralReply, neutral, neutralJson, plainError, positive } from '../../protocol/replies.js'
import { isClientId, isLockName, parseWaitMs, parseYesNo } from '../../protocol/values.js'
import type { Deadline } from '../deadline-queue.js'
import type { Attachment, AttachmentListener } from '../sessions/attachment.js'
import { Backlog } from './backlog.js'
import type { Connection, Dialect } from './connection.js'
import { type ConnectionContext, redirectAddress } from './connection-context.js'
import { Word } from './words.js'

const CLASSIC_REQUEST: RequestId = -1
/** Additions that this version does not know yet: an error, never silently ignored. */
const NOT_SUPPORTED = ['permits', 'limit'] as const

/** `asking`: proposed and undecided. `leaving`: given up by the client, the end is proposed and `farewellWord` will follow. */
type Phase = 'fresh' | 'asking' | 'waiting' | 'holding' | 'leaving' | 'closed'

export class ClassicDialect implements Dialect, AttachmentListener {
  #phase: Phase = 'fresh'
  #attachment: Attachment | null = null
  #fence = false
  #waitMs = 0
  #waitDeadline: Deadline<() => void> | null = null
  #finSeen = false
  #farewellWord: NeutralReply = Word.released
  /** What came while the lock was undecided. */
  readonly #backlog: Backlog

  constructor(
    private readonly connection: Connection,
    private readonly context: ConnectionContext,
  ) {
    this.#backlog = new Backlog(connection, this)
  }

  get holds(): boolean {
    return this.#phase === 'holding'
  }

  // ------------------------------------------------------------------------------------------------ client's side

  heard(): void {}

  line(line: Line): void {
    switch (this.#phase) {
      case 'fresh':
        this.#first(line)
        return
      case 'asking':
        this.#backlog.keep(line)
        return
      case 'waiting':
        this.#whileWaiting(line)
        return
      case 'holding':
        this.#whileHolding(line)
        return
      case 'leaving':
      case 'closed':
        return
    }
  }

  malformed(): void {
    if (this.#phase === 'asking') this.#backlog.keep(null)
    else if (this.#phase === 'waiting' || this.#phase === 'holding') this.connection.say(Word.badAction)
  }

  refuse(lastWords: NeutralReply): void {
    this.#close(lastWords)
  }

  fin(): void {
    this.#finSeen = true
    // What was asked before the FIN is answered first (rule 5); a place in a queue is not an answer, it is given up.
    if (this.#phase === 'waiting' || this.#phase === 'holding') this.#close()
  }

  broken(): void {
    this.#depart()
  }

  #first(line: Line): void {
    switch (line.action) {
      case 'lock':
        this.#lock(line)
        return
      case '.ping':
        this.connection.close(Word.pong)
        return
      case '.stats':
        this.connection.close(neutralJson('stats', this.#stats()))
        return
      case '.server-shutdown':
        this.#serverShutdown()
        return
      default:
        this.connection.close(Word.badAction)
        return
    }
  }

  #stats(): Record<string, unknown> {
    const { counters, state, describe } = this.context
    return {
      lock_count: state.lockCount,
      requests_count: counters.requests,
      lock_acquired_count: counters.acquired,
      lock_not_acquired_count: counters.notAcquired,
      ...describe(),
    }
  }

  #serverShutdown(): void {
    if (!this.context.options.allowShutdown || !this.connection.loopback) {
      this.connection.close(Word.shutdownNotAllowed)
      return
    }
    this.connection.close(Word.shuttingDown)
    this.context.shutdown()
  }

  #lock(line: Line): void {
    const { context } = this
    const refusal = this.#readLock(line) ?? this.#elsewhere(line) ?? this.#notNow()
    if (refusal !== null) {
      this.connection.close(refusal)
      return
    }
    this.#phase = 'asking'
    this.#attachment = context.attachments.open(
      {
        type: CommandType.openClassic,
        ...context.attachments.openingHeader(),
        clientId: line.get('client-id') ?? '',
        name: line.get('name') ?? '',
        waitMs: this.#waitMs,
        meta: '',
        delayMs: 0,
        wallMs: context.clock.wallNow(),
      },
      this,
    )
    this.#expectDecision(this.#attachment)
  }

  #notNow(): NeutralReply | null {
    if (!this.context.serving()) return Word.noQuorum
    return this.context.attachments.isBusy ? Word.busy : null
  }

  #elsewhere(line: Line): NeutralReply | null {
    const address = redirectAddress(this.context, this.connection, line.get('redirect') === 'yes')
    return address === null ? null : neutral('redirect', { address })
  }

  /** Null, or the words for what is wrong. */
  #readLock(line: Line): NeutralReply | null {
    const clientId = line.get('client-id')
    if (!isLockName(line.get('name') ?? '')) return Word.invalidLockName
    if (clientId !== undefined && !isClientId(clientId)) return Word.invalidClientId
    const waitMs = parseWaitMs(line.get('wait'))
    if (waitMs === null || waitMs === Number.POSITIVE_INFINITY) return plainError('invalid wait')
    const fence = parseYesNo(line.get('fence'))
    if (fence === null) return plainError('invalid fence')
    if (parseYesNo(line.get('redirect')) === null) return plainError('invalid redirect')
    const mode = line.get('mode') ?? 'exclusive'
    if (mode === 'shared') return plainError('mode not supported yet')
    if (mode !== 'exclusive') return plainError('invalid mode')
    for (const key of NOT_SUPPORTED) if (line.has(key)) return plainError(`${key} not supported yet`)
    this.#waitMs = waitMs
    this.#fence = fence
    return null
  }

  #whileWaiting(line: Line): void {
    if (line.action === '.keepalive') this.connection.speak(Word.alive)
    else if (line.action === 'release') this.#leave(Word.notGranted)
    else this.connection.say(Word.badAction)
  }

  #whileHolding(line: Line): void {
    if (line.action === '.keepalive') this.connection.speak(Word.alive)
    else if (line.action === 'release') this.#leave(Word.released)
    else this.connection.say(Word.badAction)
  }

  /** The client gives up what it has; it is told when the end is applied. */
  #leave(farewellWord: NeutralReply): void {
    const attachment = this.#attachment
    if (attachment === null) return
    this.#enter('leaving')
    this.#farewellWord = farewellWord
    this.#expectDecision(attachment)
    this.context.attachments.leave(attachment, 'end', this)
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
    attachments.submit(attachment, {
      type: CommandType.waitTimeout,
      ...attachments.header(attachment),
      target: CLASSIC_REQUEST,
    })
    this.#expectDecision(attachment)
  }

  answered(_request: RequestId, answer: Answer): void {
    if (this.#phase !== 'asking' && this.#phase !== 'waiting') return
    if (this.#attachment !== null) this.#attachment.decideByMs = 0
    if (answer.kind === 'granted') this.#granted(answer.token)
    else if (answer.kind === 'error') this.#refused(answer.code === 'limit' ? Word.limit : plainError(answer.message))
    else this.#refused(Word.notGranted)
  }

  #granted(token: number): void {
    this.context.counters.acquired++
    this.#enter('holding')
    if (!this.connection.speak(this.#fence ? positive('ok', { token }) : Word.ok)) return
    this.#backlog.drain()
    if (this.#finSeen) this.fin()
  }

  #refused(word: NeutralReply): void {
    this.context.counters.notAcquired++
    const attachment = this.#attachment
    this.#attachment = null
    this.connection.close(word)
    if (attachment !== null) this.context.attachments.leaveUnlessEnded(attachment)
  }

  lost(): void {
    this.#close()
  }

  ended(): void {
    this.#attachment = null
    this.connection.close(this.#phase === 'leaving' ? this.#farewellWord : undefined)
  }

  displaced(): void {
    this.#attachment = null
    this.connection.close()
  }

  /** G6: the fate is unknown, so nothing is claimed; a late grant is undone. */
  timedOut(): void {
    this.#close(Word.noQuorum)
  }

  reconciled(view: Parameters<AttachmentListener['reconciled']>[0]): void {
    const [held] = view.held
    if (this.#phase === 'asking' || this.#phase === 'waiting') {
      if (held !== undefined) this.answered(CLASSIC_REQUEST, { kind: 'granted', name: held.name, token: held.token })
      else if (view.queued.length > 0) this.queued()
      else this.#close()
    } else if (this.#phase === 'holding' && held === undefined) this.#close()
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
  }

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

  #enter(phase: Phase): void {
    if (this.#phase === 'holding') this.context.holding--
    if (phase === 'holding') this.context.holding++
    this.#phase = phase
  }
}
