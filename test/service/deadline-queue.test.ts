import { describe, expect, it } from 'vitest'
import { type CountingClock, DeadlineQueue } from '../../src/service/deadline-queue.js'
import { DUE_PER_TURN_COUNT } from '../../src/service/limits.js'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { VirtualTime } from '../../src/testing/virtual-time.js'

function world() {
  const time = new VirtualTime()
  const soon: (() => void)[] = []
  const clock: CountingClock = {
    takerNow: () => time.nowMs,
    after: (delayMs, run) => time.after(delayMs, run),
    soon: (run) => void soon.push(run),
  }
  const ran: number[] = []
  const queue = new DeadlineQueue<number>(clock, (item) => ran.push(item))
  const nextTurn = () => {
    for (const run of soon.splice(0)) run()
  }
  /** The timers fire, and then the sockets have been read. */
  const passTo = (ms: number) => {
    for (let event = time.next(ms); event !== null; event = time.next(ms)) {
      event.run?.()
      nextTurn()
    }
  }
  return { time, queue, ran, nextTurn, passTo }
}

describe('deadlines', () => {
  it('are judged after what the sockets hold was read, and not when their timer fires', () => {
    const { time, queue, ran, nextTurn } = world()
    const inTime = queue.add(1, 10)
    queue.add(2, 10)
    time.next(10)?.run?.()
    expect(ran).toEqual([])
    // A sign of life lay in a socket.
    queue.cancel(inTime)
    nextTurn()
    expect(ran).toEqual([2])
  })

  it('run in their order, and not when cancelled', () => {
    const seed = Date.now() % 1e6
    const random = new SeededRandom(seed)
    const { queue, ran, passTo } = world()
    const added = Array.from({ length: 500 }, (_, item) => queue.add(item, random.int(1_000)))
    const cancelled = added.filter(() => random.chance(0.3))
    for (const deadline of cancelled) queue.cancel(deadline)
    passTo(500)
    for (const { item } of cancelled) expect(ran, `seed ${seed}`).not.toContain(item)
    passTo(2_000)
    const dues = ran.map((item) => added[item]?.dueMs ?? 0)
    expect(dues, `seed ${seed}`).toEqual([...dues].sort((a, b) => a - b))
    expect([ran.length + cancelled.length, queue.size], `seed ${seed}`).toEqual([500, 0])
  })

  it('that are due at once come in several turns', () => {
    const { time, queue, ran, nextTurn, passTo } = world()
    for (let item = 0; item < 2.5 * DUE_PER_TURN_COUNT; item++) queue.add(item, 10)
    time.next(10)?.run?.()
    nextTurn()
    expect(ran.length).toBe(DUE_PER_TURN_COUNT)
    passTo(10)
    expect(ran.length).toBe(2.5 * DUE_PER_TURN_COUNT)
  })

  it('are gone when it is cleared', () => {
    const { queue, ran, passTo } = world()
    const gone = queue.add(1, 10)
    queue.clear()
    queue.cancel(gone)
    queue.add(2, 20)
    passTo(30)
    expect(ran).toEqual([2])
  })
})
