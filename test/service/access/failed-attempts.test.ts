/** Wrong tokens are answered after a while, however many there are. */
import { expect, it } from 'vitest'
import { FailedAttempts } from '../../../src/service/access/failed-attempts.js'
import { FAILED_ATTEMPT_MS, FAILED_ATTEMPTS_MAX_COUNT } from '../../../src/service/limits.js'
import { VirtualTime } from '../../../src/testing/virtual-time.js'

/** Everything that happens until then. */
function runUntil(time: VirtualTime, endMs: number): void {
  for (let event = time.next(endMs); event !== null; event = time.next(endMs)) event.run?.()
}

it('an attempt is answered once, after a second and not before', () => {
  const time = new VirtualTime()
  const attempts = new FailedAttempts(time)
  const answeredMs: number[] = []
  attempts.answerLater(() => answeredMs.push(time.nowMs))
  runUntil(time, FAILED_ATTEMPT_MS - 1)
  expect(answeredMs).toEqual([])
  runUntil(time, 10 * FAILED_ATTEMPT_MS)
  expect(answeredMs).toEqual([FAILED_ATTEMPT_MS])
  expect(attempts.count).toBe(1)
})

it('in a flood each is answered, the oldest first and sooner', () => {
  const time = new VirtualTime()
  const attempts = new FailedAttempts(time)
  const answered: number[] = []
  const all = FAILED_ATTEMPTS_MAX_COUNT + 10
  for (let each = 0; each < all; each += 1) attempts.answerLater(() => answered.push(each))
  expect(answered).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  runUntil(time, 10 * FAILED_ATTEMPT_MS)
  expect(answered).toEqual(Array.from({ length: all }, (_, each) => each))
})

it('one answer may be that of several attempts', () => {
  const time = new VirtualTime()
  const attempts = new FailedAttempts(time)
  let answered = 0
  const answer = (): void => {
    answered += 1
  }
  attempts.answerLater(answer)
  attempts.answerLater(answer)
  runUntil(time, 10 * FAILED_ATTEMPT_MS)
  expect(answered).toBe(2)
})
