import { describe, expect, it, type Mock, vi } from 'vitest'
import { KeepAlive, type KeepAliveOwner } from '../../../src/client/session/keep-alive.js'
import { elapsedMs, type Instant, instantNow } from '../../../src/client/session/local-lease.js'

function owner(): KeepAliveOwner & { readonly sent: Instant[]; readonly confirmed: Mock<(sentAt: Instant) => void> } {
  const sent: Instant[] = []
  return { sent, send: () => sent.push(instantNow()), confirmed: vi.fn(), overdue: vi.fn() }
}

describe('keepalives', () => {
  it('confirm the time at which they were sent, not that of the answer', async () => {
    const told = owner()
    const keepAlive = new KeepAlive(10_000, undefined, told)
    keepAlive.start()
    const [sentAt = instantNow()] = told.sent
    await vi.waitFor(() => expect(elapsedMs(sentAt)).toBeGreaterThan(20))
    keepAlive.answered()
    keepAlive.stop()
    expect(told.confirmed).toHaveBeenCalledOnce()
    expect(told.confirmed.mock.calls[0]?.[0].monotonicMs).toBeLessThanOrEqual(sentAt.monotonicMs)
  })

  it('are confirmed in their order, and one answer confirms only one', async () => {
    const told = owner()
    const keepAlive = new KeepAlive(10_000, 100, told)
    keepAlive.start()
    await vi.waitFor(() => expect(told.sent).toHaveLength(3))
    keepAlive.answered()
    keepAlive.answered()
    keepAlive.stop()
    const times = told.confirmed.mock.calls.map(([instant]) => instant.monotonicMs)
    expect(times).toHaveLength(2)
    expect(times[0]).toBeLessThanOrEqual(told.sent[0]?.monotonicMs ?? 0)
    expect(times[1]).toBeLessThanOrEqual(told.sent[1]?.monotonicMs ?? 0)
    expect(times[1]).toBeGreaterThan(times[0] ?? 0)
  })

  it('are overdue when one stays unanswered for a sixth of the lease, however often more are sent', async () => {
    const told = owner()
    const keepAlive = new KeepAlive(250, 100, told)
    keepAlive.start()
    await vi.waitFor(() => expect(told.overdue).toHaveBeenCalledOnce())
    keepAlive.stop()
    const [first = instantNow()] = told.sent
    expect(elapsedMs(first)).toBeGreaterThanOrEqual(249)
    expect(told.confirmed).not.toHaveBeenCalled()
  })

  it('do not count answers to those of an earlier connection', () => {
    const told = owner()
    const keepAlive = new KeepAlive(10_000, undefined, told)
    keepAlive.start()
    keepAlive.start()
    keepAlive.answered()
    keepAlive.answered()
    keepAlive.stop()
    expect(told.confirmed).toHaveBeenCalledOnce()
  })
})
