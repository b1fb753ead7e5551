import { describe, expect, it } from 'vitest'
import { runSeed } from './simulation.js'

/** Some ten seconds; other seeds every day, so that the suite goes on searching. CI has thirty more. */
const SEEDS = 6
const SEEDS_PER_DAY = 1_000
/** The first one that mixes programs compiles the next one. */
const TEST_TIMEOUT_MS = 120_000
const firstSeed = Math.floor(Date.now() / 86_400_000) * SEEDS_PER_DAY

describe('the simulator', () => {
  it('replays a seed event by event', { timeout: TEST_TIMEOUT_MS }, async () => {
    const [one, two] = [await runSeed(1), await runSeed(1)]
    expect(two.hash).toBe(one.hash)
    expect(two.events).toBe(one.events)
    expect((await runSeed(2)).hash).not.toBe(one.hash)
  })

  it(`finds nothing wrong in ${SEEDS} seeds from ${firstSeed}`, { timeout: TEST_TIMEOUT_MS }, async () => {
    for (let seed = firstSeed; seed < firstSeed + SEEDS; seed++) {
      const { violation, lastNotes } = await runSeed(seed)
      expect(violation, `npm run sim -- --seed ${seed} --trace\n${lastNotes.join('\n')}`).toBeNull()
    }
  })
})
