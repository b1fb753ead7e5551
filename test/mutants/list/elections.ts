/** Bugs of elections and votes (raft-reference B11). */
import type { Mutant } from '../mutant.js'

export const ELECTIONS: readonly Mutant[] = [
  {
    id: 'M01',
    title: 'commits by the count of replicas alone, entries of earlier terms too',
    rule: 'B11',
    edits: [
      {
        file: 'src/raft/core/log/raft-log.ts',
        find: 'if (index <= this.committed || term === 0 || !this.matchTerm(index, term)) return false',
        replace: 'if (index <= this.committed || term === 0) return false',
      },
    ],
  },
]
