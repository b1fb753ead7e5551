/** Faults of tnl-do's guardian that its table of states shows, and what an operator is told. */
import type { Mutant } from '../mutant.js'

const FATE = 'src/cli/guardian/fate.ts'
const FATE_TESTS = ['test/cli/guardian/fate.test.ts']

const mutant = (id: string, title: string, find: string, replace: string): Mutant => ({
  id,
  title,
  rule: 'rule 6',
  edits: [{ file: FATE, find, replace }],
  killers: ['tests'],
  tests: FATE_TESTS,
})

export const MENDED_PROGRAMS: readonly Mutant[] = [
  mutant(
    'Z801',
    'a guardian that waits for what it cannot end does not keep the lock when tnl-do dies meanwhile',
    'return isWorse(doom, fate.doom) ? { ...fate, doom } : fate',
    "return fate.at === 'starting' && isWorse(doom, fate.doom) ? { ...fate, doom } : fate",
  ),
  mutant(
    'Z802',
    'a command that was asked to end is not killed at the limit',
    "      return { at: 'killing', doom: 'lost' }\n",
    '      return fate\n',
  ),
  mutant(
    'Z803',
    'when tnl-do dies after the lock was lost, a later limit counts again',
    'than === null || BY_GRAVITY.indexOf(doom) > BY_GRAVITY.indexOf(than)',
    'doom !== than',
  ),
  mutant(
    'Z804',
    'a guardian without its tnl-do stays for ever when nothing of the command is left',
    "fate.doom === 'leftovers' ? 'empty' : 'leaving'",
    "fate.doom !== 'lost' ? 'empty' : 'leaving'",
  ),
  {
    id: 'Z811',
    title: 'a request waits unexamined and nobody is told',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/table/session-graph.ts',
        find: "    context.effects.push({ kind: 'unexamined', session: session.id, name: lock.name })\n",
        replace: '',
      },
    ],
    killers: ['tests'],
    tests: ['test/locks/wait-graph.test.ts'],
  },
]
