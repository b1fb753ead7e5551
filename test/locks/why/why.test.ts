/** What `why` and `who` say, in short; `npm run why-check` is the long form (docs/testing.md). */
import { expect, test } from 'vitest'
import { Situations } from './situations.js'

const SITUATIONS = Number(process.env.TNL_WHY_SITUATIONS ?? 1_500)
/** Then another world, with other likes, teaches more. */
const PER_WORLD = 30
/** Prints with every failure; another every day would find more, but not fail for whoever looks for something else. */
const SEED = Number(process.env.TNL_WHY_SEED ?? 1)

test('why and who are so: by the model, and by what happens then', { timeout: 240_000 }, () => {
  const judged = new Situations()
  for (let seed = SEED; judged.situations < SITUATIONS; seed++) judged.play(seed, PER_WORLD)
  expect(judged.missing(), 'situations that never meet these prove nothing of them').toEqual([])
})
