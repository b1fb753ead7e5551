import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { after, pause } from '../../src/client/long-timer.js'

const DAY_MS = 86_400_000

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

it('a timer waits for months, and fires once', () => {
  let due = 0
  after(100 * DAY_MS, () => due++)
  vi.advanceTimersByTime(99 * DAY_MS)
  expect(due).toBe(0)
  vi.advanceTimersByTime(2 * DAY_MS)
  expect(due).toBe(1)
  vi.advanceTimersByTime(200 * DAY_MS)
  expect(due).toBe(1)
})

it('a timer that was stopped does not fire, one for ever never', () => {
  let due = 0
  const stop = after(60 * DAY_MS, () => due++)
  after(Number.POSITIVE_INFINITY, () => due++)
  vi.advanceTimersByTime(40 * DAY_MS)
  stop()
  vi.advanceTimersByTime(400 * DAY_MS)
  expect(due).toBe(0)
})

it('a pause ends early with its signal and leaves nothing behind', async () => {
  const abort = new AbortController()
  const over = pause(100 * DAY_MS, abort.signal)
  abort.abort()
  await over
  await pause(100 * DAY_MS, abort.signal)
  expect(vi.getTimerCount()).toBe(0)
})
