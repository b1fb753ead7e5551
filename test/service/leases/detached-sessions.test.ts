/** What a new leader begins to count of the sessions that it finds detached (rules.md rule 4). */
import { describe, expect, it } from 'vitest'
import { CommandType, type SessionId } from '../../../src/locks/commands/commands.js'
import type { SessionView, Where } from '../../../src/locks/effects.js'
import { DetachedSessions } from '../../../src/service/leases/detached-sessions.js'
import { BEGUN_PER_TURN_COUNT } from '../../../src/service/limits.js'
import { DutyBench } from './duty-bench.js'

const FOR_MS = 60_000
/** The last of them are begun in a second turn. */
const COUNT = BEGUN_PER_TURN_COUNT + 2
const LATE = COUNT - 1
const LAST = COUNT
const ELSEWHERE: Where = { node: 'n2', epoch: 7, conn: 1 }

class Bench extends DutyBench {
  readonly sessions: DetachedSessions
  readonly views = new Map<SessionId, SessionView>()

  constructor() {
    super({
      detachedSessions: () => [...this.views.values()].map((view) => ({ ...view, forMs: FOR_MS })),
      session: (id) => this.views.get(id) ?? null,
    })
    for (let session = 1; session <= COUNT; session++) this.#has(session, 1, null)
    this.sessions = new DetachedSessions(this, this.office)
  }

  /** By a resume that this leader applies. */
  resumed(session: SessionId): void {
    this.#has(session, 2, ELSEWHERE)
    this.sessions.resumed(session, 2)
  }

  /** What was resumed breaks off once more. */
  brokenOffAgain(session: SessionId): void {
    this.#has(session, 2, null)
    this.sessions.detached(session, 2, FOR_MS)
  }

  /** Each that is to expire, and under which attach count; more than once until it is applied. */
  expired(): [session: SessionId, attach: number][] {
    return this.commands.flatMap((command) =>
      command.type === CommandType.expireSession ? [[command.session, command.attach]] : [],
    )
  }

  /** Whom any proposal concerned. */
  concerned(): Set<SessionId> {
    return new Set(this.commands.flatMap((command) => ('session' in command ? [command.session] : [])))
  }

  #has(session: SessionId, attach: number, where: Where | null): void {
    this.views.set(session, {
      session,
      attach,
      where,
      lastN: 0,
      clientId: 'c',
      leaseMs: 10_000,
      lingerMs: 0,
      classic: false,
      held: [],
      ending: [],
      queued: [],
      answers: [],
      lowestUnacknowledged: 1,
      highestRequest: 0,
      attempt: 0,
    })
  }
}

describe('a new leader counts the sessions that it finds detached', () => {
  it('some a turn, and all of them in the end', () => {
    const bench = new Bench()
    bench.sessions.begin()
    expect(bench.sessions.count).toBe(BEGUN_PER_TURN_COUNT)
    bench.advance(1)
    expect(bench.sessions.count).toBe(COUNT)
    bench.advance(FOR_MS)
    expect(new Set(bench.expired().map(([session]) => session)).size).toBe(COUNT)
  })

  it('but none that was resumed before its turn came', () => {
    const bench = new Bench()
    bench.sessions.begin()
    bench.resumed(LAST)
    bench.advance(1)
    expect(bench.sessions.count).toBe(COUNT - 1)
    bench.advance(FOR_MS)
    const concerned = bench.concerned()
    expect([concerned.has(LATE), concerned.has(LAST)]).toEqual([true, false])
  })

  it('and one that has broken off again meanwhile from that time on', () => {
    const bench = new Bench()
    bench.sessions.begin()
    bench.resumed(LAST)
    bench.brokenOffAgain(LAST)
    bench.advance(1)
    expect(bench.sessions.count).toBe(COUNT)
    bench.advance(FOR_MS)
    const attachCounts = bench.expired().flatMap(([session, attach]) => (session === LAST ? [attach] : []))
    expect(new Set(attachCounts)).toEqual(new Set([2]))
  })
})
