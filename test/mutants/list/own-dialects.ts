/** Faults of the line protocol at both ends, and of the tables that say what a connection's life is. */
import type { Mutant } from '../mutant.js'

const LINK = 'src/client/transport/link.ts'
const LINK_TESTS = ['test/client/transport/link.test.ts']
const FRAMES = 'src/service/administration/frames.ts'
const FRAMES_TESTS = ['test/service/administration/frames.test.ts']
const SESSION_LIFE = 'src/service/dialects/session-life.ts'
const LIFE_TESTS = ['test/service/dialects/life.test.ts']

export const OWN_DIALECTS: readonly Mutant[] = [
  {
    id: 'Z401',
    title: "the word of a leader's answer to an administration line is said to the client whatever it claims",
    rule: 'rule 2',
    edits: [{ file: FRAMES, find: 'ADMIN_WORDS.includes(row[0])', replace: "typeof row[0] === 'string'" }],
    killers: ['tests'],
    tests: FRAMES_TESTS,
  },
  {
    id: 'Z402',
    title: "a key of a leader's answer may hold a line of its own",
    rule: 'rule 2',
    edits: [{ file: FRAMES, find: ' || !KEY.test(pair[0])) return false', replace: ') return false' }],
    killers: ['tests'],
    tests: FRAMES_TESTS,
  },
  {
    id: 'Z403',
    title: 'the library takes a lease of no length, or of centuries: its timers fire without a pause',
    rule: 'own',
    edits: [
      {
        file: 'src/client/session/session-replies.ts',
        find: 'leaseMs < KEPT_LEASE_MIN_MS || leaseMs > SESSION_LEASE_MAX_MS',
        replace: 'leaseMs < 0',
      },
    ],
    killers: ['tests'],
    tests: ['test/client/session/session.test.ts'],
  },
  {
    id: 'Z404',
    title: 'the library believes what follows a malformed line of a server',
    rule: 'own',
    edits: [
      {
        file: LINK,
        find: "if (cut === 'malformed') this.#ended('the server sent a malformed line')",
        replace: "if (cut === 'malformed') continue",
      },
    ],
    killers: ['tests'],
    tests: LINK_TESTS,
  },
  {
    id: 'Z405',
    title: 'the library keeps a line of a server that never ends',
    rule: 'I13',
    edits: [
      {
        file: LINK,
        find: 'new LineSplitter(ANSWER_LINE_MAX_BYTES, parseAnswer)',
        replace: 'new LineSplitter(1_000 * ANSWER_LINE_MAX_BYTES, parseAnswer)',
      },
    ],
    killers: ['tests'],
    tests: LINK_TESTS,
  },
  {
    id: 'Z406',
    title: 'a number in a line may have an exponent, a sign, or be infinite',
    rule: 'own',
    edits: [
      {
        file: 'src/protocol/line.ts',
        find: '(parseInteger(text) ?? undefined)',
        replace: 'Number(text)',
      },
    ],
    killers: ['tests'],
    tests: ['test/protocol'],
  },
  {
    id: 'Z407',
    title: 'what follows `hello` before it is answered waits, although the client may be redirected',
    rule: 'own',
    edits: [{ file: SESSION_LIFE, find: "    line: 'too-early',\n", replace: "    line: 'keep',\n" }],
    killers: ['tests'],
    tests: LIFE_TESTS,
  },
  {
    id: 'Z408',
    title: 'lines after `bye` are carried out',
    rule: 'rule 5',
    edits: [
      {
        file: SESSION_LIFE,
        find: "  parting: {\n    line: 'ignore',\n",
        replace: "  parting: {\n    line: 'perform',\n",
      },
    ],
    killers: ['tests'],
    tests: LIFE_TESTS,
  },
  {
    id: 'Z409',
    title: 'a classic connection that no longer holds counts as a holder for ever',
    rule: 'rule 2',
    edits: [
      {
        file: 'src/service/dialects/classic.ts',
        find: 'if (held !== this.holds) this.connection.holding(this.holds)',
        replace: 'if (!held && this.holds) this.connection.holding(true)',
      },
    ],
    killers: ['tests'],
    tests: LIFE_TESTS,
  },
  {
    id: 'Z410',
    title: 'a client with too many requests under way is read again at the first answer',
    rule: 'I13',
    edits: [
      {
        file: 'src/service/dialects/in-flight-throttle.ts',
        find: 'SESSION_IN_FLIGHT_MAX_COMMANDS / (this.#paused ? 2 : 1)',
        replace: 'SESSION_IN_FLIGHT_MAX_COMMANDS',
      },
    ],
    killers: ['tests'],
    tests: ['test/service/dialects/in-flight-throttle.test.ts'],
  },
]
