import { expect, it } from 'vitest'
import { Machine, Process } from './process.js'
import { World } from './world.js'

it('what comes with something else is handled in the same turn, and what comes later in the next one', async () => {
  const world = new World(1)
  const process = new Process(world, new Machine(world, 'n1', 1), 'n1')
  const seen: string[] = []
  process.deliver(() => {
    process.clock.soon(() => seen.push('end of turn'))
    process.deliver(() => seen.push('later'))
    process.deliver(() => seen.push('with it'), true)
    process.deliver(() => seen.push('with it, second'), true)
  })
  process.deliver(() => seen.push('waited already'))
  await world.until(() => seen.length === 5, 1_000)
  expect(seen).toEqual(['waited already', 'with it', 'with it, second', 'end of turn', 'later'])
})
