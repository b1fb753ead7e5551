/** Durations in words: an age is never told longer than it is, and a bound never shorter. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ageWords, boundWords } from '../../../src/service/reads/durations.js'

it.each([
  [0, '0 s', '0 s'],
  [-5, '0 s', '0 s'],
  [149, '0.1 s', '0.2 s'],
  [9_999, '9.9 s', '10 s'],
  [95_400, '95 s', '96 s'],
  [119_999, '119 s', '120 s'],
  [200_000, '3 min 20 s', '3 min 20 s'],
  [7_199_500, '119 min 59 s', '120 min'],
  [7_500_000, '2 h 5 min', '2 h 5 min'],
  [7_500_001, '2 h 5 min', '2 h 6 min'],
  [4 * 86_400_000 + 7 * 3_600_000, '4 d 7 h', '4 d 7 h'],
])('%d ms: %s of age, %s at most', (ms, age, bound) => {
  expect([ageWords(ms), boundWords(ms)]).toEqual([age, bound])
})

const UNITS: Readonly<Record<string, number>> = { s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 }

function inMs(words: string): number {
  const parts = words.split(' ')
  return parts.reduce(
    (sum, part, at) => sum + (at % 2 === 0 ? Number(part) * (UNITS[parts[at + 1] ?? ''] ?? Number.NaN) : 0),
    0,
  )
}

it('an age is at most, a bound at least what it is, and both are near it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_000 * 86_400_000 }), (ms) => {
      const [age, bound] = [inMs(ageWords(ms)), inMs(boundWords(ms))]
      expect(age).toBeLessThanOrEqual(ms)
      expect(bound).toBeGreaterThanOrEqual(ms)
      expect(bound - age).toBeLessThanOrEqual(Math.max(100, ms / 9))
    }),
  )
})
