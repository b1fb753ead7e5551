/** What is promised of holds, marks and losses: each check is shown what it must not let pass, and what it must. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { LockMachine } from '../../src/locks/machine.js'
import { FreezeCheck } from './checks/freeze-check.js'
import { HoldCheck } from './checks/hold-check.js'
import { LossCheck, Words } from './checks/loss-check.js'
import { MarkCheck } from './checks/mark-check.js'
import { World } from './world.js'

const HOLD = { name: 'a', token: 7 }
const RATE = 1.1

let world: World
beforeEach(() => {
  world = new World(1)
})

describe('a hold', () => {
  /** The reference state, one entry a call. */
  function bench() {
    let holds: { token: number; phase: string }[] = []
    let index = 0
    const reference = { inspect: () => ({ locks: new Map([['a', { holds: () => holds }]]) }) } as unknown as LockMachine
    const check = new HoldCheck(
      world,
      ['a'],
      () => reference,
      () => index,
      RATE,
    )
    const entry = (atMs: number, ...now: { token: number; phase: string }[]): void => {
      world.nowMs = atMs
      index += 1
      holds = now
      check.afterEntry()
    }
    return { check, entry }
  }
  const held = { token: 7, phase: 'held' }
  const tail = { token: 7, phase: 'tail' }

  it('that had min-hold leaves something behind until it is over, by the fastest clock', () => {
    for (const [atMs, isEarly] of [
      [1_099, true],
      [1_101, false],
    ] as const) {
      world = new World(1)
      const { check, entry } = bench()
      entry(100, held)
      check.minHold(7, 1_100)
      entry(200, tail)
      expect(world.violation).toBeNull()
      entry(atMs)
      expect(world.violation !== null).toBe(isEarly)
    }
  })

  it('that an operator broke leaves nothing', () => {
    const { check, entry } = bench()
    entry(100, held)
    check.minHold(7, 1_000)
    check.broken(7)
    entry(200)
    expect(world.violation).toBeNull()
  })

  it('whose client left without a word keeps others out for its delay, unless that one came back', () => {
    for (const isBack of [false, true]) {
      world = new World(1)
      const { check, entry } = bench()
      entry(100, held)
      check.leftUnclean(7, 1_000)
      if (isBack) check.foundAgain(7)
      entry(500)
      if (isBack) expect(world.violation).toBeNull()
      else expect(world.violation).toMatch(/before its delay is over/)
    }
  })

  it('is not lost before its ttl', () => {
    const { check, entry } = bench()
    entry(100, held)
    world.nowMs = 1_101
    check.ttlEnded('session1', 7, 1_100)
    expect(world.violation).toBeNull()
    world.nowMs = 1_050
    check.ttlEnded('session1', 7, 1_100)
    expect(world.violation).toMatch(/before the end of its ttl/)
  })

  it('is valid only if it was current after the question', () => {
    const { check, entry } = bench()
    entry(1, held)
    entry(2, { token: 7, phase: 'forced' })
    check.checked('session1', HOLD, 1, true)
    expect(world.violation).toBeNull()
    check.checked('session1', HOLD, 2, true)
    expect(world.violation).toMatch(/is valid; it ended at 2/)
  })

  it('is stale only if it was not current all the time', () => {
    const { check, entry } = bench()
    entry(1)
    entry(2, held)
    check.checked('session1', HOLD, 1, false)
    expect(world.violation).toBeNull()
    check.checked('session1', HOLD, 2, false)
    expect(world.violation).toMatch(/is stale, and it is current/)
  })
})

describe('a mark', () => {
  it('keeps its work from those who ask later', () => {
    const check = new MarkCheck(world)
    check.isSet('job', 5)
    check.granted('session1', 'job', 4)
    expect(world.violation).toBeNull()
    check.granted('session1', 'job', 5)
    expect(world.violation).toMatch(/was marked by 5/)
  })

  it('that was taken away keeps nobody', () => {
    const check = new MarkCheck(world)
    check.isSet('job', 5)
    check.disregard('job')
    check.granted('session1', 'job', 9)
    expect(world.violation).toBeNull()
  })

  it('is set by somebody who was not refused', () => {
    const check = new MarkCheck(world)
    const [one, other] = [{}, {}]
    check.tries('job', one)
    check.tries('job', other)
    check.refused('job', one)
    check.done('session1', 'job')
    expect(world.violation).toBeNull()
    check.refused('job', other)
    check.done('session1', 'job')
    expect(world.violation).toMatch(/nobody marked it/)
  })
})

describe('a freeze', () => {
  it.each([
    [0, false],
    [999, true],
    [1_000, true],
    [1_001, false],
  ])('that was asked for at 1000 until %d', (untilWallMs, isWrong) => {
    const freezes = new Map([['a/', { sinceWallMs: 1_000 }]])
    const check = new FreezeCheck(world, () => ({ inspect: () => ({ freezes }) }) as unknown as LockMachine)
    check.frozen({ kind: 'frozen', prefix: 'a/', generation: 1, untilWallMs })
    expect(world.violation !== null).toBe(isWrong)
  })
})

describe('a loss', () => {
  const where = { node: 'n1', epoch: 7, conn: 1 }
  const lost = {
    kind: 'lost',
    where,
    session: 5,
    attach: 1,
    name: 'a',
    token: 9,
    reason: 'forced',
    leaseMs: 1,
  } as const

  function connection() {
    const check = new LossCheck(world)
    const words = new Words(check)
    const write = (text: string, appliedIndex: number): void => words.written('n1', 7, text, appliedIndex)
    write('welcome,session:5,secret:x\n', 1)
    return { check, write }
  }

  it('is told before any positive word', () => {
    const { check, write } = connection()
    check.lost(lost, 3)
    write('alive\n', 2)
    write('alive\nok,id:3,name:b,token:10\nlost,name:a,token:9,reason:forced\nalive\n', 3)
    expect(world.violation).toBeNull()
  })

  it.each(['alive\n', 'ok,id:3,name:b,token:10\n', 'valid,id:4\nlost,name:a,token:9,reason:forced\n'])(
    'is not told after %s',
    (text) => {
      const { check, write } = connection()
      check.lost(lost, 3)
      write(text, 3)
      expect(world.violation).toMatch(/before it says that 9 is lost/)
    },
  )

  it('is in no list after a resume', () => {
    const { check, write } = connection()
    check.lost({ ...lost, where: null }, 3)
    write('welcome,session:5,secret:x,resumed:yes\nheld,name:a,mode:exclusive,token:9\nready\n', 2)
    expect(world.violation).toBeNull()
    write('welcome,session:5,secret:x,resumed:yes\nheld,name:a,mode:exclusive,token:9\nready\n', 3)
    expect(world.violation).toMatch(/which was lost at 3/)
  })

  it('needs no word where the session was resumed since, or of another node', () => {
    const { check, write } = connection()
    check.lost({ ...lost, where: { ...where, node: 'n2' } }, 3)
    write('alive\n', 3)
    check.lost(lost, 4)
    write('welcome,session:5,secret:x,resumed:yes\nready\n', 5)
    expect(world.violation).toBeNull()
  })
})
