/** The clocks of the simulator: what the rules count on must be true of them, or the checks would prove nothing. */
import { describe, expect, it } from 'vitest'
import { Machine, Process } from './process.js'
import { World } from './world.js'

const until = (world: World, atMs: number) => world.until(() => false, atMs - world.nowMs)

describe('the time of day', () => {
  it('can be set, and nothing else is', async () => {
    const world = new World(1)
    const machine = new Machine(world, 'm', 1)
    const { clock } = new Process(world, machine, 'p')
    const before = clock.wallNow()
    await until(world, 1_000)
    machine.wallOffsetMs = -500
    expect(clock.wallNow()).toBe(before + 500)
    expect(clock.takerNow()).toBe(1_000)
    expect(clock.speakerNow()).toBe(1_000)
  })
})

describe('a clock that changes its rate', () => {
  it('goes on from what it showed', async () => {
    const world = new World(1)
    const machine = new Machine(world, 'm', 1.1)
    await until(world, 1_000)
    expect(machine.bootMs()).toBeCloseTo(1_100)
    expect(machine.changeRate(1)).toBe(true)
    expect(machine.bootMs()).toBeCloseTo(1_100)
    await until(world, 2_000)
    expect(machine.bootMs()).toBeCloseTo(2_100)
    expect(machine.monotonicMs()).toBeCloseTo(2_100)
  })

  it('moves the timers that were set before', async () => {
    const world = new World(1)
    const machine = new Machine(world, 'm', 1)
    const process = new Process(world, machine, 'p')
    const rang: number[] = []
    process.clock.after(1_100, () => rang.push(world.nowMs))
    process.clock.after(3_000, () => rang.push(world.nowMs)).cancel()
    await until(world, 550)
    machine.changeRate(1.1)
    await until(world, 5_000)
    expect(rang).toHaveLength(1)
    expect(rang[0]).toBeCloseTo(1_050)
  })

  it('keeps its rate while somebody has read it ahead of the world', async () => {
    const world = new World(1)
    const machine = new Machine(world, 'm', 1.1)
    const process = new Process(world, machine, 'p')
    process.armStall('here', 1, 500)
    process.pass('here')
    const readMs = process.clock.speakerNow()
    expect(readMs).toBeCloseTo(550)
    await until(world, 100)
    expect(machine.changeRate(1)).toBe(false)
    await until(world, 500)
    expect(machine.changeRate(1)).toBe(true)
    expect(process.clock.speakerNow()).toBeGreaterThanOrEqual(readMs)
  })

  it('stands still in a suspended machine, whatever its rate', async () => {
    const world = new World(1)
    const machine = new Machine(world, 'm', 1.1)
    await until(world, 100)
    machine.suspend()
    machine.changeRate(1)
    await until(world, 200)
    expect(machine.monotonicMs()).toBeCloseTo(110)
    machine.resume()
    expect(machine.bootMs()).toBeCloseTo(210)
    expect(machine.monotonicMs()).toBeCloseTo(110)
  })
})
