/** All mutants, in the order of the table. */
import type { Mutant } from '../mutant.js'
import { DURABILITY } from './durability.js'
import { ELECTIONS } from './elections.js'
import { LOCK_LAYER } from './lock-layer.js'
import { MEMBERSHIP } from './membership.js'
import { READS_AND_TIME } from './reads-and-time.js'
import { REPLICATION } from './replication.js'
import { SNAPSHOTS } from './snapshots.js'

export const MUTANTS: readonly Mutant[] = [
  ...ELECTIONS,
  ...REPLICATION,
  ...DURABILITY,
  ...SNAPSHOTS,
  ...READS_AND_TIME,
  ...MEMBERSHIP,
  ...LOCK_LAYER,
]
