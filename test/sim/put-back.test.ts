import { expect, it } from 'vitest'
import type { FaultName } from './nemesis/faults.js'
import { runSeed } from './simulation.js'

const SEEDS = Number(process.env.TNL_SEEDS ?? 6)
const FIRST_SEED = Number(process.env.TNL_FIRST_SEED ?? 700_010)
/** About one seed in four puts a directory back that somebody then meets: at most so many seeds are tried until one does. */
const SEEDS_MAX = 5 * SEEDS
const FAULTS: ReadonlyMap<FaultName, number> = new Map([
  ['put back', 2_500],
  ['kill', 6_000],
  ['power loss', 15_000],
  ['isolation', 10_000],
])

/** Who refuses a healthy directory, or lets in one that has forgotten what it answered, is a violation of the run. */
it('finds directories that have forgotten, and refuses no other', { timeout: 240_000 }, async () => {
  let found = 0
  for (let tried = 0; tried < SEEDS || (found === 0 && tried < SEEDS_MAX); tried++) {
    const seed = FIRST_SEED + tried
    const { violation, coverage, lastNotes } = await runSeed(seed, { faults: FAULTS })
    expect(violation, `seed ${seed}\n${lastNotes.join('\n')}`).toBeNull()
    found += coverage.get('seen forgotten directory found') ?? 0
  }
  expect(found).toBeGreaterThan(0)
})
