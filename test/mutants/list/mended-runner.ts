/** tnl-do, its guardian and the system around them: faults that were found, put back. */
import { type Edit, edit, type Mutant } from '../mutant.js'

const GUARDIAN = 'test/cli/do/guardian.test.ts'
const DAEMONS = 'test/cli/do/daemons.test.ts'
const SUPERVISION = 'test/cli/do/supervision.test.ts'
const COMMAND = 'test/cli/do/run.test.ts'
const START = 'test/cli/do/start.test.ts'
const GUARDIAN_PROCESS = 'src/cli/guardian/guardian-process.ts'

const mutant = (id: string, title: string, rule: Mutant['rule'], tests: string, ...edits: Edit[]): Mutant => ({
  id,
  title,
  rule,
  edits,
  killers: ['tests'],
  tests: [tests],
})

export const MENDED_RUNNER: readonly Mutant[] = [
  mutant(
    'Y501',
    'the guardian is no child subreaper: who has left the group of the command runs on',
    'rule 6',
    DAEMONS,
    edit(GUARDIAN_PROCESS, '      native.becomeSubreaper()\n', ''),
  ),
  mutant(
    'Y502',
    'only the group of the command is killed',
    'rule 6',
    DAEMONS,
    edit(
      'src/cli/guardian/descendants.ts',
      'return descendantsOf(process.pid, this.spared)',
      'return this.group.members()',
    ),
  ),
  mutant(
    'Y503',
    'what is left of the command and ignores SIGTERM is not killed',
    'rule 6',
    GUARDIAN,
    edit(
      GUARDIAN_PROCESS,
      "if (!(await offspring.ended(command.graceMs))) this.#happens('leftovers-stay')",
      'await offspring.ended(command.graceMs)',
    ),
  ),
  mutant(
    'Y504',
    'a group that may not be signalled counts as dead',
    'rule 6',
    GUARDIAN,
    edit(
      'src/cli/system/process-group.ts',
      "      // EPERM: it lives, under another user.\n      this.gone = hasCode(error, 'ESRCH')",
      '      this.gone = error !== null',
    ),
  ),
  mutant(
    'Y505',
    'a limit that comes after the command was asked to end moves the deadline',
    'rule 6',
    GUARDIAN,
    edit(GUARDIAN_PROCESS, 'if (!isLost(this.#fate)) this.#holdUntil(message.limit)', 'this.#holdUntil(message.limit)'),
  ),
  mutant(
    'Y506',
    'a signal that comes before the command has started is lost',
    'own',
    SUPERVISION,
    edit(
      'src/cli/do/supervision.ts',
      'if (this.#group === null) this.#earlySignals.push(signal)\n    else this',
      'this',
    ),
    edit(
      'src/cli/do/supervision.ts',
      'this.#group.signal(signal)\n    if (signal',
      'this.#group?.signal(signal)\n    if (signal',
    ),
  ),
  mutant(
    'Y507',
    'a stopped command that is asked to end is not continued',
    'own',
    GUARDIAN,
    edit(GUARDIAN_PROCESS, "    // A stopped process would not see it.\n    ward.offspring.signalAll('SIGCONT')\n", ''),
  ),
  mutant(
    'Y508',
    'what is left of the command and stopped is not continued when it is asked to end',
    'own',
    GUARDIAN,
    edit(GUARDIAN_PROCESS, "    offspring.signalAll('SIGCONT')\n    if (!(await", '    if (!(await'),
  ),
  mutant(
    'Y509',
    'while what is left of the command is ended, later limits do not count',
    'own',
    GUARDIAN,
    edit(GUARDIAN_PROCESS, 'if (!isLost(this.#fate)) this.#holdUntil', 'if (this.#ward === null) this.#holdUntil'),
  ),
  mutant(
    'Y510',
    'the guardian says no bye',
    'rule 5',
    COMMAND,
    edit(
      'src/cli/guardian/session-connection.ts',
      'const lastWords = resumption === null ?',
      'const lastWords = resumption !== undefined ?',
    ),
  ),
  mutant(
    'Y511',
    'the guardian says bye in the middle of a line that tnl-do has begun',
    'rule 5',
    COMMAND,
    edit('src/cli/guardian/session-connection.ts', "? '' : `\\n$", "? '' : `$"),
  ),
  mutant(
    'Y512',
    'tnl-do asks for no linger',
    'rule 5',
    'test/cli/do/options.test.ts',
    edit('src/cli/do/options.ts', 'Math.max(flags.linger, flags.lease)', 'flags.linger'),
  ),
  mutant(
    'Y513',
    'the guardian has no copy of the connection while tnl-do waits',
    'rule 5',
    COMMAND,
    edit('src/cli/do/run.ts', 'adopted = this.readyGuardian().adopt(link)\n', 'adopted = Promise.resolve(void link)\n'),
  ),
  mutant(
    'Y514',
    'nobody kills when tnl-do and its guardian are killed together',
    'own',
    DAEMONS,
    edit('src/cli/do/watcher.ts', 'try=0\nwhile', 'exit 0\ntry=0\nwhile'),
  ),
  mutant(
    'Y515',
    'tnl-do is no child subreaper: who has cleared its environment outlives the guardian',
    'rule 6',
    DAEMONS,
    edit('src/cli/do/supervision.ts', '    loadNative()?.becomeSubreaper()\n', ''),
  ),
  mutant(
    'Y516',
    'only the innermost lock around a command is known inside',
    'own',
    COMMAND,
    edit('src/cli/do/run.ts', '[...this.heldAround, ...marks]', 'marks'),
  ),
  mutant(
    'Y517',
    'a lock of another cluster counts as held around the command',
    'own',
    START,
    edit(
      'src/cli/shared/held.ts',
      "(mark.cluster === (cluster ?? '') || mark.cluster === '')",
      'cluster !== undefined',
    ),
  ),
  mutant(
    'Y518',
    'a mark that has outlived its lock refuses who waits for another holder',
    'own',
    START,
    edit(
      'src/cli/shared/held.ts',
      'mark.name === name && mark.holder === holder &&',
      'mark.name === name && holder !== undefined &&',
    ),
  ),
  mutant(
    'Y519',
    'what another process was started with is believed',
    'own',
    START,
    edit('src/cli/do/start.ts', 'const isOurs = processId === String(process.pid)', "const isOurs = processId !== ''"),
  ),
  mutant(
    'Y520',
    'tnl-do becomes a child subreaper a moment after the command has started: who kills the guardian at once gets away',
    'rule 6',
    SUPERVISION,
    edit(
      'src/cli/do/supervision.ts',
      '    loadNative()?.becomeSubreaper()\n',
      '    setTimeout(() => loadNative()?.becomeSubreaper(), 50)\n',
    ),
  ),
]
