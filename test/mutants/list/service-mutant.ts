/** How the lists of mutants of the lock service are written. */
import type { Edit, Mutant } from '../mutant.js'

/** Killed by the model, or by the schedules beside it. */
export function ofService(id: string, title: string, ...edits: Edit[]): Mutant {
  return { id, title, rule: 'own', edits, killers: ['tests'], tests: ['test/locks/service'] }
}

export { edit as at } from '../mutant.js'
