/** Clauses of rules.md: rule 6 (the local lease of the client, the guardian of `tnl-do`), and rule 7 for clients. */
import type { Mutant } from '../mutant.js'

const LIMITS = 'src/client/limits.ts'
const MIRROR = 'src/client/session/local-lease.ts'
const KEEP_ALIVE = 'src/client/session/keep-alive.ts'
const SESSION = 'src/client/session/session.ts'
const HOLDINGS = 'src/client/session/holdings.ts'
const GUARDIAN_PROCESS = 'src/cli/guardian/guardian-process.ts'
const SUPERVISION = 'src/cli/do/supervision.ts'
const OPTIONS = 'src/cli/do/options.ts'
const RAW_HANDLE = 'src/cli/system/raw-handle.ts'
const COMMAND_TESTS = ['test/cli/do/guardian.test.ts', 'test/cli/do/run.test.ts', 'test/cli/do/supervision.test.ts']

export const RULES_CLIENTS: readonly Mutant[] = [
  // --------------------------------------------------------------------------------------- rule 6: the local lease
  {
    id: 'R6a',
    title: 'a lock is held from the arrival of the answer to a keepalive',
    rule: 'rule 6',
    edits: [{ file: KEEP_ALIVE, find: 'this.owner.confirmed(sentAt)', replace: 'this.owner.confirmed(instantNow())' }],
  },
  {
    id: 'R6b',
    title: 'a lock is held for the whole lease',
    rule: 'rule 6',
    edits: [{ file: LIMITS, find: 'HOLD_FRACTION = 0.9', replace: 'HOLD_FRACTION = 1' }],
  },
  {
    id: 'R6c',
    title: 'the margin of 50 ms is not subtracted',
    rule: 'rule 6',
    edits: [{ file: LIMITS, find: 'HOLD_MARGIN_MS = 50', replace: 'HOLD_MARGIN_MS = 0' }],
  },
  {
    id: 'R6d',
    title: 'words that are not positive extend the lease: any line of the node does',
    rule: 'rule 6',
    edits: [
      {
        file: SESSION,
        find: "    else if (line.action === 'jeopardy' || line.action === 'safe') this.nodeInJeopardy",
        replace:
          "    else if (line.action === 'jeopardy') {\n      this.nodeInJeopardy = true\n      this.#keepAlive.answered()\n    } else if (line.action === 'safe') this.nodeInJeopardy",
      },
    ],
  },
  {
    id: 'R6e',
    title: 'keepalives are sent twice in a lease, not every sixth',
    rule: 'rule 6',
    edits: [{ file: LIMITS, find: 'KEEPALIVES_PER_LEASE = 6', replace: 'KEEPALIVES_PER_LEASE = 2' }],
  },
  {
    id: 'R6f',
    title: 'a connection on which a keepalive stays unanswered is not left',
    rule: 'rule 6',
    edits: [
      {
        file: KEEP_ALIVE,
        find: 'if (oldest !== undefined && elapsedMs(oldest) >= this.answerMs - 1) this.owner.overdue()\n    else this.#beat()',
        replace: 'if (oldest === undefined || elapsedMs(oldest) >= 0) this.#beat()',
      },
    ],
  },
  {
    id: 'R6g',
    title: 'a closed connection is not jeopardy',
    rule: 'rule 6',
    edits: [
      {
        file: 'src/client/lock.ts',
        find: "return this.session.link === null || this.session.nodeInJeopardy ? 'jeopardy' : 'held'",
        replace: "return this.session.nodeInJeopardy ? 'jeopardy' : 'held'",
      },
    ],
  },
  {
    id: 'R6h',
    title: 'a lock is held on after the limit',
    rule: 'rule 6',
    edits: [
      {
        file: HOLDINGS,
        find: "    for (const grant of [...this.#held.keys()]) if (this.#held.delete(grant)) this.onLost(grant, 'deadline')\n",
        replace: '',
      },
    ],
  },
  {
    id: 'R6i',
    title: 'a proof that comes after the limit brings a lock back',
    rule: 'rule 6',
    edits: [
      {
        file: SESSION,
        find: '    this.#holdings.loseLapsed(at)\n    this.localLease.confirm(sentAt)',
        replace: '    this.localLease.confirm(sentAt)',
      },
    ],
  },
  {
    id: 'R6j',
    title: 'a grant that is read after the limit is given out without a proof',
    rule: 'rule 6',
    edits: [
      {
        file: HOLDINGS,
        find: '    if (this.localLease.remainingMs() <= 0) {\n      this.#unproven.add({ grants, give, fail })\n      return\n    }\n',
        replace: '',
      },
    ],
  },
  {
    id: 'R6k',
    title: 'after a resume locks are held on that the node does not list',
    rule: 'rule 6',
    edits: [
      {
        file: SESSION,
        find: "    this.#holdings.loseWhere('lease-expired', ({ token }) => token !== null && !tokens.has(token))\n",
        replace: '',
      },
    ],
  },
  {
    id: 'R6l',
    title: 'a resume counts from its answer, not from its sending',
    rule: 'rule 6',
    edits: [
      {
        file: 'src/client/transport/dial.ts',
        find: 'const welcome = await plan.welcomed(link, line, sentAt)',
        replace: 'const welcome = await plan.welcomed(link, line, instantNow())',
      },
    ],
  },
  // ----------------------------------------------------------------------------------- rule 6: the guardian
  {
    id: 'R6m',
    title: 'the command has no process group of its own',
    rule: 'rule 6',
    edits: [
      {
        file: 'src/cli/system/native.ts',
        find: 'POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF)',
        replace: 'POSIX_SPAWN_SETSIGDEF)',
      },
    ],
    killers: ['tests'],
    tests: COMMAND_TESTS,
  },
  {
    id: 'R6n',
    title: 'the guardian has no group of its own: a signal to the group of tnl-do kills it',
    rule: 'rule 6',
    edits: [{ file: GUARDIAN_PROCESS, find: '      native.leadGroup()\n', replace: '' }],
    killers: ['tests'],
    tests: COMMAND_TESTS,
  },
  {
    id: 'R6o',
    title: 'the guardian holds no copy of the connection',
    rule: 'rule 6',
    edits: [
      {
        file: 'src/cli/guardian/session-connection.ts',
        find: '    return this.handle !== null\n',
        replace: '    this.handle?.close()\n    return true\n',
      },
    ],
    killers: ['tests'],
    tests: COMMAND_TESTS,
  },
  {
    id: 'R6p',
    title: 'resume is sent before the guardian has confirmed its new copy',
    rule: 'rule 6',
    edits: [
      {
        file: 'src/client/transport/dial.ts',
        find: '    await plan.beforeOpening?.(link)\n',
        replace: '    void plan.beforeOpening?.(link)\n',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'R6q',
    title: 'the command starts before the guardian holds a copy of the connection',
    rule: 'rule 6',
    edits: [
      {
        file: SUPERVISION,
        find: 'const adopted = await this.guardian.adopt(link).then(',
        replace: 'const adopted = await Promise.resolve().then(',
      },
    ],
    killers: ['tests'],
    tests: COMMAND_TESTS,
  },
  {
    id: 'R6r',
    title: 'the guardian is not told of later deadlines',
    rule: 'rule 6',
    edits: [{ file: SUPERVISION, find: '        this.guardian.renew(this.session.localLease.limit)\n', replace: '' }],
    killers: ['tests'],
    tests: COMMAND_TESTS,
  },
  {
    id: 'R6s',
    title: 'the guardian does not kill at the deadline',
    rule: 'rule 6',
    edits: [
      {
        file: GUARDIAN_PROCESS,
        find: "if (leftMs <= 0) this.#happens(ignores ? 'limit-unheeded' : 'limit-passed')\n    else if",
        replace: 'if',
      },
    ],
    killers: ['tests'],
    tests: COMMAND_TESTS,
  },
  {
    id: 'R6t',
    title: 'the guardian does not terminate the command a grace before the deadline',
    rule: 'rule 6',
    edits: [
      {
        file: GUARDIAN_PROCESS,
        find: "    else if (leftMs <= ward.command.graceMs && !ignores) this.#happens('limit-near')\n",
        replace: '',
      },
    ],
    killers: ['tests'],
    tests: COMMAND_TESTS,
  },
  {
    id: 'R6u',
    title: 'the default of --grace is a tenth of the lease',
    rule: 'rule 6',
    edits: [{ file: OPTIONS, find: 'DEFAULT_GRACE_FRACTION = 1 / 5', replace: 'DEFAULT_GRACE_FRACTION = 1 / 10' }],
    killers: ['tests'],
    tests: ['test/cli/do/options.test.ts'],
  },
  {
    id: 'R6v',
    title: 'a --grace of more than a quarter of the lease is taken',
    rule: 'rule 6',
    edits: [{ file: OPTIONS, find: 'MAX_GRACE_FRACTION = 1 / 4', replace: 'MAX_GRACE_FRACTION = 1 / 2' }],
    killers: ['tests'],
    tests: ['test/cli/do/options.test.ts'],
  },
  {
    id: 'R6w',
    title: 'the command lives on when tnl-do is dead',
    rule: 'rule 6',
    edits: [
      {
        file: GUARDIAN_PROCESS,
        find: "    this.#happens('orphaned')",
        replace: "    if (!this.#isLeft) this.#happens('orphaned')",
      },
    ],
    killers: ['tests'],
    tests: COMMAND_TESTS,
  },
  {
    id: 'R6x',
    title: 'the connection ends before the group of the command is dead',
    rule: 'rule 6',
    edits: [
      {
        file: GUARDIAN_PROCESS,
        find: "    this.#happens('orphaned')",
        replace:
          "    if (this.#isLeft) {\n      setTimeout(() => this.#happens('orphaned'), 1_000)\n      void this.#connection.end()\n    } else this.#happens('orphaned')",
      },
    ],
    killers: ['tests'],
    tests: COMMAND_TESTS,
  },
  {
    id: 'R6y',
    title: 'what the leader of the group leaves behind runs on',
    rule: 'rule 6',
    edits: [
      {
        file: GUARDIAN_PROCESS,
        find: '    await offspring.ended()\n',
        replace: '',
      },
      {
        file: GUARDIAN_PROCESS,
        find: "if (this.#fate.at === 'running' || this.#fate.at === 'asked') await this.#endLeftovers(offspring, command)",
        replace: 'void command',
      },
    ],
    killers: ['tests'],
    tests: COMMAND_TESTS,
  },
  {
    id: 'R6z',
    title: 'the guardian closes its copy without a FIN',
    rule: 'rule 6',
    edits: [
      {
        file: RAW_HANDLE,
        find: '    socket.resume()\n    socket.end(lastWords)\n',
        replace: '    socket.resetAndDestroy()\n',
      },
    ],
    killers: ['tests'],
    tests: COMMAND_TESTS,
  },
  {
    id: 'R6za',
    title: 'the guardian closes its copy without reading to the end',
    rule: 'rule 6',
    edits: [
      {
        file: RAW_HANDLE,
        find: '    socket.resume()\n    socket.end(lastWords)\n',
        replace: '    socket.end(lastWords, () => socket.destroy())\n',
      },
    ],
    killers: ['tests'],
    tests: ['test/cli/system/raw-handle.test.ts'],
  },
  {
    id: 'R6zb',
    title: 'the guardian reads for ever, not for a second',
    rule: 'rule 6',
    edits: [
      {
        file: RAW_HANDLE,
        find: 'setTimeout(() => socket.destroy(), timeoutMs)',
        replace: 'setTimeout(() => socket.destroy(), 60 * timeoutMs)',
      },
    ],
    killers: ['tests'],
    tests: ['test/cli/system/raw-handle.test.ts'],
  },
  {
    id: 'R6zc',
    title: 'the command lives on when the guardian dies',
    rule: 'rule 6',
    edits: [
      {
        file: SUPERVISION,
        find: '      runsOn = await this.#killUnguarded()\n',
        replace: '',
      },
    ],
    killers: ['tests'],
    tests: COMMAND_TESTS,
  },
  // --------------------------------------------------------------------------------- rule 7, for who holds
  {
    id: 'R7m',
    title: 'a client does not count the time for which the machine was suspended',
    rule: 'rule 7',
    edits: [
      {
        file: MIRROR,
        find: 'return suspendedMs > BOOT_RESOLUTION_MS ? monotonicMs + suspendedMs + BOOT_RESOLUTION_MS : monotonicMs',
        replace: 'return suspendedMs > Number.POSITIVE_INFINITY ? BOOT_RESOLUTION_MS : monotonicMs',
      },
    ],
  },
  {
    id: 'R7n',
    title: 'on waking a client judges its keepalives before it reads the socket',
    rule: 'rule 7',
    edits: [
      {
        file: KEEP_ALIVE,
        find: 'this.#judgement = setImmediate(() => this.#judge())',
        replace: 'this.#judge()',
      },
    ],
  },
  {
    id: 'R7o',
    title: 'on waking the guardian judges before it reads the pipe',
    rule: 'rule 7',
    edits: [
      {
        file: GUARDIAN_PROCESS,
        find: '() => setImmediate(() => this.#judge()),',
        replace: '() => this.#judge(),',
      },
    ],
    killers: ['tests'],
    tests: COMMAND_TESTS,
  },
]
