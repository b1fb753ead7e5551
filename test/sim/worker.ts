/** A process of the pool: runs the seeds that it is given, one at a time. */
import { runSeed } from './simulation.js'

export interface SeedOrder {
  readonly seed: number
  readonly nodes: number | null
}

process.on('message', ({ seed, nodes }: SeedOrder) => {
  runSeed(seed, { nodes }).then((result) => process.send?.({ ...result, coverage: [...result.coverage] }))
})

// Nobody waits for the result any more.
process.on('disconnect', () => process.exit())
