import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../src/testing/seeded-random.js'

const DRAWS = 20_000

/** To the last bit: a simulation in which one time differs by an ulp has another hash, and may have another order of events. */
function digestOf(draw: (random: SeededRandom) => number): string {
  const random = new SeededRandom(1)
  const values = Float64Array.from({ length: DRAWS }, () => draw(random))
  return createHash('sha256').update(values).digest('hex').slice(0, 16)
}

describe('a seed draws the same numbers in every version of Node', () => {
  const draws: readonly [name: string, draw: (random: SeededRandom) => number, digest: string][] = [
    ['uniform', (random) => random.between(3, 1_000), 'eb22dceaec236eff'],
    ['log-uniform', (random) => random.logBetween(3, 1_000), '62eea6fbc693faa7'],
    ['exponential', (random) => random.around(50), 'a49d1af83e9954ba'],
  ]
  it.each(draws)('%s', (_, draw, digest) => {
    expect(digestOf(draw)).toBe(digest)
  })

  it('log-uniform draws stay between their bounds, and reach both ends', () => {
    const random = new SeededRandom(1)
    const values = Array.from({ length: DRAWS }, () => random.logBetween(3, 1_000))
    expect(Math.min(...values)).toBeGreaterThanOrEqual(3)
    expect(Math.min(...values)).toBeLessThan(3.01)
    expect(Math.max(...values)).toBeLessThanOrEqual(1_000)
    expect(Math.max(...values)).toBeGreaterThan(990)
  })
})
