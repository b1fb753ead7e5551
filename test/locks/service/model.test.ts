/** The lock service against its reference model, in short; `npm run model` is the long form (docs/testing.md). */
import { expect, test } from 'vitest'
import { Tally } from './tally.js'
import { playWorld } from './world.js'

const WORLDS = Number(process.env.TNL_MODEL_WORLDS ?? 20)
const STEPS = 300
/** Prints with every failure; another every day would find more, but not fail for whoever looks for something else. */
const SEED = Number(process.env.TNL_MODEL_SEED ?? 1)

test('does what the plain model does: grants, order, tokens, refusals, deadlocks, restored replicas', {
  timeout: 120_000,
}, () => {
  const tally = new Tally()
  for (let at = 0; at < WORLDS; at++) tally.add(playWorld(SEED + at, STEPS))
  expect(tally.missing(), 'a workload that never meets these proves nothing of them').toEqual([])
})
