/** Faults that the fuzzer and the widened attackers found, put back. */
import type { Mutant } from '../mutant.js'

export const MENDED_ATTACKERS: readonly Mutant[] = [
  {
    id: 'Y801',
    title: 'an epoch may have the number that stands for none',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/state/epochs.ts',
        find: 'if (epoch === 0 || !isMember(state, node)) return',
        replace: 'if (!isMember(state, node)) return',
      },
    ],
  },
]
