/** What the nodes of a fake cluster share, as if replicated without delay: sessions, locks and stored answers. */
import { formatLine } from '../../src/protocol/line.js'

export interface FakeSession {
  readonly id: string
  readonly secret: string
  readonly clientId: string
  connection: SessionConnection | null
  readonly answers: Map<number, string[]>
  /** Of the last `resume` that was applied. */
  attempt: number
  acknowledged: number
}

export interface Waiting {
  readonly session: FakeSession
  readonly id: number
  timer: NodeJS.Timeout | undefined
}

export interface FakeLock {
  holder: FakeSession | null
  token: number
  readonly queue: Waiting[]
}

/** Where a session is served at present. */
export interface SessionConnection {
  say(line: string): void
  close(): void
  reset(): void
}

export class FakeState {
  readonly sessions = new Map<string, FakeSession>()
  readonly locks = new Map<string, FakeLock>()
  lastNumber = 100

  /** Named in `welcome` and `redirect`; empty: the servers name none. */
  id = 'c1'
  maxLocksPerSession = Number.POSITIVE_INFINITY
  /** Requests that were refused because of it. */
  refusals = 0

  constructor(public leaseSeconds = 10) {}

  next(): number {
    this.lastNumber += 1
    return this.lastNumber
  }

  lock(name: string): FakeLock {
    const lock = this.locks.get(name) ?? { holder: null, token: 0, queue: [] }
    this.locks.set(name, lock)
    return lock
  }

  /** Held and waited for. */
  locksOf(session: FakeSession): number {
    let count = 0
    for (const { holder, queue } of this.locks.values()) {
      if (holder === session || queue.some((waiting) => waiting.session === session)) count += 1
    }
    return count
  }

  /** A session of nobody who is connected here. */
  strange(): FakeSession {
    return {
      id: '0',
      secret: '',
      clientId: 'strange',
      connection: null,
      answers: new Map(),
      attempt: 0,
      acknowledged: 0,
    }
  }

  holderOf(name: string): string | null {
    return this.locks.get(name)?.holder?.clientId ?? null
  }

  answer(session: FakeSession, id: number, ...lines: string[]): void {
    const stored = session.answers.get(id) ?? []
    stored.push(...lines)
    session.answers.set(id, stored)
    for (const line of lines) session.connection?.say(line)
  }

  grant(name: string, lock: FakeLock, session: FakeSession, id: number): void {
    lock.holder = session
    lock.token = this.next()
    this.answer(session, id, formatLine('ok', { id, name, token: lock.token }))
  }

  free(name: string): void {
    const lock = this.lock(name)
    lock.holder = null
    const next = lock.queue.shift()
    if (next === undefined) return
    clearTimeout(next.timer)
    this.grant(name, lock, next.session, next.id)
  }

  end(session: FakeSession): void {
    this.sessions.delete(session.id)
    session.connection = null
    for (const [name, lock] of this.locks) {
      const at = lock.queue.findIndex((waiting) => waiting.session === session)
      if (at >= 0) lock.queue.splice(at, 1)
      if (lock.holder === session) this.free(name)
    }
  }
}
