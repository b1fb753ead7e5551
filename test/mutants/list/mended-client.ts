/** Faults of the library that were mended, put back; and holes in its tests that somebody found. */
import type { Edit, Mutant } from '../mutant.js'

const BOOK = 'src/client/transport/endpoints.ts'
const CLASSIC = 'src/client/session/classic-session.ts'
const ABANDONABLE = 'src/client/abandonable.ts'
const ACQUIRING = 'src/client/acquiring.ts'
const LEFT = 'src/client/transport/left-links.ts'
const POOL = 'src/client/session/session-pool.ts'
const RACE = 'src/client/transport/connect-race.ts'
const REACH = 'src/client/transport/dial.ts'
const RESUMPTION = 'src/client/session/resumption.ts'
const SESSION = 'src/client/session/session.ts'
const TIMER = 'src/client/long-timer.ts'

const mended = (id: string, title: string, rule: string, file: string, find: string, replace: string): Mutant => {
  const edits: readonly Edit[] = [{ file, find, replace }]
  return { id, title, rule, edits }
}

export const MENDED_CLIENT: readonly Mutant[] = [
  mended(
    'Y601',
    'hello does not name the end of its connection',
    'rule 5',
    RESUMPTION,
    '        from: opened.from,\n',
    '',
  ),
  mended('Y602', 'attempts do not rise', 'rule 4', RESUMPTION, 'this.#attempt += 1', 'this.#attempt = 1'),
  mended(
    'Y603',
    '`superseded` ends the session',
    'rule 4',
    REACH,
    " || code === 'busy' || code === 'superseded'",
    " || code === 'busy'",
  ),
  {
    ...mended(
      'Y604',
      'the number that `superseded` names is not heeded',
      'rule 4',
      RESUMPTION,
      'superseded: (attempt) => this.#applied(attempt)',
      'superseded: () => {}',
    ),
    tests: ['test/client/leaving.test.ts'],
  },
  mended(
    'Y605',
    'a connection is reset as soon as it is left',
    'rule 5',
    SESSION,
    '    this.#left.keep(link)\n',
    '    link.reset()\n',
  ),
  mended(
    'Y606',
    'a left connection stays after the resume',
    'rule 5',
    SESSION,
    '    this.#left.reset()\n    this.level',
    '    this.level',
  ),
  mended(
    'Y607',
    'a left connection stays when nothing is believed any more',
    'rule 5',
    LEFT,
    'if (leftMs <= 0) {',
    'if (leftMs < 0) {',
  ),
  mended(
    'Y608',
    'who closes while no connection stands says no bye',
    'rule 5',
    SESSION,
    'if (link !== null) this.#sayBye(link)',
    'this.#sayBye(link)',
  ),
  mended(
    'Y609',
    'a redirect leads into another cluster',
    'own',
    REACH,
    'cluster ??= outcome.cluster\n',
    'cluster ??= null\n',
  ),
  mended(
    'Y610',
    'a redirect leads to a server that names no cluster',
    'own',
    REACH,
    'const isNew = line.action',
    'const isNew = line.rest === line.action',
  ),
  mended(
    'Y611',
    'a redirect to an original server makes the client speak classic',
    'own',
    REACH,
    "if (line.action === 'bad-action' && !led)",
    "if (line.action === 'bad-action')",
  ),
  mended(
    'Y612',
    'a stranger that `moved` names ends the session',
    'own',
    REACH,
    " === 'superseded' || led",
    " === 'superseded'",
  ),
  mended(
    'Y613',
    'a wait is over only when the server says so',
    'own',
    SESSION,
    'waitMs > 0 ? waitMs + WAIT_MARGIN_MS',
    'waitMs < 0 ? waitMs + WAIT_MARGIN_MS',
  ),
  mended(
    'Y614',
    'a wait goes on through an outage',
    'own',
    ABANDONABLE,
    'waitMs > 0 ? patienceMs',
    'waitMs < 0 ? patienceMs',
  ),
  mended(
    'Y615',
    'a grant that comes after the caller has given up is kept',
    'own',
    ABANDONABLE,
    'if (abandoned) void lock[Symbol.asyncDispose]()\n        else resolve(lock)',
    'resolve(lock)',
  ),
  mended(
    'Y616',
    'a refused request leaves a listener on the signal of the caller',
    'own',
    ABANDONABLE,
    '      (error: unknown) => {\n        settled()\n',
    '      (error: unknown) => {\n',
  ),
  mended(
    'Y617',
    'a lock that was lost by the deadline stays at the server until its user lets go',
    'own',
    ACQUIRING,
    "if (reason === 'deadline') lock.giveBack()",
    "if (reason === 'deadline' && lock.token < 0) lock.giveBack()",
  ),
  mended(
    'Y618',
    'a lock that is lost between its grant and the return of `acquire` is not reported',
    'own',
    ACQUIRING,
    "        for (const grant of grants) if (!session.holds(grant)) this.#lost(grant, 'lease-expired')\n",
    '',
  ),
  mended(
    'Y619',
    'a resume is tried for `reach` and not for the lease',
    'own',
    RESUMPTION,
    'Math.max(this.options.resumeMs ?? this.options.reachMs, leaseMs)',
    'this.options.resumeMs ?? this.options.reachMs',
  ),
  mended(
    'Y620',
    'a remembered address is not used when the resolver fails',
    'own',
    BOOK,
    '      for (const address of known ?? []) tell(address, port, host)\n',
    '',
  ),
  mended(
    'Y621',
    'a silent original server is not left',
    'own',
    CLASSIC,
    'overdue: () => this.#lose()',
    'overdue: () => {}',
  ),
  mended(
    'Y622',
    'thousands of requests find the same session empty',
    'own',
    POOL,
    'return await use(session)',
    'return await Promise.resolve(session).then(use)',
  ),
  mended(
    'Y623',
    'idle locks of a busy client share its connection',
    'own',
    POOL,
    'if (!session.busy || session.oldestHoldMs',
    'if (session.busy || session.oldestHoldMs',
  ),
  mended(
    'Y624',
    'a task asks in another session than the one that holds its lock',
    'own',
    POOL,
    'preferred !== null && this.#takesRequests(preferred) ? preferred : this.#ready()',
    'preferred?.ended === true ? preferred : this.#ready()',
  ),
  mended(
    'Y625',
    'an address that hangs keeps the next from being tried',
    'own',
    RACE,
    'if (this.#dialling === 0 || staggerMs <= 0)',
    'if (this.#dialling === 0)',
  ),
  mended(
    'Y626',
    'a name that does not resolve keeps the addresses waiting',
    'own',
    RACE,
    'this.#anyAddress ? LOOKUP_PATIENCE_MS : this.options.connectTimeoutMs',
    'Number.POSITIVE_INFINITY',
  ),
  mended(
    'Y627',
    'what the end of the budget cut short hides that nobody listened',
    'own',
    REACH,
    'if (this.plan.budgetMs > 0 && this.#leftMs()',
    'if (this.plan.budgetMs < 0 && this.#leftMs()',
  ),
  mended(
    'Y629',
    'the 1,001st lock is asked for in the same session',
    'own',
    SESSION,
    'return this.#holdings.size + this.#asked + this.#releases.underWay >= LOCKS_PER_SESSION_MAX_COUNT',
    'return this.#holdings.size + this.#asked + this.#releases.underWay < 0',
  ),
  mended('Y630', 'a session that a node calls full is used on', 'own', POOL, '          this.#full.add(session)\n', ''),
  mended(
    'Y628',
    'a timer of more than 24.8 days fires at once',
    'own',
    TIMER,
    'Math.min(leftMs, MAX_TIMER_MS)',
    'leftMs',
  ),
  {
    ...mended(
      'Y631',
      'an outage that is longer than the time to reach a node ends a wait for a lock',
      'own',
      'src/cli/shared/session-options.ts',
      'resumeMs: Math.max(reachMs, waitMs)',
      'resumeMs: reachMs',
    ),
    tests: ['test/cli/do/options.test.ts'],
  },
  {
    ...mended(
      'Y632',
      'who has waited already looks for a node only as long as a newcomer',
      'own',
      'src/cli/shared/acquire.ts',
      'reachMs: Math.max(options.reachMs, options.resumeMs ?? 0)',
      'reachMs: options.reachMs',
    ),
    tests: ['test/cli/shared/acquire.test.ts'],
  },
  {
    ...mended(
      'Y633',
      'a wait that no node takes is asked for',
      'own',
      'src/cli/shared/arguments.ts',
      'if (ms > WAIT_MAX_MS) throw',
      'if (ms < 0) throw',
    ),
    tests: ['test/cli/do/options.test.ts'],
  },
  {
    ...mended(
      'Y634',
      'who does not get the lock goes without bye',
      'rule 5',
      'src/cli/shared/acquire.ts',
      '        await session.close()\n        throw error\n',
      '        throw error\n',
    ),
    tests: ['test/cli/shared/acquire.test.ts'],
  },
  {
    ...mended(
      'Y635',
      'who does not want to wait looks for a node for 10 s where nobody listens',
      'own',
      REACH,
      'if (!this.plan.refusalIsFinal || this.#connectedAnywhere) return false',
      'if (this.plan.refusalIsFinal !== null) return false',
    ),
    tests: ['test/client/transport/dial.test.ts'],
  },
]
