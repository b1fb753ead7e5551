import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { bootClock, SystemClock } from '../../src/server/system-clock.js'
import { systemRandom } from '../../src/server/system-random.js'

/** A machine whose boot clock shows hundredths of a second and goes on while it sleeps. */
class FakeMachine {
  monotonic = 1_000
  boot = 50_003
  wall = 1_700_000_000_000.6
  bootReads = 0
  readonly sources = {
    monotonicMs: () => this.monotonic,
    bootMs: () => {
      this.bootReads += 1
      return Math.floor(this.boot / 10) * 10
    },
    wallMs: () => Math.floor(this.wall),
  }

  run(ms: number): void {
    this.monotonic += ms
    this.boot += ms
    this.wall += ms
  }

  suspend(ms: number): void {
    this.boot += ms
    this.wall += ms
  }

  setWall(ms: number): void {
    this.wall += ms
  }
}

const turnEnds = () => new Promise((resolve) => setImmediate(resolve))

describe('speakerNow', () => {
  it('counts exactly while the machine is awake', async () => {
    const machine = new FakeMachine()
    const clock = new SystemClock(machine.sources)
    const start = clock.speakerNow()
    for (let step = 1; step <= 50; step += 1) {
      machine.run(7.3)
      await turnEnds()
      expect(clock.speakerNow() - start).toBeCloseTo(7.3 * step, 6)
    }
  })

  it('never counts a suspend too short, however many there are', async () => {
    const machine = new FakeMachine()
    const clock = new SystemClock(machine.sources)
    for (const ms of [21, 30_000, 25, 999, 33]) {
      const before = clock.speakerNow()
      await turnEnds()
      machine.suspend(ms)
      machine.run(4.9)
      const elapsed = clock.speakerNow() - before
      expect(elapsed).toBeGreaterThanOrEqual(ms + 4.9)
      expect(elapsed).toBeLessThanOrEqual(ms + 4.9 + 20)
      await turnEnds()
    }
  })

  it('sees a suspend at the next look, however short after the last one', () => {
    const machine = new FakeMachine()
    const clock = new SystemClock(machine.sources)
    const before = clock.speakerNow()
    machine.run(0.1)
    clock.speakerNow()
    machine.suspend(1_000)
    expect(clock.speakerNow()).toBeGreaterThanOrEqual(before + 1_000)
  })

  it('reads the boot time a hundred times a second while the other two clocks agree', () => {
    const machine = new FakeMachine()
    const clock = new SystemClock(machine.sources)
    for (let step = 0; step < 10_000; step += 1) {
      machine.run(0.1)
      clock.speakerNow()
    }
    expect(machine.bootReads).toBeGreaterThan(90)
    expect(machine.bootReads).toBeLessThan(110)
  })

  it.each([-1_000_000, -1, 1, 1_000_000])('goes on as before when the wall clock is set by %i ms', (ms) => {
    const machine = new FakeMachine()
    const clock = new SystemClock(machine.sources)
    const before = clock.speakerNow()
    machine.run(1)
    machine.setWall(ms)
    expect(clock.speakerNow()).toBe(before + 1)
    machine.run(1)
    expect(clock.speakerNow()).toBe(before + 2)
    expect(machine.bootReads).toBeLessThan(4)
  })

  it('sees a suspend that somebody takes back from the wall clock when the boot time is due', () => {
    const machine = new FakeMachine()
    const clock = new SystemClock(machine.sources)
    const before = clock.speakerNow()
    machine.suspend(20_000)
    machine.setWall(-20_000)
    machine.run(10)
    expect(clock.speakerNow()).toBeGreaterThanOrEqual(before + 20_010)
  })

  it('sees a suspend between its readings of two clocks', () => {
    const machine = new FakeMachine()
    let isFalling = false
    const sources = {
      ...machine.sources,
      bootMs: () => {
        const bootMs = machine.sources.bootMs()
        if (isFalling) machine.suspend(5_000)
        return bootMs
      },
    }
    const clock = new SystemClock(sources)
    const before = clock.speakerNow()
    machine.run(20)
    isFalling = true
    clock.speakerNow()
    isFalling = false
    machine.run(0.1)
    expect(clock.speakerNow()).toBeGreaterThanOrEqual(before + 5_020)
  })
})

describe('takerNow', () => {
  it('does not count a suspend', async () => {
    const machine = new FakeMachine()
    const clock = new SystemClock(machine.sources)
    const before = clock.takerNow()
    await turnEnds()
    machine.suspend(60_000)
    machine.run(5)
    expect(clock.takerNow() - before).toBe(5)
  })
})

describe('soon', () => {
  it('runs after this turn, in order, and later calls in a later one', async () => {
    const clock = new SystemClock()
    const ran: string[] = []
    clock.soon(() => {
      ran.push('first')
      clock.soon(() => ran.push('third'))
    })
    clock.soon(() => ran.push('second'))
    expect(ran).toEqual([])
    await turnEnds()
    await turnEnds()
    expect(ran).toEqual(['first', 'second', 'third'])
  })
})

describe('after', () => {
  it('does not fire at once when the delay is longer than a timer can be', async () => {
    const clock = new SystemClock()
    let fired = false
    const timer = clock.after(2 ** 33, () => {
      fired = true
    })
    await new Promise<void>((resolve) => clock.after(5, resolve))
    timer.cancel()
    expect(fired).toBe(false)
  })
})

describe('systemRandom', () => {
  it('stays below its bound, also when that is the largest', () => {
    const bound = Number.MAX_SAFE_INTEGER
    for (let draw = 0; draw < 1_000; draw += 1) {
      const value = systemRandom.int(bound)
      expect(Number.isSafeInteger(value) && value >= 0 && value < bound).toBe(true)
      expect([0, 1, 2]).toContain(systemRandom.int(3))
    }
  })
})

describe('the time since boot', () => {
  function setUp() {
    const sources = { fileMs: 5_000 as number | Error, systemMs: 900_000 as number | Error, monotonicMs: 100 }
    const say = (value: number | Error): number => {
      if (value instanceof Error) throw value
      return value
    }
    const now = bootClock({
      file: () => say(sources.fileMs),
      system: () => say(sources.systemMs),
      monotonicMs: () => sources.monotonicMs,
    })
    const pass = (ms: number): void => {
      if (typeof sources.fileMs === 'number') sources.fileMs += ms
      if (typeof sources.systemMs === 'number') sources.systemMs += ms
      sources.monotonicMs += ms
    }
    return { sources, now, pass }
  }

  it('comes from the file', () => {
    const { now, pass } = setUp()
    pass(7)
    expect(now()).toBe(5_007)
  })

  // "Transport endpoint is not connected" is what the file says after the death of its file system.
  it.each([new Error('ENOTCONN'), Number.NaN, -1, 20])(
    'goes on from elsewhere, without a jump, when the file says %s',
    (wrong) => {
      const { sources, now, pass } = setUp()
      now()
      pass(1_000)
      sources.fileMs = wrong
      expect(now()).toBe(6_000)
      pass(500)
      expect(now()).toBe(6_500)
      // A suspend is still noticed.
      sources.systemMs = Number(sources.systemMs) + 60_000
      expect(now()).toBe(66_500)
    },
  )

  it('goes on with the monotonic clock when nothing else can be read', () => {
    const { sources, now, pass } = setUp()
    now()
    pass(1_000)
    sources.fileMs = new Error('EIO')
    sources.systemMs = new Error('EIO')
    expect(now()).toBe(6_000)
    pass(500)
    expect(now()).toBe(6_500)
  })

  it.each([new Error('ENOENT'), Number.NaN, -1])('may be wrong in the file from the start: %s', (wrong) => {
    const { sources, now, pass } = setUp()
    sources.fileMs = wrong
    expect(now()).toBe(900_000)
    pass(1)
    expect(now()).toBe(900_001)
  })
})

it('a wall clock before 1970 reads as 1970: no request may become one that cannot be written', () => {
  vi.useFakeTimers({ now: -86_400_000, toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  expect(new SystemClock().wallNow()).toBe(0)
})
