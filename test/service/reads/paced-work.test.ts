import { expect, it } from 'vitest'
import { LockMachine } from '../../../src/locks/machine.js'
import type { Clock } from '../../../src/platform.js'
import { PACED_CREDIT_MAX_MS, PACED_SHARE_OF_TIME, PACED_WAITING_MAX_COUNT } from '../../../src/service/limits.js'
import { ClientReads } from '../../../src/service/reads/client-reads.js'
import { PacedWork } from '../../../src/service/reads/paced-work.js'
import { VirtualClock } from '../../../src/testing/virtual-clock.js'
import { GENESIS } from '../../locks/harness.js'

/** A clock on which work takes time. */
function made() {
  const time = new VirtualClock(() => Promise.resolve())
  const { clock } = time.forProcess()
  let spentMs = 0
  const moving: Clock = { ...clock, takerNow: () => clock.takerNow() + spentMs }
  const paced = new PacedWork(moving)
  const done: number[] = []
  const add = (id: number, ms: number) =>
    paced.add(() => {
      spentMs += ms
      done.push(id)
    })
  return { time, paced, done, add, spent: () => spentMs }
}

it('does a little at once, and of what is much its share, in order', async () => {
  const { time, done, add, spent } = made()
  for (let id = 0; id < 1_000; id += 1) expect(add(id, 0.5)).toBe(true)
  // What it spends takes time, in which it earns a little.
  expect(spent()).toBeLessThanOrEqual(PACED_CREDIT_MAX_MS / (1 - PACED_SHARE_OF_TIME) + 0.5)
  const beganMs = time.nowMs
  await time.until(() => done.length === 1_000, 100_000)
  expect(done).toEqual(Array.from({ length: 1_000 }, (_, id) => id))
  const share = spent() / (time.nowMs - beganMs + spent())
  expect(share).toBeGreaterThan(0.8 * PACED_SHARE_OF_TIME)
  expect(share).toBeLessThan(1.2 * PACED_SHARE_OF_TIME)
})

it('one that takes long is waited for as long as it had too much', async () => {
  const { time, done, add } = made()
  add(1, 100)
  add(2, 0)
  expect(done).toEqual([1])
  await time.run(50)
  expect(done).toEqual([1])
  await time.until(() => done.length === 2, 1_000)
  expect(time.nowMs).toBeGreaterThan(100)
})

it('is bounded, and forgets what waits when it is stopped', async () => {
  const { time, paced, done, add } = made()
  add(0, 1_000)
  for (let id = 1; id <= PACED_WAITING_MAX_COUNT; id += 1) expect(add(id, 0)).toBe(true)
  expect(add(0, 0)).toBe(false)
  paced.stop()
  await time.run(100_000)
  expect(done).toEqual([0])
})

it('reads are paced, and what is looked up at once does not wait for them', async () => {
  const time = new VirtualClock(() => Promise.resolve())
  const { clock } = time.forProcess()
  let spentMs = 0
  const moving: Clock = { ...clock, takerNow: () => clock.takerNow() + spentMs }
  const node = {
    read: (done: (outcome: 'current') => void) => done('current'),
    appliedIndex: () => 1,
    saveSnapshot: () => undefined,
  }
  const reads = new ClientReads({ clock: moving, node, reports: new LockMachine(GENESIS).reports })
  const said: string[] = []
  for (const name of ['one', 'two', 'three']) {
    reads.confirmPaced((isCurrent) => {
      spentMs += 50
      said.push(`${name} ${isCurrent}`)
    })
  }
  reads.confirm(() => void said.push('looked up'))
  expect(said).toEqual(['one true', 'looked up'])
  await time.until(() => said.length === 4, 1_000)
  expect(said.slice(2)).toEqual(['two true', 'three true'])
})
