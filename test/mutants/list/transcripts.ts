/** Words that only a transcript shows: left out, said to the wrong client, or at the wrong time. */
import type { Edit, Mutant } from '../mutant.js'

const at = (file: string, find: string, replace: string): Edit => ({ file, find, replace })

export const TRANSCRIPTS: readonly Mutant[] = [
  {
    id: 'L760',
    title: 'a learner that nobody ever heard of becomes a voter',
    rule: 'own',
    edits: [
      at(
        'src/service/administration/administration.ts',
        'if (progress === undefined || !progress.active || progress.match === 0) {',
        'if (progress === undefined || !progress.active) {',
      ),
    ],
    killers: ['tests'],
    tests: ['test/service/administration/administration.test.ts'],
  },
]
