/** tnl-do with several locks, done-marks, results and hooks, locks of one host; and the client's side of these. */
import { type Edit, edit, type Mutant } from '../mutant.js'

const ASKING = 'test/client/session/lock-asking.test.ts'
const LOCAL = 'test/e2e/do-local.test.ts'
const RESULT = 'test/e2e/do-result.test.ts'
const OPTIONS = 'test/cli/do/options.test.ts'
const SUPERVISION = 'test/cli/do/supervision.test.ts'

const mutant = (id: string, title: string, tests: string, ...edits: Edit[]): Mutant => ({
  id,
  title,
  rule: 'own',
  edits,
  killers: ['tests'],
  tests: [tests],
})

const LOCK_ASKING = 'src/client/session/lock-asking.ts'

export const RUNNER: readonly Mutant[] = [
  mutant(
    'L501',
    'the first `ok` of a request for several names is taken for all of it',
    ASKING,
    edit(
      LOCK_ASKING,
      'if (this.#granted.size < this.asks.length) return null',
      'if (this.#granted.size < 1) return null',
    ),
  ),
  mutant(
    'L502',
    'a hold that is lost while the other names are still to come counts as held',
    ASKING,
    edit(
      LOCK_ASKING,
      'if (token !== undefined && grant?.token === token) this.#lost.set(token, reason)',
      'if (grant === null) this.#lost.set(0, reason)',
    ),
  ),
  mutant(
    'L503',
    'a request for several names counts as one answer (lock-tests 61, the client)',
    ASKING,
    edit('src/client/session/sent-requests.ts', 'this.#answers += answers', 'this.#answers += 1'),
  ),
  mutant(
    'L504',
    'the outermost locks are said to be kept, not the innermost',
    ASKING,
    edit(LOCK_ASKING, 'holding.slice(-HOLDING_MAX_COUNT).reverse()', 'holding.slice(0, HOLDING_MAX_COUNT)'),
  ),
  mutant(
    'L505',
    'success counts under a hold that was lost (lock-tests 43, the client)',
    ASKING,
    edit(
      'src/client/session/releases.ts',
      'else if (done && isLost) reject',
      'else if (done && !isLost && isLost) reject',
    ),
  ),
  mutant(
    'L506',
    'a lock of this host is not given to the watcher: it is free while leftovers live',
    LOCAL,
    edit(
      'src/cli/do/watcher.ts',
      "stdio: ['pipe', 'ignore', 'inherit', ...locks]",
      "stdio: ['pipe', 'ignore', 'inherit']",
    ),
  ),
  mutant(
    'L507',
    'a lock of this host is not given to the guardian',
    LOCAL,
    edit(
      'src/cli/do/run.ts',
      'session instanceof LocalSession ? session.servers.flatMap((server) => descriptorOf(server) ?? []) : []',
      '[]',
    ),
  ),
  mutant(
    'L508',
    'several locks of this host: those that were taken before one that is not to be had are kept',
    LOCAL,
    edit('src/client/session/local-session.ts', 'for (const { grant } of taken) await this.release(grant)\n', '\n'),
  ),
  mutant(
    'L509',
    'the result of an earlier run stays until this one ends',
    RESULT,
    edit('src/cli/do/result.ts', '  rmSync(path, { force: true })\n', ''),
  ),
  mutant(
    'L510',
    'a result that cannot be written is found out at the end',
    RESULT,
    edit('src/cli/do/result.ts', '  accessSync(dirname(path), constants.W_OK | constants.X_OK)\n', ''),
  ),
  mutant(
    'L511',
    'a hook may hang for ever',
    'test/cli/do/hooks.test.ts',
    edit('src/cli/do/hooks.ts', 'is killed`)\n        kill(child)', 'is killed`)'),
  ),
  mutant(
    'L512',
    'a name may be asked for twice',
    OPTIONS,
    edit('src/client/asks.ts', 'if (names.has(name)) throw', "if (names.has('')) throw"),
  ),
  mutant(
    'L514',
    'who is stopped together with the guardian leaves the command to itself: the watcher knows of no limit',
    'test/e2e/runner.test.ts',
    edit(
      'src/cli/guardian/guardian-process.ts',
      'this.watcher.limit({ ...limit, holdMs: limit.holdMs - beforeMs })',
      'void beforeMs',
    ),
  ),
  mutant(
    'L515',
    'what waits for the limit outlives the watcher',
    'test/e2e/runner.test.ts',
    edit('src/cli/do/watcher.ts', 'done) forget_limit; exit 0 ;;', 'done) exit 0 ;;'),
  ),
  mutant(
    'L519',
    'the watcher ends the guardian that it acts for',
    'test/cli/do/run.test.ts',
    edit('src/cli/do/watcher.ts', ' && [ "$id" != "$guardian" ]', ''),
  ),
  mutant(
    'L516',
    'the library does not say that its tasks are strangers to each other (lock-tests 38, the client)',
    'test/e2e/library-tasks.test.ts',
    edit(
      LOCK_ASKING,
      'if (holding === undefined || level < HOLDING_LEVEL) return fields',
      'if (level > 0) return fields',
    ),
  ),
  mutant(
    'L517',
    'a tnl-do under another does not say which locks are held around it: two that are nested crosswise wait for ever',
    'test/e2e/do-locks.test.ts',
    edit(
      'src/cli/shared/acquire.ts',
      '...(kept.length === 0 ? {} : { holding: kept })',
      '...(kept === null ? {} : {})',
    ),
  ),
  mutant(
    'L518',
    'a command that has failed counts as done',
    'test/e2e/do-locks.test.ts',
    edit('src/cli/do/run.ts', 'loss === null && command?.code === 0', 'loss === null && command !== null'),
  ),
  mutant(
    'L513',
    'a lock that was lost between its grant and the supervision of the command is not noticed',
    SUPERVISION,
    edit('src/cli/do/supervision.ts', 'if (gone !== undefined) this.#loses', 'if (gone === null) this.#loses'),
  ),
]
