/**
 * What the lock service of a cluster of level 2 should do, command by command, written from docs/protocol.md and not from the
 * machine. Each command is an entry of its own, so that what ended epochs leave behind is gone with the same command.
 */
import {
  type Ask,
  type AskCommand,
  type Command,
  CommandType,
  EXCLUSIVE,
  type Freeze,
  type SessionHeader,
} from '../../../../src/locks/commands/commands.js'
import type { Answer, AnswerErrorCode } from '../../../../src/locks/effects.js'
import type { HoldEnd } from '../../../../src/locks/state/standing.js'
import type { SeededRandom } from '../../../../src/testing/seeded-random.js'
import {
  labelOf,
  type ModelFreeze,
  type ModelHold,
  type ModelMark,
  type ModelRequest,
  type ModelSession,
} from './entities.js'
import { type Asked, doneAnswer, Table } from './table.js'

type OpeningCommand = Extract<Command, { conn: number }>
type NumberedCommand = Extract<Command, SessionHeader>

const CLASSIC_REQUEST = -1

export class Model {
  readonly table: Table
  readonly current = new Map<string, number>()
  readonly live = new Map<number, { node: string; opened: Set<number>; floor: number }>()
  /** In the order of attachment. */
  sessions: ModelSession[] = []

  constructor(counterStart: number, nodeLeaseMs: number, random: SeededRandom, grantsMax: number) {
    this.table = new Table(counterStart, nodeLeaseMs, random, grantsMax)
    this.table.answersOf = (id) => this.sessions.find((session) => session.id === id)?.answers ?? null
  }

  get holds(): readonly ModelHold[] {
    return this.table.holds
  }

  get requests(): readonly ModelRequest[] {
    return this.table.requests
  }

  get freezes(): ReadonlyMap<string, ModelFreeze> {
    return this.table.freezes
  }

  get marks(): ReadonlyMap<string, ModelMark> {
    return this.table.marks
  }

  apply(index: number, command: Command): void {
    this.#apply(index, command)
    this.table.grantDue(index)
    // A classic session has no other life than its one lock, whoever took it away.
    for (const session of this.sessions) this.#endIfIdle(session)
  }

  /** Wall time is for display, so the last one that was said counts, however wrong. */
  #sawWallTime({ wallMs }: { readonly wallMs: number }): void {
    if (wallMs > 0) this.table.wallMs = wallMs
  }

  #apply(index: number, command: Command): void {
    switch (command.type) {
      case CommandType.nodeUp: {
        const { node, epoch, expected, dead } = command
        if ((this.current.get(node) ?? 0) !== expected || epoch === expected || this.live.has(epoch)) return
        this.current.set(node, epoch)
        this.live.set(epoch, { node, opened: new Set(), floor: 0 })
        if (dead === expected && dead !== 0) this.#endEpoch(node, dead)
        return
      }
      case CommandType.nodeDown:
      case CommandType.expireNode:
        return this.#endEpoch(command.node, command.epoch)
      case CommandType.open:
      case CommandType.openClassic:
      case CommandType.resume:
        return this.#opening(index, command)
      case CommandType.end:
      case CommandType.detach:
        return this.#leaves(command)
      case CommandType.expireSession:
      case CommandType.detachedWaitTimeout:
      case CommandType.left:
      case CommandType.waitsLeft:
        return this.#counted(command)
      case CommandType.timeOver:
      case CommandType.timeLeft:
      case CommandType.delayOver:
      case CommandType.delayLeft:
      case CommandType.letGo:
        return this.#ofHold(command)
      case CommandType.freezeOver: {
        const freeze = this.table.freezes.get(command.prefix)
        if (freeze?.generation === command.generation && freeze.untilWallMs > 0) this.#thaw(command.prefix)
        return
      }
      case CommandType.markOver: {
        const mark = this.table.marks.get(command.key)
        if (mark?.generation === command.generation && mark.expiresWallMs > 0) this.table.marks.delete(command.key)
        return
      }
      case CommandType.sweep:
      case CommandType.claimMember:
      case CommandType.setLevel:
      case CommandType.holdLevel:
        return
      default:
        this.#numbered(index, command)
    }
  }

  // ---- sessions

  #opening(index: number, command: OpeningCommand): void {
    const epoch = this.live.get(command.epoch)
    if (epoch === undefined || epoch.node !== command.node) return
    epoch.floor = Math.max(epoch.floor, command.floor)
    if (command.conn < epoch.floor || epoch.opened.has(command.conn)) return
    epoch.opened.add(command.conn)
    const place = { node: command.node, epoch: command.epoch, conn: command.conn }
    if (command.type === CommandType.resume) {
      const session = this.sessions.find((s) => s.id === command.session && !s.classic)
      if (session === undefined || session.secretHash !== command.secretHash) return
      if (command.attempt > 0 && command.attempt <= session.attempt) return
      session.attempt = Math.max(session.attempt, command.attempt)
      this.table.draw(index)
      Object.assign(session, { attach: session.attach + 1, lastN: 0, place, detachedForMs: 0 })
      this.sessions = [...this.sessions.filter((s) => s !== session), session]
      return
    }
    const classic = command.type === CommandType.openClassic
    const session: ModelSession = {
      id: this.table.draw(index),
      classic,
      clientId: command.clientId,
      secretHash: classic ? '' : command.secretHash,
      leaseMs: classic ? 0 : command.leaseMs,
      lingerMs: classic ? 0 : command.lingerMs,
      attach: 1,
      lastN: 0,
      place,
      detachedForMs: 0,
      acknowledged: 0,
      highest: 0,
      attempt: 0,
      answers: new Map(),
    }
    this.sessions.push(session)
    if (!classic) return
    const { name, amount, limit, waitMs, meta, delayMs, wallMs } = command
    const terms = { ...NO_TERMS, waitMs, meta, delayMs, wallMs }
    this.#sawWallTime(command)
    this.#ask(index, session, CLASSIC_REQUEST, { asks: [{ name, amount, limit }], terms, keeps: 'all', waitMs })
    this.#endIfIdle(session)
  }

  #leaves(command: Extract<Command, { type: 12 | 13 }>): void {
    const session = this.#attached(command)
    if (session === null) return
    this.#sawWallTime(command)
    if (command.type === CommandType.end) this.#end(session, command.bye && !session.classic ? 'bye' : 'fin')
    else if (session.classic || (command.fin && session.lingerMs === 0)) this.#end(session, 'fin')
    else this.#detach(session, command.fin ? session.lingerMs : Math.max(session.leaseMs, session.lingerMs))
  }

  #counted(command: Extract<Command, { type: 14 | 15 | 19 | 21 }>): void {
    const session = this.sessions.find((s) => s.id === command.session && s.attach === command.attach)
    if (session === undefined) return
    if (command.type === CommandType.waitsLeft) {
      for (const { request, leftMs } of command.waits) {
        const waiting = this.#waiting(session, request)
        if (waiting !== null && waiting.waitMs > 0) waiting.waitMs = Math.min(waiting.waitMs, Math.max(1, leftMs))
      }
      return
    }
    if (session.place !== null) return
    if (command.type === CommandType.expireSession) {
      this.#sawWallTime(command)
      this.#end(session, 'expired')
    } else if (command.type === CommandType.left)
      session.detachedForMs = Math.min(session.detachedForMs, command.leftMs)
    else this.#endWait(session, command.target, 'timeout')
  }

  #end(session: ModelSession, how: HoldEnd): void {
    const { table } = this
    for (const request of table.requests) if (request.session === session) table.dropRequest(request)
    for (const hold of table.holds) if (hold.session === session) table.end(hold, how)
    table.told.push(['ended', session.id])
    this.sessions = this.sessions.filter((s) => s !== session)
  }

  #endIfIdle(session: ModelSession): void {
    const { holds, requests } = this.table
    const isIdle = holds.every((hold) => hold.session !== session) && requests.every((one) => one.session !== session)
    if (session.classic && isIdle) this.#end(session, 'released')
  }

  #detach(session: ModelSession, forMs: number): void {
    session.place = null
    session.detachedForMs = forMs
    this.table.told.push(['detached', session.id, forMs])
  }

  #endEpoch(node: string, epoch: number): void {
    if (this.live.get(epoch)?.node !== node) return
    this.live.delete(epoch)
    const orphans = this.sessions.filter((s) => s.place?.epoch === epoch)
    for (const session of orphans) session.place = null
    for (const session of orphans) {
      if (session.classic) this.#end(session, 'node-lost')
      else this.#detach(session, Math.max(session.leaseMs, session.lingerMs))
    }
  }

  #attached(header: { node: string; epoch: number; session: number; attach: number }): ModelSession | null {
    const session = this.sessions.find((s) => s.id === header.session && s.attach === header.attach)
    return session?.place?.epoch === header.epoch && session.place.node === header.node ? session : null
  }

  // ---- requests

  #numbered(index: number, command: NumberedCommand): void {
    const session = this.#attached(command)
    if (session === null || command.n !== session.lastN + 1) return
    session.lastN = command.n
    // Nothing above what was asked can have been answered.
    const ack = Math.min(command.ack, session.highest)
    if (!session.classic && ack > session.acknowledged) {
      session.acknowledged = ack
      for (const request of [...session.answers.keys()]) if (request <= ack) session.answers.delete(request)
    }
    if ('request' in command) session.highest = Math.max(session.highest, command.request)
    if (command.type === CommandType.waitTimeout) this.#endWait(session, command.target, 'timeout')
    else if ('request' in command && this.#isNew(session, command.request)) this.#carryOut(index, session, command)
    this.#endIfIdle(session)
  }

  /** False if it was asked before: then what became of it is told again. */
  #isNew(session: ModelSession, request: number): boolean {
    const waiting = this.#waiting(session, request)
    if (waiting !== null) {
      this.#tellQueued(waiting)
      return false
    }
    if (session.classic) return true
    const stored = session.answers.get(request)
    if (stored !== undefined) {
      this.table.tell(session, ['answered', session.id, request, stored])
      return false
    }
    return request > session.acknowledged
  }

  #carryOut(index: number, session: ModelSession, command: Extract<NumberedCommand, { request: number }>): void {
    const { request } = command
    if ('wallMs' in command) this.#sawWallTime(command)
    switch (command.type) {
      case CommandType.lock: {
        const { name, waitMs, meta, delayMs, wallMs } = command
        const terms = { ...NO_TERMS, waitMs, meta, delayMs, wallMs }
        const asks: Asked['asks'] = [{ name, amount: EXCLUSIVE, limit: 0 }]
        return this.#ask(index, session, request, { asks, terms, keeps: 'all', waitMs })
      }
      case CommandType.ask: {
        const { keepsAll, keeps, waitMs } = command
        const [first, ...others] = command.asks
        if (first === undefined) return this.#fail(session, request, 'bad-request')
        const asks: Asked['asks'] = [first, ...others]
        return this.#ask(index, session, request, { asks, terms: command, keeps: keepsAll ? 'all' : keeps, waitMs })
      }
      case CommandType.release:
        return this.#release(index, session, command)
      case CommandType.cancel:
        this.#endWait(session, command.target, 'cancelled')
        return this.#answer(session, request, { kind: 'cancelled' })
      case CommandType.unlock:
        return this.#unlock(session, command)
      case CommandType.forceRelease:
        return this.#force(session, command)
      case CommandType.resize:
        return this.#resize(session, command)
      case CommandType.freeze:
        return this.#freeze(index, session, command)
      case CommandType.thaw:
        if (!this.table.freezes.has(command.prefix)) return this.#fail(session, request, 'bad-request')
        this.#thaw(command.prefix)
        return this.#answer(session, request, { kind: 'thawed', prefix: command.prefix })
      case CommandType.forget:
        if (!this.table.marks.delete(command.key)) return this.#fail(session, request, 'bad-request')
        return this.#answer(session, request, { kind: 'forgotten', key: command.key })
    }
  }

  #ask(index: number, session: ModelSession, request: number, asked: Asked): void {
    const { table } = this
    const { asks, terms, waitMs } = asked
    // A classic client has no line for several names; its node never asks so.
    const error = session.classic && asks.length > 1 ? 'bad-request' : this.#errorIn(asks)
    if (error !== null) return this.#fail(session, request, error)
    const mark = table.marks.get(terms.once)
    if (mark !== undefined) return this.#answer(session, request, doneAnswer(mark))
    const frozen = table.frozenRefusal(asks)
    if (frozen !== null && (waitMs === 0 || table.isMixed(asks))) return this.#answer(session, request, frozen)
    if (table.mayHave(asks, null)) return table.grant(index, session, request, asked, terms.wallMs)
    const waiting: ModelRequest = { session, request, number: table.draw(index), ...asked }
    if (waitMs === 0) {
      if (table.standsInItsOwnWay(waiting)) return this.#fail(session, request, 'deadlock')
      return this.#answer(session, request, table.obstacle(asks, null))
    }
    for (const { name, limit } of asks) table.limits.set(name, table.limitFor(name, limit))
    table.requests.push(waiting)
    if (table.stuck().includes(waiting)) {
      table.dropRequest(waiting)
      return this.#fail(session, request, 'deadlock')
    }
    this.#tellQueued(waiting)
  }

  #errorIn(asks: readonly Ask[]): AnswerErrorCode | null {
    const { table } = this
    if (new Set(asks.map(({ name }) => name)).size < asks.length) return 'bad-request'
    for (const { name, amount, limit } of asks) {
      const inForce = table.limits.get(name)
      const isPinned = table.pins.has(name)
      if (inForce !== undefined && (inForce === 0) !== (limit === 0)) return 'limit-mismatch'
      if (inForce !== undefined && inForce !== limit && !isPinned) return 'limit-mismatch'
      if (amount > table.limitFor(name, limit)) return 'permits'
    }
    return null
  }

  #tellQueued(waiting: ModelRequest): void {
    const { table } = this
    const { session, request, asks } = waiting
    const { name } = table.obstacle(asks, waiting)
    const position = 1 + table.placesBefore(name, waiting).length
    const holder = table.holdsOf(name).find(({ phase }) => phase === 'held')?.holder ?? ''
    table.tell(session, ['queued', session.id, request, name, position, holder, table.limits.get(name) ?? 0])
  }

  #endWait(session: ModelSession, target: number, reason: 'timeout' | 'cancelled'): void {
    const waiting = this.#waiting(session, target)
    if (waiting === null) return
    const obstacle = this.table.obstacle(waiting.asks, waiting)
    this.table.endRequest(waiting, { ...obstacle, reason, forMs: 0 })
  }

  #waiting(session: ModelSession, request: number): ModelRequest | null {
    return this.table.requests.find((one) => one.session === session && one.request === request) ?? null
  }

  // ---- giving back

  #release(index: number, session: ModelSession, command: Extract<Command, { type: 8 }>): void {
    const { name, token, request, done } = command
    const own = this.table.holdsOf(name).filter((hold) => hold.session === session)
    const current = own.filter(({ phase }) => phase === 'held')
    if (token === 0 && current.length > 1) return this.#fail(session, request, 'bad-request')
    const hold = token === 0 ? (current[0] ?? own[0]) : own.find((one) => one.token === token)
    if (hold === undefined) return this.#fail(session, request, 'not-holder')
    if (done && hold.once === '') return this.#fail(session, request, 'bad-request')
    if (done && hold.phase !== 'held') return this.#fail(session, request, 'not-holder')
    if (done) this.#mark(index, hold)
    this.table.end(hold, 'released')
    this.#answer(session, request, { kind: 'released', name })
  }

  #mark(index: number, { once: key, onceTtlMs, holder }: ModelHold): void {
    const sinceWallMs = this.table.wallMs
    const expiresWallMs = onceTtlMs === 0 ? 0 : sinceWallMs + onceTtlMs
    this.table.marks.set(key, { key, generation: this.table.draw(index), sinceWallMs, expiresWallMs, holder })
  }

  #unlock(session: ModelSession, command: Extract<Command, { type: 25 }>): void {
    const { name, token, owner, secretHash, request } = command
    const loose = this.table.holdsOf(name).filter((hold) => hold.loose && hold.phase === 'held')
    const meant = loose
      .filter((hold) => token === 0 || hold.token === token)
      .filter((hold) => owner === 0 || (hold.owner === owner && hold.secretHash === secretHash))
    const [hold, another] = meant
    if (hold === undefined) return this.#fail(session, request, 'not-holder')
    if (another !== undefined) return this.#fail(session, request, 'not-holder')
    this.table.end(hold, 'unlocked')
    this.#answer(session, request, { kind: 'released', name })
  }

  #ofHold(command: Extract<Command, { type: 18 | 20 | 26 | 27 | 28 }>): void {
    const { table } = this
    if ('wallMs' in command) this.#sawWallTime(command)
    const hold = table.holdsOf(command.name).find(({ token }) => token === command.token)
    if (hold === undefined) return
    if (command.type === CommandType.letGo) {
      const { session } = hold
      const isLost = hold.phase === 'forced' || hold.phase === 'ttl'
      if (isLost && session?.id === command.session && session.attach === command.attach) table.end(hold, 'released')
      return
    }
    const clock = 'clock' in command ? (['delay', 'minHold', 'ttl'] as const)[command.clock] : 'delay'
    if (clock === undefined) return
    const key = `${clock}Ms` as const
    // A delay begins to run when the hold has ended.
    if (hold[key] === 0 || (clock === 'delay' && hold.phase !== 'tail')) return
    if (clock === 'ttl' && hold.phase !== 'held') return
    if ('leftMs' in command) {
      // Nothing left is the word for none; a count to the end says `timeOver`.
      hold[key] = Math.min(hold[key], Math.max(1, command.leftMs))
      return
    }
    hold[key] = 0
    if (clock === 'ttl') this.#lose(hold, 'ttl')
    else table.dropIfOver(hold)
  }

  /** It has ended; while its client may believe in it, it counts. */
  #lose(hold: ModelHold, reason: 'forced' | 'ttl', by = ''): void {
    const { session } = hold
    if (session === null) return this.table.end(hold, reason, by)
    this.table.noteEnd(hold, reason, by)
    hold.phase = reason
    this.table.tell(session, ['lost', session.id, hold.name, hold.token, reason])
  }

  // ---- operators

  #force(session: ModelSession, command: Extract<Command, { type: 29 }>): void {
    const { name, token, now, request } = command
    const { table } = this
    const hold = table.holdsOf(name).find((one) => one.token === token)
    if (hold === undefined) return this.#fail(session, request, 'not-holder')
    const { session: holder } = hold
    const withinMs = holder === null || now ? 0 : holder.leaseMs + table.nodeLeaseMs
    this.#answer(session, request, { kind: 'forced', name, token, withinMs })
    if (hold.phase === 'tail') return table.drop(hold)
    if (hold.phase === 'held') this.#lose(hold, 'forced', labelOf(session))
    if (now && holder !== null) table.end(hold, 'forced')
  }

  #resize(session: ModelSession, command: Extract<Command, { type: 30 }>): void {
    const { name, limit, request } = command
    const { table } = this
    const before = table.limits.get(name)
    if (limit === 0) {
      if (!table.pins.delete(name)) return this.#fail(session, request, 'bad-request')
    } else if (before === 0) return this.#fail(session, request, 'limit-mismatch')
    else {
      if (before !== undefined && !this.#setLimit(name, before, limit)) {
        return this.#fail(session, request, 'deadlock')
      }
      table.pins.set(name, limit)
    }
    this.#answer(session, request, { kind: 'resized', name, limit })
  }

  /** False, and nothing has changed, if requests would wait for ever then. */
  #setLimit(name: string, before: number, limit: number): boolean {
    const { table } = this
    const asksTooMuch = ({ asks }: ModelRequest) => asks.some((ask) => ask.name === name && ask.amount > limit)
    const all = table.requests
    table.limits.set(name, limit)
    table.requests = all.filter((request) => !asksTooMuch(request))
    const isStuck = table.stuck().length > 0
    table.requests = all
    if (isStuck) {
      table.limits.set(name, before)
      return false
    }
    for (const request of all) if (asksTooMuch(request)) table.endRequest(request, failure('permits'))
    return true
  }

  #freeze(index: number, session: ModelSession, command: Freeze): void {
    const { prefix, untilWallMs, reason, request } = command
    this.table.freezes.set(prefix, { prefix, generation: this.table.draw(index), untilWallMs, reason })
    this.#endMixed()
    this.#answer(session, request, { kind: 'frozen', prefix })
  }

  #thaw(prefix: string): void {
    this.table.freezes.delete(prefix)
    this.#endMixed()
  }

  #endMixed(): void {
    const { table } = this
    for (const request of table.requests) {
      const frozen = table.frozenRefusal(request.asks)
      if (frozen !== null && table.isMixed(request.asks)) table.endRequest(request, frozen)
    }
  }

  #answer(session: ModelSession, request: number, given: Answer): void {
    this.table.answer(session, request, given)
  }

  #fail(session: ModelSession, request: number, code: AnswerErrorCode): void {
    this.#answer(session, request, failure(code))
  }
}

/** Words for people are not compared. */
const failure = (code: AnswerErrorCode): Answer => ({ kind: 'error', code, message: '' })

const NO_TERMS: Omit<AskCommand, 'keepsAll' | 'keeps' | 'type' | 'asks' | 'request' | keyof SessionHeader> = {
  waitMs: 0,
  meta: '',
  delayMs: 0,
  minHoldMs: 0,
  ttlMs: 0,
  loose: false,
  once: '',
  onceTtlMs: 0,
  wallMs: 0,
}
