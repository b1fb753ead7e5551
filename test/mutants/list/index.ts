/** All mutants, in the order of the table. */
import type { Mutant } from '../mutant.js'
import { ELECTIONS } from './elections.js'

export const MUTANTS: readonly Mutant[] = [...ELECTIONS]
