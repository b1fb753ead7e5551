/** What a session's commands do to locks: each gives its answer, or null if it waits or was granted. */
import {
  type Ask,
  type AskCommand,
  type Command,
  CommandType,
  EXCLUSIVE,
  type Freeze,
  type Kept,
  type SessionHeader,
} from '../../../../src/locks/commands/commands.js'
import type { Answer, AnswerErrorCode } from '../../../../src/locks/effects.js'
import { identityOf, labelOf, type ModelHold, type ModelRequest, type ModelSession } from './entities.js'
import { type Asked, doneAnswer, type Table } from './table.js'

type AskingCommand = Extract<Command, SessionHeader & { request: number }>

export class Operations {
  constructor(private readonly table: Table) {}

  carryOut(index: number, session: ModelSession, command: AskingCommand): Answer | null {
    switch (command.type) {
      case CommandType.lock: {
        const { name, waitMs, meta, delayMs, wallMs } = command
        const terms = { ...NO_TERMS, waitMs, meta, delayMs, wallMs }
        const asks: Asked['asks'] = [{ name, amount: EXCLUSIVE, limit: 0 }]
        return this.ask(index, session, command.request, { asks, terms, keeps: 'all', waitMs })
      }
      case CommandType.ask: {
        const { keepsAll, waitMs } = command
        const keeps = this.#keepable(session, command)
        const [first, ...others] = command.asks
        if (first === undefined) return failure('bad-request')
        const asked: Asked = { asks: [first, ...others], terms: command, keeps: keepsAll ? 'all' : keeps, waitMs }
        return this.ask(index, session, command.request, asked)
      }
      case CommandType.release:
        return this.#release(index, session, command)
      case CommandType.cancel:
        this.endWait(session, command.target, 'cancelled')
        return { kind: 'cancelled' }
      case CommandType.unlock:
        return this.#unlock(session, command)
      case CommandType.forceRelease:
        return this.#force(session, command)
      case CommandType.resize:
        return this.#resize(command)
      case CommandType.freeze:
        return this.#freeze(index, command)
      case CommandType.thaw:
        if (!this.table.freezes.has(command.prefix)) return failure('bad-request')
        this.thaw(command.prefix)
        return { kind: 'thawed', prefix: command.prefix }
      case CommandType.forget:
        if (!this.table.marks.delete(command.key)) return failure('bad-request')
        return { kind: 'forgotten', key: command.key }
    }
  }

  ask(index: number, session: ModelSession, request: number, asked: Asked): Answer | null {
    const { table } = this
    const { asks, terms, waitMs } = asked
    // A classic client has no line for several names; its node never asks so.
    const error = session.classic && asks.length > 1 ? 'bad-request' : this.#errorIn(asks)
    if (error !== null) return failure(error)
    const mark = table.marks.get(terms.once)
    if (mark !== undefined) return doneAnswer(mark)
    const frozen = table.frozenRefusal(asks)
    if (frozen !== null && (waitMs === 0 || table.isMixed(asks))) return frozen
    if (table.mayHave(asks, null)) {
      table.grant(index, session, request, asked, terms.wallMs)
      return null
    }
    const waiting: ModelRequest = { session, request, number: table.draw(index), ...asked }
    if (waitMs === 0) return table.standsInItsOwnWay(waiting) ? DEADLOCK : table.obstacle(asks, null)
    for (const { name, limit } of asks) table.limits.set(name, table.limitFor(name, limit))
    table.requests.push(waiting)
    if (table.stuck().includes(waiting)) {
      table.dropRequest(waiting)
      return DEADLOCK
    }
    this.tellQueued(waiting)
    return null
  }

  /** What a client says it keeps counts of current holds of its own identity, or of everybody's if it may break them. */
  #keepable(session: ModelSession, { keeps, keepsAnyones }: AskCommand): readonly Kept[] {
    if (keepsAnyones) return keeps
    return keeps.filter(({ name, token }) => {
      return this.table.holdsOf(name).some((hold) => hold.token === token && identityOf(hold) === session.identity)
    })
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

  tellQueued(waiting: ModelRequest): void {
    const { table } = this
    const { session, request, asks } = waiting
    const { name } = table.obstacle(asks, waiting)
    const position = 1 + table.placesBefore(name, waiting).length
    const holder = table.holdsOf(name).find(({ phase }) => phase === 'held')?.holder ?? ''
    table.tell(session, ['queued', session.id, request, name, position, holder, table.limits.get(name) ?? 0])
  }

  endWait(session: ModelSession, target: number, reason: 'timeout' | 'cancelled'): void {
    const waiting = this.waiting(session, target)
    if (waiting === null) return
    const obstacle = this.table.obstacle(waiting.asks, waiting)
    this.table.endRequest(waiting, { ...obstacle, reason, forMs: 0 })
  }

  waiting(session: ModelSession, request: number): ModelRequest | null {
    return this.table.requests.find((one) => one.session === session && one.request === request) ?? null
  }

  // ---- giving back

  #release(index: number, session: ModelSession, command: Extract<Command, { type: 8 }>): Answer {
    const { name, token, done } = command
    const own = this.table.holdsOf(name).filter((hold) => hold.session === session)
    const current = own.filter(({ phase }) => phase === 'held')
    if (token === 0 && current.length > 1) return failure('bad-request')
    const hold = token === 0 ? (current[0] ?? own[0]) : own.find((one) => one.token === token)
    if (hold === undefined) return failure('not-holder')
    if (done && hold.once === '') return failure('bad-request')
    if (done && hold.phase !== 'held') return failure('not-holder')
    if (done) this.#mark(index, hold)
    this.table.end(hold, 'released')
    return { kind: 'released', name }
  }

  #mark(index: number, { once: key, onceTtlMs, holder }: ModelHold): void {
    const sinceWallMs = this.table.wallMs
    const expiresWallMs = onceTtlMs === 0 ? 0 : sinceWallMs + onceTtlMs
    const generation = this.table.draw(index)
    this.table.marks.set(key, { key, generation, sinceWallMs, expiresWallMs, holder })
    this.table.counted.push(['marked', key, generation, expiresWallMs])
  }

  #unlock(session: ModelSession, command: Extract<Command, { type: 25 }>): Answer {
    const { name, token, owner, secretHash, ofAnyone } = command
    const loose = this.table.holdsOf(name).filter((hold) => hold.loose && hold.phase === 'held')
    const meant = loose
      .filter((hold) => token === 0 || hold.token === token)
      .filter((hold) => owner === 0 || (hold.owner === owner && hold.secretHash === secretHash))
      .filter((hold) => owner !== 0 || ofAnyone || identityOf(hold) === session.identity)
    const [hold, another] = meant
    if (hold === undefined) return failure('not-holder')
    if (another !== undefined) return failure('not-holder')
    this.table.end(hold, 'unlocked')
    return { kind: 'released', name }
  }

  ofHold(command: Extract<Command, { type: 18 | 20 | 26 | 27 | 28 }>): void {
    const { table } = this
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
    if (clock === 'ttl') {
      this.#lose(hold, 'ttl')
      return
    }
    hold[key] = 0
    table.dropIfOver(hold)
  }

  /** It has ended; while its client may believe in it, it counts. */
  #lose(hold: ModelHold, reason: 'forced' | 'ttl', by = ''): void {
    const { session } = hold
    if (session === null) {
      this.table.end(hold, reason, by)
      return
    }
    this.table.noteEnd(hold, reason, by)
    hold.phase = reason
    this.table.tell(session, ['lost', session.id, hold.name, hold.token, reason])
  }

  // ---- operators

  #force(session: ModelSession, command: Extract<Command, { type: 29 }>): Answer {
    const { name, token, now } = command
    const { table } = this
    const hold = table.holdsOf(name).find((one) => one.token === token)
    if (hold === undefined) return failure('not-holder')
    const { session: holder } = hold
    const withinMs = holder === null || now ? 0 : table.letGoMs(holder)
    if (hold.phase === 'tail') table.drop(hold)
    else {
      if (hold.phase === 'held') this.#lose(hold, 'forced', labelOf(session))
      if (now && holder !== null) table.end(hold, 'forced')
    }
    return { kind: 'forced', name, token, withinMs }
  }

  #resize(command: Extract<Command, { type: 30 }>): Answer {
    const { name, limit } = command
    const { table } = this
    const before = table.limits.get(name)
    if (limit === 0) {
      if (!table.pins.delete(name)) return failure('bad-request')
    } else if (before === 0) return failure('limit-mismatch')
    else {
      if (before !== undefined && !this.#setLimit(name, before, limit)) {
        return failure('deadlock')
      }
      table.pins.set(name, limit)
    }
    return { kind: 'resized', name, limit }
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

  #freeze(index: number, command: Freeze): Answer {
    const { prefix, untilWallMs, isOver, reason } = command
    if (isOver) return failure('bad-request')
    const generation = this.table.draw(index)
    this.table.freezes.set(prefix, { prefix, generation, untilWallMs, reason })
    this.table.counted.push(['frozen', prefix, generation, untilWallMs])
    this.#endMixed()
    return { kind: 'frozen', prefix }
  }

  thaw(prefix: string): void {
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
}

/** Which circle is told is not compared: there may be several. */
const DEADLOCK: Answer = { kind: 'deadlock', steps: [], isCut: false }

/** Nor are these. */
const failure = (code: AnswerErrorCode): Answer => ({ kind: 'error', code, message: '' })

export const NO_TERMS: Omit<AskCommand, 'keepsAll' | 'keeps' | 'type' | 'asks' | 'request' | keyof SessionHeader> = {
  waitMs: 0,
  meta: '',
  delayMs: 0,
  minHoldMs: 0,
  ttlMs: 0,
  loose: false,
  once: '',
  onceTtlMs: 0,
  keepsAnyones: false,
  wallMs: 0,
}
