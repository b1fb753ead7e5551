/** Clauses of rules.md: rule 7, clocks and waking. */
import type { Mutant } from '../mutant.js'

const RIGHT = 'src/service/leases/right-to-speak.ts'
const KEEPER = 'src/service/leases/epoch-expiry.ts'
const SYSTEM_CLOCK = 'src/server/system-clock.ts'
const SYSTEM_CLOCK_TESTS = ['test/server/system-clock.test.ts']

export const RULES_WAKING: readonly Mutant[] = [
  {
    id: 'R7a',
    title: 'who speaks does not count the time for which the machine was suspended',
    rule: 'rule 7',
    edits: [{ file: SYSTEM_CLOCK, find: 'return nowMs + this.#suspendedMs', replace: 'return nowMs' }],
  },
  {
    id: 'R7b',
    title: 'who takes away counts the time for which the machine was suspended',
    rule: 'rule 7',
    edits: [
      {
        file: SYSTEM_CLOCK,
        find: '  takerNow(): number {\n    return this.#sources.monotonicMs()',
        replace: '  takerNow(): number {\n    return this.speakerNow()',
      },
    ],
  },
  {
    id: 'R7c',
    title: 'the right to speak counts by the clock of who takes away',
    rule: 'rule 7',
    edits: [
      {
        file: RIGHT,
        find: 'this.deps.clock.speakerNow() < this.#closingAtMs(until)) return',
        replace: 'this.deps.clock.takerNow() < this.#closingAtMs(until)) return',
      },
    ],
  },
  {
    id: 'R7d',
    title: 'the leader ends epochs by the clock of who speaks',
    rule: 'rule 7',
    edits: [
      {
        file: KEEPER,
        find: '    const now = clock.takerNow()\n    for (const { node: owner',
        replace: '    const now = clock.speakerNow()\n    for (const { node: owner',
      },
      {
        file: KEEPER,
        find: 'this.#arrivals.push({ node, epoch, number, atMs: this.deps.clock.takerNow() })',
        replace: 'this.#arrivals.push({ node, epoch, number, atMs: this.deps.clock.speakerNow() })',
      },
      {
        file: KEEPER,
        find: '    this.#readyAtMs = this.deps.clock.takerNow()\n',
        replace: '    this.#readyAtMs = this.deps.clock.speakerNow()\n',
      },
    ],
  },
  {
    id: 'R7e',
    title: 'silence, waits and detached times count by the clock of who speaks',
    rule: 'rule 7',
    edits: [
      {
        file: 'src/service/deadline-queue.ts',
        find: 'dueMs: this.clock.takerNow() + delayMs',
        replace: 'dueMs: this.clock.speakerNow() + delayMs',
      },
      {
        file: 'src/service/deadline-queue.ts',
        find: '    const now = this.clock.takerNow()\n',
        replace: '    const now = this.clock.speakerNow()\n',
      },
    ],
  },
  {
    id: 'R7f',
    title: 'the clocks are not read before what the peers sent is read',
    rule: 'rule 7',
    edits: [
      {
        file: 'src/service/composition.ts',
        find: 'readonly #look = (): void => this.service.turn()',
        replace: 'readonly #look = (): void => undefined',
      },
    ],
  },
  {
    id: 'R7g',
    title: 'the clocks are not read before what a client sent is read',
    rule: 'rule 7',
    edits: [
      {
        file: 'src/server/sockets/tcp-client-socket.ts',
        find: 'looking((chunk: Buffer) => this.#onData(chunk))',
        replace: '(chunk: Buffer) => this.#onData(chunk)',
      },
      {
        file: 'src/server/clients/fair-input.ts',
        find: '      this.look()\n',
        replace: '',
      },
    ],
  },
  {
    id: 'R7h',
    title: 'the clocks are not read before a FIN counts',
    rule: 'rule 7',
    edits: [
      {
        file: 'src/server/sockets/tcp-client-socket.ts',
        find: 'looking(() => this.#onEnd())',
        replace: '() => this.#onEnd()',
      },
      {
        file: 'src/server/sockets/tcp-client-socket.ts',
        find: 'this.#looking((error?: Error | null) => {',
        replace: '((error?: Error | null) => {',
      },
    ],
  },
  {
    id: 'R7i',
    title: 'the clocks are not read before the words of a turn are written',
    rule: 'rule 7',
    edits: [
      {
        file: 'src/raft/ports/looks-first.ts',
        find: '    soon: (run) =>\n      clock.soon(() => {\n        look()\n        run()\n      }),',
        replace: '    soon: (run) => clock.soon(run),',
      },
    ],
    tests: ['test/raft/ports/looks-first.test.ts'],
  },
  {
    id: 'R7j',
    title: 'on waking the leader ends epochs before it reads what lies in its sockets',
    rule: 'rule 7',
    edits: [
      {
        file: KEEPER,
        find: 'clock.after(Math.ceil(delayMs), () => clock.soon(() => this.#check()))',
        replace: 'clock.after(Math.ceil(delayMs), () => this.#check())',
      },
    ],
    equivalent:
      'when a whole L has passed for the leader the right of that node has lapsed before, by its own clock: an answer to what lies in the socket would come too late for it',
  },
  {
    id: 'R7k',
    title: 'on waking silence is judged before the sockets are read',
    rule: 'rule 7',
    edits: [
      {
        file: 'src/service/deadline-queue.ts',
        find: 'this.clock.after(Math.ceil(delayMs), () => this.clock.soon(() => this.#fire()))',
        replace: 'this.clock.after(Math.ceil(delayMs), () => this.#fire())',
      },
    ],
  },
  {
    id: 'R7l',
    title: 'the boot clock is read again for every word',
    rule: 'rule 7',
    edits: [
      {
        file: SYSTEM_CLOCK,
        find: 'if (this.#mayHaveSlept(nowMs)) this.#noticeSuspend(nowMs)',
        replace: 'this.#noticeSuspend(nowMs)',
      },
    ],
    killers: ['tests'],
    tests: SYSTEM_CLOCK_TESTS,
  },
  {
    id: 'T994',
    title: 'a suspend just after a reading of the boot clock is seen at the next one only',
    rule: 'rule 7',
    edits: [
      {
        file: SYSTEM_CLOCK,
        find: '    return Math.abs(this.#sources.wallMs() - this.#readWallMs - elapsedMs) > WALL_STEP_MS\n',
        replace: '    return false\n',
      },
    ],
    killers: ['tests'],
    tests: SYSTEM_CLOCK_TESTS,
  },
  {
    id: 'T995',
    title: 'while the wall clock shows no suspend there is none',
    rule: 'rule 7',
    edits: [{ file: SYSTEM_CLOCK, find: '    if (elapsedMs >= BOOT_READING_SERVES_MS) return true\n', replace: '' }],
    killers: ['tests'],
    tests: SYSTEM_CLOCK_TESTS,
  },
  {
    id: 'T996',
    title: 'a suspend while the clocks are read is seen at the next reading of the boot clock only',
    rule: 'rule 7',
    edits: [
      {
        file: SYSTEM_CLOCK,
        find: '    const bootMs = this.#sources.bootMs()\n    const aheadMs',
        replace:
          '    const bootMs = this.#sources.bootMs()\n    this.#readWallMs = this.#sources.wallMs()\n    const aheadMs',
      },
    ],
    killers: ['tests'],
    tests: SYSTEM_CLOCK_TESTS,
  },
]
