/**
 * What the lock service of a cluster of level 2 should do, command by command, written from docs/protocol.md and not from the
 * machine. Each command is an entry of its own, so that what ended epochs leave behind is gone with the same command.
 */
import { type Command, CommandType, type SessionHeader } from '../../../../src/locks/commands/commands.js'
import type { HoldEnd } from '../../../../src/locks/state/standing.js'
import type { SeededRandom } from '../../../../src/testing/seeded-random.js'
import type { ModelFreeze, ModelHold, ModelMark, ModelRequest, ModelSession } from './entities.js'
import { NO_TERMS, Operations } from './operations.js'
import { type Asked, Table } from './table.js'

type OpeningCommand = Extract<Command, { conn: number }>
type NumberedCommand = Extract<Command, SessionHeader>

const CLASSIC_REQUEST = -1

export class Model {
  readonly table: Table
  readonly operations: Operations
  readonly current = new Map<string, number>()
  readonly live = new Map<number, { node: string; opened: Set<number>; floor: number }>()
  /** In the order of attachment. */
  sessions: ModelSession[] = []

  constructor(counterStart: number, nodeLeaseMs: number, random: SeededRandom, grantsMax: number) {
    this.table = new Table(counterStart, nodeLeaseMs, random, grantsMax)
    this.operations = new Operations(this.table)
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
        this.#endEpoch(command.node, command.epoch)
        return
      case CommandType.open:
      case CommandType.openClassic:
      case CommandType.resume:
        this.#opening(index, command)
        return
      case CommandType.end:
      case CommandType.detach:
        this.#leaves(command)
        return
      case CommandType.expireSession:
      case CommandType.detachedWaitTimeout:
      case CommandType.left:
      case CommandType.waitsLeft:
        this.#counted(command)
        return
      case CommandType.timeOver:
      case CommandType.timeLeft:
      case CommandType.delayOver:
      case CommandType.delayLeft:
      case CommandType.letGo:
        if ('wallMs' in command) this.#sawWallTime(command)
        this.operations.ofHold(command)
        return
      case CommandType.freezeOver: {
        const freeze = this.table.freezes.get(command.prefix)
        if (freeze?.generation === command.generation && freeze.untilWallMs > 0) this.operations.thaw(command.prefix)
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
      if (session.identity !== '' && session.identity !== command.identity && !command.asAnyone) return
      if (command.attempt > 0 && command.attempt <= session.attempt) return
      session.attempt = Math.max(session.attempt, command.attempt)
      if (session.identity === '') session.identity = command.identity
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
      identity: classic ? null : command.identity,
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
    const asked: Asked = { asks: [{ name, amount, limit }], terms, keeps: 'all', waitMs }
    const given = this.operations.ask(index, session, CLASSIC_REQUEST, asked)
    if (given !== null) this.table.answer(session, CLASSIC_REQUEST, given)
  }

  #leaves(command: Extract<Command, { type: 12 | 13 }>): void {
    const session = this.#attached(command)
    if (session === null) return
    this.#sawWallTime(command)
    if (command.type === CommandType.end) this.#end(session, endOf(command.bye, session.classic))
    else if (session.classic || (command.fin && session.lingerMs === 0)) this.#end(session, 'fin')
    else if (command.leaseOnly) this.#detach(session, session.leaseMs)
    else this.#detach(session, command.fin ? session.lingerMs : Math.max(session.leaseMs, session.lingerMs))
  }

  #counted(command: Extract<Command, { type: 14 | 15 | 19 | 21 }>): void {
    const session = this.sessions.find((s) => s.id === command.session && s.attach === command.attach)
    if (session === undefined) return
    if (command.type === CommandType.waitsLeft) {
      for (const { request, leftMs } of command.waits) {
        const waiting = this.operations.waiting(session, request)
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
    else this.operations.endWait(session, command.target, 'timeout')
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
    if (command.type === CommandType.waitTimeout) this.operations.endWait(session, command.target, 'timeout')
    else if ('request' in command && this.#isNew(session, command.request)) {
      if ('wallMs' in command) this.#sawWallTime(command)
      const given = this.operations.carryOut(index, session, command)
      if (given !== null) this.table.answer(session, command.request, given)
    }
  }

  /** False if it was asked before: then what became of it is told again. */
  #isNew(session: ModelSession, request: number): boolean {
    const waiting = this.operations.waiting(session, request)
    if (waiting !== null) {
      this.operations.tellQueued(waiting)
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
}

/** What a classic client says in place of `bye` is `release`. */
function endOf(bye: boolean, classic: boolean): HoldEnd {
  if (!bye) return 'fin'
  return classic ? 'released' : 'bye'
}
