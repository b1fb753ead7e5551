/** The commands of script writers, `tnl top`, completion, and the nearest word. */
import { type Edit, edit, type Mutant } from '../mutant.js'

const ASKING = 'test/client/session/lock-asking.test.ts'
const COMMANDS = 'test/cli/commands.test.ts'
const COMPLETION = 'test/cli/completion/completion.test.ts'
const OPTIONS = 'test/cli/lock/options.test.ts'
const QUEUES = 'test/service/reads/top-queues.test.ts'
const TOP = 'test/cli/top/frame.test.ts'

const mutant = (id: string, title: string, tests: string, ...edits: Edit[]): Mutant => ({
  id,
  title,
  rule: 'own',
  edits,
  killers: ['tests'],
  tests: [tests],
})

export const COMMAND_LINE: readonly Mutant[] = [
  mutant(
    'L720',
    'names of locks are not completed',
    COMPLETION,
    edit('src/cli/completion/model.ts', "  KEY: 'keys',\n", ''),
  ),
  mutant(
    'L721',
    'a ttl that consul-lock refuses is taken',
    OPTIONS,
    edit('src/cli/lock/options.ts', 'sessionTtl < SESSION_TTL_MIN_SECONDS || ', ''),
  ),
  mutant(
    'L722',
    'a key with an empty part is taken',
    OPTIONS,
    edit('src/cli/lock/options.ts', "if (key.includes('//')) {", "if (key === '//') {"),
  ),
  mutant(
    'L723',
    'a loose grant that comes too late is released as one of the session, which frees nothing',
    ASKING,
    edit('src/client/session/releases.ts', "grant.loose === true ? 'unlock' : 'release'", "'release'"),
  ),
  mutant(
    'L724',
    'a loose hold counts as one that the session keeps',
    ASKING,
    edit(
      'src/client/session/holdings.ts',
      'if (grants.every(({ loose }) => loose === true)) {',
      'if (grants.length === 0) {',
    ),
  ),
  mutant(
    'L725',
    'the keys of the result are not sorted, as scripts for consul-lock have them',
    OPTIONS,
    edit('src/cli/lock/python-json.ts', '.sort(([a], [b]) => (a < b ? -1 : 1))', ''),
  ),
  mutant(
    'L726',
    'a walk that is begun anew counts queues twice',
    QUEUES,
    edit('src/service/reads/top-queues.ts', '    this.#count = 0\n    this.#waiters = 0\n', ''),
  ),
  mutant(
    'L727',
    'the rates of a node that was started anew are those of two processes',
    TOP,
    edit('src/cli/top/view.ts', 'before.uptime <= now.uptime && ', ''),
  ),
  mutant(
    'L728',
    'what is pasted as a filter goes to the node as it is',
    TOP,
    edit('src/cli/top/settings.ts', ' || !isNamePrefix(longer)', ''),
  ),
  mutant(
    'L729',
    'two letters in the wrong order make another word',
    COMMANDS,
    edit(
      'src/server/config/nearest.ts',
      'const isSwap = from[line - 1] === to[column - 2] && ',
      'const isSwap = line < 0 && ',
    ),
  ),
]
