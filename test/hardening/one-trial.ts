/** The process of one trial: `one-trial.ts FILE SIZE`. It reports its outcome to the parent and ends. */
import { loadTrial } from './catalogue.js'
import type { Outcome, Size } from './trial.js'

async function outcomeOf(file: string, size: Size): Promise<Outcome> {
  const { trial, why } = await loadTrial(file)
  if (trial === null) return { ok: false, seen: why }
  try {
    return await trial.run(size)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    return { ok: false, seen: error instanceof Error ? error.message : String(error) }
  }
}

const [file = '', size] = process.argv.slice(2)
const outcome = await outcomeOf(file, size === 'long' ? 'long' : 'short')
// A socket or a child that the trial forgot shall not keep its process alive.
process.send?.(outcome, () => process.exit())
