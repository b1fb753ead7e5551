/** The times of holds, as the leader counts them: never short, each in its turn (rules.md rule 4, tails). */
import { describe, expect, it } from 'vitest'
import { CommandType, type HoldClock } from '../../../src/locks/commands/commands.js'
import { HoldTimes } from '../../../src/service/leases/hold-times.js'
import type { TimedHold } from '../../../src/service/state-view.js'
import { DutyBench } from './duty-bench.js'

const MANY = 100_000

class Bench extends DutyBench {
  readonly times: HoldTimes
  /** What the state says. */
  readonly timed = new Map<string, TimedHold>()

  constructor(level = 2) {
    super(
      {
        timedHolds: () => this.timed.values(),
        isTimed: (_name, token, clock) => this.timed.has(`${token} ${clock}`),
      },
      level,
    )
    this.times = new HoldTimes(this, this.office)
  }

  has(token: number, clock: HoldClock, forMs: number): void {
    this.timed.set(`${token} ${clock}`, { name: `lock-${token}`, token, clock, forMs })
  }

  /** The effect of an entry, and what it left in the state. */
  timedNow(token: number, clock: HoldClock, forMs: number): void {
    this.has(token, clock, forMs)
    this.times.timed(`lock-${token}`, token, clock, forMs)
  }

  /** What was proposed is applied: nothing is left of those holds. */
  applyAll(): number {
    const ends = this.commands.filter(({ type }) => type === CommandType.timeOver)
    this.proposed.length = 0
    for (const command of ends) {
      if (command.type !== CommandType.timeOver) continue
      this.timed.delete(`${command.token} ttl`)
      this.times.untimed(command.token)
    }
    this.times.look()
    return ends.length
  }

  ends(): number[] {
    return this.proposed.filter(({ command }) => command.type === CommandType.timeOver).map(({ atMs }) => atMs)
  }
}

describe('the times of a hold', () => {
  it.each([
    ['delay', 0],
    ['minHold', 1],
    ['ttl', 2],
  ] as const)('%s is over after its time, and not before', (which, clock) => {
    const bench = new Bench()
    bench.timedNow(7, which, 900)
    bench.advance(899)
    expect(bench.commands).toEqual([])
    bench.advance(1)
    const wallMs = bench.clock.wallNow()
    expect(bench.commands).toEqual([{ type: CommandType.timeOver, name: 'lock-7', token: 7, clock, wallMs }])
  })

  it('are told as they pass, so that the next leader goes on from there', () => {
    const bench = new Bench()
    bench.timedNow(7, 'ttl', 40_000)
    bench.advance(30_000)
    // A quarter of what is left, each time: 10, 7.5, 5.6 s.
    expect(bench.commands).toEqual(
      [30_000, 22_500, 16_875, 12_656].map((leftMs) => ({
        type: CommandType.timeLeft,
        name: 'lock-7',
        token: 7,
        clock: 2,
        leftMs,
      })),
    )
  })

  it('are told before this leader hands over', () => {
    const bench = new Bench()
    bench.timedNow(7, 'minHold', 3_000)
    bench.timedNow(7, 'delay', 3_000)
    bench.advance(500)
    bench.times.handingOver()
    expect(bench.commands).toMatchObject([
      { type: CommandType.timeLeft, clock: 1, leftMs: 2_500 },
      { type: CommandType.timeLeft, clock: 0, leftMs: 2_500 },
    ])
  })

  it('go on when they are told of again: a hold that becomes a tail does not begin anew', () => {
    const bench = new Bench()
    bench.timedNow(7, 'minHold', 900)
    bench.advance(500)
    bench.timedNow(7, 'minHold', 900)
    bench.timedNow(7, 'delay', 800)
    bench.advance(1_000)
    expect(bench.ends()).toEqual([900, 1_300, 1_400])
  })

  it('begin with what the state says is left, for a new leader', () => {
    const bench = new Bench()
    bench.has(1, 'ttl', 300)
    bench.has(2, 'minHold', 700)
    bench.times.begin()
    bench.advance(700)
    expect(bench.ends()).toEqual([300, 700])
  })

  it('are counted by the leader in office alone', () => {
    const bench = new Bench()
    bench.timedNow(1, 'ttl', 300)
    bench.isLeaderReady = false
    bench.advance(5_000)
    expect(bench.commands).toEqual([])
    bench.isLeaderReady = true
    bench.times.end()
    bench.advance(5_000)
    expect(bench.commands).toEqual([])
    expect(bench.times.count).toBe(0)
  })

  it('that nobody needs any longer are forgotten', () => {
    const bench = new Bench()
    bench.timedNow(1, 'minHold', 300)
    bench.timedNow(1, 'delay', 300)
    bench.times.untimed(1)
    bench.advance(5_000)
    expect(bench.commands).toEqual([])
    expect(bench.times.count).toBe(0)
  })

  it('are proposed again until the state knows', () => {
    const bench = new Bench()
    bench.timedNow(1, 'ttl', 300)
    bench.advance(1_400)
    expect(bench.ends()).toEqual([300, 800, 1_300])
    expect(bench.applyAll()).toBe(3)
    bench.advance(2_000)
    expect(bench.ends()).toEqual([])
  })

  it('of a cluster of level 1 are delays, by the commands that there were then', () => {
    const bench = new Bench(1)
    bench.timedNow(1, 'delay', 5_000)
    bench.advance(5_000)
    expect(bench.commands.at(0)).toEqual({ type: CommandType.delayLeft, name: 'lock-1', token: 1, leftMs: 3_750 })
    expect(bench.commands.at(-1)).toEqual({ type: CommandType.delayOver, name: 'lock-1', token: 1 })
  })
})

describe('100,000 holds', () => {
  it('that end in the same millisecond are ended some at a time, and all of them', () => {
    const bench = new Bench()
    for (let token = 1; token <= MANY; token++) bench.has(token, 'ttl', 500)
    bench.times.begin()
    bench.advance(500)
    let ended = 0
    for (let rounds = 0; bench.timed.size > 0 && rounds < 1_000; rounds++) {
      ended += bench.applyAll()
      bench.advance(5)
    }
    expect(ended).toBe(MANY)
    expect(bench.mostInOneTurn).toBeLessThanOrEqual(256)
    expect(bench.times.count).toBe(0)
  })

  it('do not come more by being late: what is under way is bounded', () => {
    const bench = new Bench()
    for (let token = 1; token <= MANY; token++) bench.has(token, 'ttl', 500)
    bench.times.begin()
    bench.advance(10_000)
    // 256 under way, proposed twice a second.
    expect(bench.ends().length).toBeLessThan(256 * 21)
  })

  it('are begun over several turns, and none is short', () => {
    const bench = new Bench()
    for (let token = 1; token <= 5_000; token++) bench.has(token, 'ttl', 10_000)
    bench.times.begin()
    expect(bench.times.count).toBe(500)
    bench.advance(1)
    expect(bench.times.count).toBe(5_000)
    bench.advance(9_998)
    expect(bench.ends()).toEqual([])
    bench.advance(1)
    expect(bench.ends()).not.toEqual([])
  })
})
