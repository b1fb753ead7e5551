/**
 * What the lock machine should do, written plainly: lists that are searched from the start, nothing lazy, a deadlock
 * search forwards over the whole graph. Each command is an entry of its own, so that what ended epochs leave behind is
 * gone with the same command.
 */
import { type Command, CommandType, type LockRequest, type SessionHeader } from '../../src/locks/commands/commands.js'
import { COUNTER_START } from './harness.js'

type OfBase = Extract<Command, SessionHeader & { type: BaseType }>
type BaseType = (typeof NUMBERED)[number]
/** The numbered commands that a cluster of level 1 has. */
const NUMBERED = [
  CommandType.lock,
  CommandType.release,
  CommandType.cancel,
  CommandType.waitTimeout,
  CommandType.ack,
  CommandType.end,
  CommandType.detach,
] as const

function isOfBase(command: Command): command is OfBase {
  return NUMBERED.some((type) => type === command.type)
}

export interface ModelSession {
  readonly id: number
  readonly classic: boolean
  readonly secretHash: string
  readonly leaseMs: number
  readonly lingerMs: number
  readonly clientId: string
  attach: number
  lastN: number
  place: { node: string; epoch: number; conn: number } | null
  detachedForMs: number
  acknowledged: number
  /** Of the requests that were applied. */
  highest: number
  attempt: number
  answers: Map<number, string>
}

interface ModelWaiter {
  readonly session: ModelSession
  readonly request: number
  readonly delayMs: number
}

interface ModelLock {
  holder: ModelSession | null
  token: number
  delayMs: number
  queue: ModelWaiter[]
}

export class Model {
  counter = COUNTER_START
  readonly current = new Map<string, number>()
  readonly live = new Map<number, { node: string; opened: Set<number>; floor: number }>()
  /** In the order of attachment. */
  sessions: ModelSession[] = []
  readonly locks = new Map<string, ModelLock>()

  apply(index: number, command: Command): void {
    switch (command.type) {
      case CommandType.nodeUp: {
        const { node, epoch, expected, dead } = command
        if ((this.current.get(node) ?? 0) !== expected || epoch === expected || this.live.has(epoch)) return
        this.current.set(node, epoch)
        this.live.set(epoch, { node, opened: new Set(), floor: 0 })
        if (dead === expected && dead !== 0) this.#endEpoch(index, node, dead)
        return
      }
      case CommandType.nodeDown:
      case CommandType.expireNode:
        this.#endEpoch(index, command.node, command.epoch)
        return
      case CommandType.open:
      case CommandType.openClassic:
      case CommandType.resume:
        this.#opening(index, command)
        return
      case CommandType.end: {
        const session = this.#attached(command)
        if (session !== null) this.#end(index, session, false)
        return
      }
      case CommandType.detach: {
        const session = this.#attached(command)
        if (session === null) return
        if (session.classic || (command.fin && session.lingerMs === 0)) this.#end(index, session, false)
        else this.#detach(session, command.fin ? session.lingerMs : Math.max(session.leaseMs, session.lingerMs))
        return
      }
      case CommandType.expireSession: {
        const session = this.#detachedUnder(command)
        if (session !== null) this.#end(index, session, true)
        return
      }
      case CommandType.detachedWaitTimeout: {
        const session = this.#detachedUnder(command)
        if (session !== null) this.#endWait(session, command.target, 'timeout')
        return
      }
      case CommandType.delayOver: {
        const lock = this.locks.get(command.name)
        if (lock?.holder === null && lock.token === command.token) this.#pass(index, command.name, lock)
        return
      }
      case CommandType.left: {
        const session = this.#detachedUnder(command)
        if (session !== null) session.detachedForMs = Math.min(session.detachedForMs, command.leftMs)
        return
      }
      case CommandType.delayLeft: {
        const lock = this.locks.get(command.name)
        if (lock?.holder !== null || lock.token !== command.token) return
        lock.delayMs = Math.min(lock.delayMs, command.leftMs)
        return
      }
      case CommandType.waitsLeft:
      case CommandType.sweep:
      case CommandType.claimMember:
      case CommandType.setLevel:
      case CommandType.holdLevel:
        return
      default:
        if (isOfBase(command)) this.#numbered(index, command)
    }
  }

  #numbered(index: number, command: OfBase): void {
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
    if (command.type === CommandType.waitTimeout) {
      this.#endWait(session, command.target, 'timeout')
    } else if (command.type !== CommandType.ack) {
      const known = session.answers.has(command.request) || command.request <= session.acknowledged
      const waits = this.#waits(session).some(({ waiter }) => waiter.request === command.request)
      const fresh = !waits && (session.classic || !known)
      if (fresh && command.type === CommandType.lock) this.#lock(index, session, command.request, command)
      if (fresh && command.type === CommandType.release) this.#release(index, session, command)
      if (fresh && command.type === CommandType.cancel) {
        this.#endWait(session, command.target, 'cancelled')
        this.#answer(session, command.request, 'cancelled')
      }
    }
    this.#endIfIdle(index, session)
  }

  #opening(index: number, command: Extract<Command, { conn: number }>): void {
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
      this.#draw(index)
      Object.assign(session, { attach: session.attach + 1, lastN: 0, place, detachedForMs: 0 })
      this.sessions = [...this.sessions.filter((s) => s !== session), session]
      return
    }
    const classic = command.type === CommandType.openClassic
    const session: ModelSession = {
      id: this.#draw(index),
      classic,
      secretHash: classic ? '' : command.secretHash,
      leaseMs: classic ? 0 : command.leaseMs,
      lingerMs: classic ? 0 : command.lingerMs,
      clientId: command.clientId,
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
    this.#lock(index, session, -1, command)
    this.#endIfIdle(index, session)
  }

  #lock(index: number, session: ModelSession, request: number, asked: LockRequest): void {
    const { name, delayMs, waitMs } = asked
    const lock = this.locks.get(name)
    if (lock === undefined) {
      const free: ModelLock = { holder: null, token: 0, delayMs: 0, queue: [{ session, request, delayMs }] }
      this.locks.set(name, free)
      this.#pass(index, name, free)
    } else if (lock.holder === session || lock.queue.some((w) => w.session === session)) {
      this.#answer(session, request, 'deadlock')
    } else if (waitMs === 0) {
      this.#answer(session, request, `held ${name} ${label(lock.holder)}`)
    } else {
      lock.queue.push({ session, request, delayMs })
      if (!this.#reaches(this.#blockers(session), session)) return
      lock.queue.pop()
      this.#answer(session, request, 'deadlock')
    }
  }

  #release(index: number, session: ModelSession, command: { name: string; token: number; request: number }): void {
    const lock = this.locks.get(command.name)
    if (lock?.holder !== session || (command.token !== 0 && command.token !== lock.token)) {
      this.#answer(session, command.request, 'not-holder')
      return
    }
    this.#answer(session, command.request, `released ${command.name}`)
    this.#pass(index, command.name, lock)
  }

  #pass(index: number, name: string, lock: ModelLock): void {
    const next = lock.queue.shift()
    if (next === undefined) {
      this.locks.delete(name)
      return
    }
    lock.holder = next.session
    lock.token = this.#draw(index)
    lock.delayMs = next.delayMs
    this.#answer(next.session, next.request, `granted ${name} ${lock.token}`)
  }

  #endWait(session: ModelSession, request: number, reason: string): void {
    for (const { name, lock, waiter } of this.#waits(session)) {
      if (waiter.request !== request) continue
      lock.queue = lock.queue.filter((w) => w !== waiter)
      this.#answer(session, request, `${reason} ${name} ${label(lock.holder)}`)
    }
  }

  #end(index: number, session: ModelSession, unclean: boolean): void {
    this.sessions = this.sessions.filter((s) => s !== session)
    for (const lock of this.locks.values()) lock.queue = lock.queue.filter((w) => w.session !== session)
    const held = [...this.locks].filter(([, lock]) => lock.holder === session).sort(([, a], [, b]) => a.token - b.token)
    for (const [name, lock] of held) {
      lock.holder = null
      if (!unclean || lock.delayMs === 0) this.#pass(index, name, lock)
    }
  }

  #endIfIdle(index: number, session: ModelSession): void {
    const holds = [...this.locks.values()].some((lock) => lock.holder === session)
    if (session.classic && !holds && this.#waits(session).length === 0) this.#end(index, session, false)
  }

  #detach(session: ModelSession, forMs: number): void {
    session.place = null
    session.detachedForMs = forMs
  }

  #endEpoch(index: number, node: string, epoch: number): void {
    if (this.live.get(epoch)?.node !== node) return
    this.live.delete(epoch)
    const orphans = this.sessions.filter((s) => s.place?.epoch === epoch)
    // Nobody who is dead gets a lock from another who is dead.
    for (const { classic, ...s } of orphans) {
      if (!classic) continue
      for (const lock of this.locks.values()) lock.queue = lock.queue.filter((w) => w.session.id !== s.id)
    }
    for (const session of orphans) {
      if (session.classic) this.#end(index, session, false)
      else this.#detach(session, Math.max(session.leaseMs, session.lingerMs))
    }
  }

  #attached(header: { node: string; epoch: number; session: number; attach: number }): ModelSession | null {
    const session = this.sessions.find((s) => s.id === header.session && s.attach === header.attach)
    return session?.place?.epoch === header.epoch && session.place.node === header.node ? session : null
  }

  #detachedUnder(command: { session: number; attach: number }): ModelSession | null {
    const session = this.sessions.find((s) => s.id === command.session && s.attach === command.attach)
    return session === undefined || session.place !== null ? null : session
  }

  #answer(session: ModelSession, request: number, answer: string): void {
    if (!session.classic && request > session.acknowledged) session.answers.set(request, answer)
  }

  #draw(index: number): number {
    this.counter = Math.max(this.counter + 1, index)
    return this.counter
  }

  #waits(session: ModelSession): { name: string; lock: ModelLock; waiter: ModelWaiter }[] {
    return [...this.locks].flatMap(([name, lock]) =>
      lock.queue.filter((waiter) => waiter.session === session).map((waiter) => ({ name, lock, waiter })),
    )
  }

  #blockers(session: ModelSession): ModelSession[] {
    return this.#waits(session).flatMap(({ lock, waiter }) => {
      const ahead = lock.queue.slice(0, lock.queue.indexOf(waiter)).map((w) => w.session)
      return lock.holder === null ? ahead : [lock.holder, ...ahead]
    })
  }

  #reaches(from: ModelSession[], goal: ModelSession): boolean {
    const seen = new Set<ModelSession>()
    const open = [...from]
    for (let session = open.pop(); session !== undefined; session = open.pop()) {
      if (session === goal) return true
      if (seen.has(session)) continue
      seen.add(session)
      open.push(...this.#blockers(session))
    }
    return false
  }
}

function label(holder: ModelSession | null): string {
  return holder === null ? '' : holder.clientId || String(holder.id)
}
