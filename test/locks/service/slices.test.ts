/** Few grants an entry, and a short memory of what has been: what is left over is granted by the following ones, in the same order, and nobody gets between. */
import { expect, test, vi } from 'vitest'
import { Tally } from './tally.js'
import { playWorld } from './world.js'

vi.mock('../../../src/locks/limits.js', async (original) => ({
  ...(await original<typeof import('../../../src/locks/limits.js')>()),
  GRANTS_PER_ENTRY_MAX: 1,
  HISTORY_MAX: 9,
  HISTORY_PER_NAME_MAX: 3,
}))

test('with one grant an entry, and nine past holds, the machine does what the model does', { timeout: 60_000 }, () => {
  const tally = new Tally()
  for (let seed = 1; seed <= 12; seed++) tally.add(playWorld(seed, 200))
  expect(tally.count('answer granted')).toBeGreaterThan(50)
  expect(tally.count('left over'), 'or the bound was never met').toBeGreaterThan(8)
})
