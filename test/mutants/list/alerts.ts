/** What alerts look at, and the files of settings that are read again. */
import type { Mutant } from '../mutant.js'

const tests = { rule: 'own', killers: ['tests'] } as const
const PEER_SECRET = 'src/server/config/peer-secret-file.ts'
const LOCK_METRICS = 'src/server/http/lock-metrics.ts'

export const ALERTS: readonly Mutant[] = [
  {
    ...tests,
    id: 'T940',
    title: 'a series of losses begins with the first loss, which no alert sees',
    tests: ['test/server/http/lock-metrics.test.ts'],
    edits: [
      { file: LOCK_METRICS, find: 'for (const reason of LOSSES) this', replace: 'for (const reason of []) this' },
    ],
  },
  {
    ...tests,
    id: 'T941',
    title: 'a node that does not lead does not know what there will be to lose',
    tests: ['test/service/observer.test.ts'],
    edits: [
      {
        file: 'src/service/lock-service.ts',
        find: '        else observer.heardOf(event.name)\n',
        replace: '',
      },
    ],
  },
  {
    ...tests,
    id: 'T942',
    title: 'two auth files may have one number',
    tests: ['test/server/http/access-metrics.test.ts'],
    edits: [
      {
        file: 'src/server/http/access-metrics.ts',
        find: 'hash.slice(0, HASH_DIGITS), 16',
        replace: 'hash.slice(0, HASH_DIGITS), 10',
      },
    ],
  },
  {
    ...tests,
    id: 'T943',
    title: 'a bad peer secret is told at every try',
    tests: ['test/server/config/peer-secret-file.test.ts'],
    edits: [{ file: PEER_SECRET, find: '      this.#problem = problem\n', replace: '' }],
  },
  {
    ...tests,
    id: 'T944',
    title: 'of a file of settings that is too long its beginning is used',
    tests: ['test/server/config/peer-secret-file.test.ts'],
    edits: [
      {
        file: 'src/server/config/bounded-file.ts',
        find: 'if (length + read > maxBytes) throw',
        replace: 'if (false) throw',
      },
    ],
  },
]
