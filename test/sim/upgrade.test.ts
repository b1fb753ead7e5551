/** Programs of two feature levels in one cluster: the simulator mixes them, and both are really there. */
import { describe, expect, it } from 'vitest'
import type { FaultName } from './nemesis/faults.js'
import { runSeed } from './simulation.js'

const BUILD_TIMEOUT_MS = 300_000
const SEEDS = 6

const UPGRADES: ReadonlyMap<FaultName, number> = new Map([
  ['upgrade', 5_000],
  ['rolling upgrade', 5_000],
  ['downgrade', 15_000],
  ['stamp', 500],
])

describe('a cluster of two programs', () => {
  it('rises to the next level, and uses what that brings', { timeout: BUILD_TIMEOUT_MS }, async () => {
    const seen = new Map<string, number>()
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { violation, coverage } = await runSeed(seed, { faults: UPGRADES })
      expect(violation, `npm run sim -- --seed ${seed} with these faults`).toBeNull()
      for (const [what, times] of coverage) seen.set(what, (seen.get(what) ?? 0) + times)
    }
    for (const what of ['level raised', 'seen field of the next level', 'seen command of the next level']) {
      expect(seen.get(what) ?? 0, what).toBeGreaterThan(0)
    }
  })

  it('loses nothing where FORMAT is set back: the older program sees for itself', {
    timeout: BUILD_TIMEOUT_MS,
  }, async () => {
    const faults = new Map<FaultName, number>([...UPGRADES, ['format set back', 3_000]])
    let refused = 0
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { violation, coverage } = await runSeed(seed, { faults })
      expect(violation, `npm run sim -- --seed ${seed} with these faults`).toBeNull()
      refused += coverage.get('seen newer layout refused') ?? 0
    }
    expect(refused).toBeGreaterThan(0)
  })

  it('ends the same whenever it is run', { timeout: BUILD_TIMEOUT_MS }, async () => {
    const [one, other] = [await runSeed(2, { faults: UPGRADES }), await runSeed(2, { faults: UPGRADES })]
    expect(one.hash).toBe(other.hash)
  })
})
