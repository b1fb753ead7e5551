import { uptime } from 'node:os'
import { describe, expect, it } from 'vitest'
import { elapsedMs, instantNow, LocalLease, remainingMs } from '../../../src/client/session/local-lease.js'

describe('the localLease of the lease', () => {
  const start = { monotonicMs: 1_000, bootMs: 50_000 }

  it('counts the monotonic clock while the machine is awake', () => {
    expect(elapsedMs(start, { monotonicMs: 1_300, bootMs: 50_310 })).toBe(300)
  })

  it('counts a suspend, which only the boot clock sees, and never too short', () => {
    expect(elapsedMs(start, { monotonicMs: 1_300, bootMs: 60_300 })).toBeGreaterThanOrEqual(10_300)
  })

  it('reads both clocks in milliseconds', () => {
    const before = performance.now()
    const [first, uptimeMs] = [instantNow(), uptime() * 1_000]
    const until = performance.now() + 20
    while (performance.now() < until);
    const second = instantNow()
    expect(second.monotonicMs - first.monotonicMs).toBeGreaterThanOrEqual(20)
    expect(second.monotonicMs - first.monotonicMs).toBeLessThanOrEqual(performance.now() - before)
    expect(Math.abs(first.bootMs - uptimeMs)).toBeLessThan(1_000)
  })

  it('holds for 0.9 lease - 50 ms after the send time of what was confirmed', () => {
    const localLease = new LocalLease(10_000, start)
    expect(remainingMs(localLease.limit, start)).toBe(8_950)
    localLease.confirm({ monotonicMs: 3_000, bootMs: 52_000 })
    expect(remainingMs(localLease.limit, start)).toBe(10_950)
  })

  it('never moves back', () => {
    const localLease = new LocalLease(10_000, start)
    localLease.confirm({ monotonicMs: 3_000, bootMs: 52_000 })
    localLease.confirm({ monotonicMs: 2_000, bootMs: 51_000 })
    expect(localLease.limit.since.monotonicMs).toBe(3_000)
  })

  it('is over for good readings that lie in the past', () => {
    expect(new LocalLease(10_000, { monotonicMs: instantNow().monotonicMs - 9_000, bootMs: 0 }).remainingMs()).toBe(0)
  })
})
