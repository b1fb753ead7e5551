/** Done-marks and freezes end by the leader's own wall clock, which may be wrong and may be set (rules.md, tails). */
import { describe, expect, it } from 'vitest'
import { CommandType } from '../../../src/locks/commands/commands.js'
import { WallTimes } from '../../../src/service/leases/wall-times.js'
import type { EndingFreeze, EndingMark } from '../../../src/service/state-view.js'
import { DutyBench } from './duty-bench.js'

const HOUR_MS = 3_600_000

class Bench extends DutyBench {
  readonly wall: WallTimes
  readonly marks = new Map<string, EndingMark>()
  readonly freezes = new Map<string, EndingFreeze>()

  constructor() {
    super({
      endingMarks: () => this.marks.values(),
      endingFreezes: () => this.freezes.values(),
      isMarked: (key, generation) => this.marks.get(key)?.generation === generation,
      isFrozen: (prefix, generation) => this.freezes.get(prefix)?.generation === generation,
    })
    this.wall = new WallTimes(this, this.office)
  }

  mark(key: string, generation: number, afterMs: number): void {
    const expiresWallMs = this.clock.wallNow() + afterMs
    this.marks.set(key, { key, generation, expiresWallMs })
    this.wall.marked(key, generation, expiresWallMs)
  }

  freeze(prefix: string, generation: number, afterMs: number): void {
    const untilWallMs = this.clock.wallNow() + afterMs
    this.freezes.set(prefix, { prefix, generation, untilWallMs })
    this.wall.frozen(prefix, generation, untilWallMs)
  }
}

const markOver = (key: string, generation: number) => ({ type: CommandType.markOver, key, generation })
const freezeOver = (prefix: string, generation: number) => ({ type: CommandType.freezeOver, prefix, generation })

describe('what ends by the wall clock', () => {
  it('ends at its time, and not before', () => {
    const bench = new Bench()
    bench.mark('built', 5, HOUR_MS)
    bench.freeze('', 6, 2 * HOUR_MS)
    bench.advance(HOUR_MS - 1)
    expect(bench.commands).toEqual([])
    bench.advance(1)
    expect(bench.commands).toEqual([markOver('built', 5)])
    bench.marks.clear()
    bench.advance(HOUR_MS)
    expect(bench.commands.slice(1)).toEqual([freezeOver('', 6)])
  })

  it('is proposed again until it has ended', () => {
    const bench = new Bench()
    bench.mark('built', 5, 300)
    bench.advance(1_400)
    expect(bench.commands).toEqual([markOver('built', 5), markOver('built', 5), markOver('built', 5)])
    bench.marks.clear()
    bench.wall.look()
    bench.advance(5_000)
    expect(bench.commands).toHaveLength(3)
  })

  it('ends within a second of a clock that is set ahead', () => {
    const bench = new Bench()
    bench.freeze('deploy/', 6, 5 * HOUR_MS)
    bench.advance(1_500)
    bench.wallOffsetMs = 6 * HOUR_MS
    bench.advance(1_000)
    expect(bench.commands[0]).toEqual(freezeOver('deploy/', 6))
  })

  it('waits for a clock that is set back', () => {
    const bench = new Bench()
    bench.mark('built', 5, HOUR_MS)
    bench.advance(HOUR_MS / 2)
    bench.wallOffsetMs = -HOUR_MS
    bench.advance(HOUR_MS)
    expect(bench.commands).toEqual([])
    bench.advance(HOUR_MS / 2)
    expect(bench.commands[0]).toEqual(markOver('built', 5))
  })

  it('was ended by a leader of the year 2040, and what was set after it is not touched', () => {
    const bench = new Bench()
    bench.mark('built', 5, HOUR_MS)
    bench.wallOffsetMs = 15 * 365 * 24 * HOUR_MS
    bench.advance(1_000)
    expect(bench.commands).toEqual([markOver('built', 5)])
    bench.wallOffsetMs = 0
    // Another mark of the same key: the old proposal names another generation, and no later one comes of it.
    bench.mark('built', 9, HOUR_MS)
    bench.advance(HOUR_MS - 1_000)
    expect(bench.commands).toEqual([markOver('built', 5)])
    bench.advance(1_000)
    expect(bench.commands).toEqual([markOver('built', 5), markOver('built', 9)])
  })

  it('takes the place of an earlier one of the same name', () => {
    const bench = new Bench()
    bench.freeze('a', 5, 1_000)
    bench.freeze('a', 6, 3_000)
    bench.advance(2_900)
    expect(bench.commands).toEqual([])
    bench.advance(100)
    expect(bench.commands).toEqual([freezeOver('a', 6)])
  })

  it('is begun by a new leader from the state, 100,000 of them over several turns', () => {
    const bench = new Bench()
    const expiresWallMs = bench.clock.wallNow() + 5_000
    for (let i = 0; i < 100_000; i++) bench.marks.set(`k${i}`, { key: `k${i}`, generation: i + 1, expiresWallMs })
    bench.freezes.set('f', { prefix: 'f', generation: 3, untilWallMs: expiresWallMs })
    bench.wall.begin()
    expect(bench.wall.count).toBe(501)
    bench.advance(0)
    expect(bench.wall.count).toBe(100_001)
    bench.advance(5_000)
    expect(bench.commands).toContainEqual(freezeOver('f', 3))
    expect(bench.mostInOneTurn).toBeLessThanOrEqual(512)
  })

  it('leaves nothing behind when it is set and taken away again and again', () => {
    const bench = new Bench()
    for (let i = 0; i < 20_000; i++) {
      bench.mark(`k${i}`, i + 1, HOUR_MS)
      bench.marks.delete(`k${i}`)
    }
    expect(bench.wall.count).toBeLessThanOrEqual(1_000)
  })
})
