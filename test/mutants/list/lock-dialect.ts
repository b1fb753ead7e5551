/** Faults of what a client can say of locks, and of what it is told. Numbers in brackets are of the list of lock mutants. */
import type { Mutant } from '../mutant.js'

const REQUESTS = 'src/service/dialects/requests'
const ASKS = `${REQUESTS}/asks.ts`
const TERMS = `${REQUESTS}/lock-terms.ts`
const LOCK = `${REQUESTS}/lock.ts`
const OPERATORS = `${REQUESTS}/operators.ts`
const CLASSIC_LOCK = `${REQUESTS}/classic/lock.ts`
const WORK = 'src/service/dialects/session-work.ts'

const TRANSCRIPTS = ['test/transcripts']
const LINES = ['test/service/dialects/lock-lines.test.ts']

const tests = { rule: 'own', killers: ['tests'] } as const

export const LOCK_DIALECT: readonly Mutant[] = [
  {
    ...tests,
    id: 'L201',
    title: '(35) a name twice in one request is taken',
    edits: [
      { file: ASKS, find: 'if (seen.has(name)) fail(', replace: 'if (seen.size > 64) fail(' },
      { file: 'src/locks/table/bounds.ts', find: 'if (seen.has(name)) return', replace: 'if (seen.size > 64) return' },
    ],
    tests: TRANSCRIPTS,
  },
  {
    ...tests,
    id: 'L202',
    title: '(47) a FIN without bye leaves no delay tail',
    rule: 'rule 5',
    edits: [
      {
        file: 'src/service/sessions/attachments.ts',
        find: "bye: detachReason === 'bye' }",
        replace: 'bye: true }',
      },
      {
        file: 'src/service/sessions/parting.ts',
        find: "return this.#byeSaid ? 'bye' : this.#finDeparture",
        replace: "return this.#byeSaid || this.#finDeparture === 'linger' ? 'bye' : this.#finDeparture",
      },
    ],
    tests: TRANSCRIPTS,
  },
  {
    ...tests,
    id: 'L203',
    title: 'bye leaves a delay tail',
    rule: 'rule 5',
    edits: [
      {
        file: 'src/service/sessions/attachments.ts',
        find: "bye: detachReason === 'bye' }",
        replace: 'bye: false }',
      },
    ],
    tests: TRANSCRIPTS,
  },
  {
    ...tests,
    id: 'L204',
    title: '(52) unlock looks at the name, not at the token',
    edits: [
      {
        file: `${REQUESTS}/unlock.ts`,
        find: "const token = readNumber(line, 'token', 0)",
        replace: "const token = 0 * readNumber(line, 'token', 0)",
      },
    ],
    tests: TRANSCRIPTS,
  },
  {
    ...tests,
    id: 'L205',
    title: 'unlock believes whoever names a session, without its secret',
    edits: [
      {
        file: `${REQUESTS}/unlock.ts`,
        find: 'owner, secretHash, ofAnyone',
        replace: 'owner: 0, secretHash, ofAnyone',
      },
    ],
    tests: TRANSCRIPTS,
  },
  {
    ...tests,
    id: 'L206',
    title: '(62) a repeated request for several names gets the first answer only',
    rule: 'rule 10',
    edits: [{ file: LOCK, find: 'const held = grants.map(', replace: 'const held = grants.slice(0, 1).map(' }],
    tests: TRANSCRIPTS,
  },
  {
    ...tests,
    id: 'L207',
    title: 'a repeated ok stands alone, though the hold has ended since',
    rule: 'rule 10',
    edits: [
      {
        file: LOCK,
        find: 'return withNews(joined(...held), ended)',
        replace: 'return withNews(joined(...held), ended.slice(9))',
      },
    ],
    tests: TRANSCRIPTS,
  },
  {
    ...tests,
    id: 'L208',
    title: '(61) answers that are not acknowledged are counted one a request',
    rule: 'rule 10',
    edits: [
      {
        file: 'src/locks/answers.ts',
        find: "return given.kind === 'granted' ? given.grants.length : 1",
        replace: "return given.kind === 'granted' ? Math.min(1, given.grants.length) : 1",
      },
    ],
    tests: LINES,
  },
  {
    ...tests,
    id: 'L209',
    title: 'what a node lets a session have is counted one a request',
    edits: [{ file: WORK, find: 'names: body.asks.length,', replace: 'names: Math.min(1, body.asks.length),' }],
    tests: LINES,
  },
  {
    ...tests,
    id: 'L210',
    title: 'loose holds count as those of the session that took them',
    edits: [{ file: WORK, find: 'loose: body.loose,', replace: 'loose: false,' }],
    tests: LINES,
  },
  {
    ...tests,
    id: 'L211',
    title: 'a hold that was given back by its token is still remembered: the connection ends with the next snapshot',
    rule: 'rule 9',
    edits: [
      {
        file: WORK,
        find: 'if (token !== 0) this.#held.delete(token)',
        replace: 'if (token !== 0) this.#held.has(token)',
      },
    ],
    tests: LINES,
  },
  {
    ...tests,
    id: 'L227',
    title: 'who gives back one hold of a name has given back all of them, as far as its node knows',
    edits: [
      {
        file: WORK,
        find: 'if (token !== 0) this.#held.delete(token)',
        replace: 'if (token < 0) this.#held.delete(token)',
      },
    ],
    tests: LINES,
  },
  {
    ...tests,
    id: 'L212',
    title: 'a loss that fell into the gap of a snapshot is told by the end of the connection only',
    rule: 'rule 9',
    edits: [
      { file: WORK, find: 'if (this.#held.has(token)) tell.lost(', replace: 'if (!this.#held.has(token)) tell.lost(' },
    ],
    tests: LINES,
  },
  {
    ...tests,
    id: 'L213',
    title: 'who resumes does not hear what it has lost meanwhile',
    rule: 'rule 12',
    edits: [
      {
        file: `${REQUESTS}/resume.ts`,
        find: 'joined(withNews(joined(...locks, ...waiting), lost)',
        replace: 'joined(withNews(joined(...locks, ...waiting), lost.slice(9))',
      },
    ],
    tests: TRANSCRIPTS,
  },
  {
    ...tests,
    id: 'L214',
    title: "the line's permits are asked of a name that says its own",
    edits: [
      {
        file: ASKS,
        find: '...(ask.own === null ? ofLine',
        replace: '...(ask.own === null || ofLine.limit > 0 ? ofLine',
      },
    ],
    tests: TRANSCRIPTS,
  },
  {
    ...tests,
    id: 'L215',
    title: 'X@2/5 asks for five of two',
    edits: [
      {
        file: 'src/protocol/asks.ts',
        find: "const [, permitsText = '', limitText = '']",
        replace: "const [, limitText = '', permitsText = '']",
      },
    ],
    tests: TRANSCRIPTS,
  },
  {
    ...tests,
    id: 'L216',
    title: 'of several holding only the last counts',
    edits: [{ file: TERMS, find: 'keeps: values.map(readKept) }', replace: 'keeps: values.slice(-1).map(readKept) }' }],
    tests: TRANSCRIPTS,
  },
  {
    ...tests,
    id: 'L217',
    title: 'holding:none keeps all',
    edits: [{ file: TERMS, find: "keepsAll: first === 'all', keeps", replace: 'keepsAll: true, keeps' }],
    tests: TRANSCRIPTS,
  },
  {
    ...tests,
    id: 'L218',
    title: 'a success is marked under whatever hold the session has',
    edits: [
      {
        file: `${REQUESTS}/release.ts`,
        find: 'if (done && token === 0) fail(',
        replace: 'if (done && token < 0) fail(',
      },
    ],
    tests: TRANSCRIPTS,
  },
  {
    ...tests,
    id: 'L219',
    title: 'a freeze without a prefix freezes everything',
    edits: [
      {
        file: OPERATORS,
        find: 'const prefix = readPrefix(line, null)\n  const untilWallMs',
        replace: "const prefix = readPrefix(line, '')\n  const untilWallMs",
      },
    ],
    tests: TRANSCRIPTS,
  },
  {
    ...tests,
    id: 'L702',
    title: 'a node that is asked for a freeze does not look at its clock',
    edits: [{ file: OPERATORS, find: 'untilWallMs <= wallMs', replace: 'untilWallMs < 0' }],
    tests: LINES,
  },
  {
    ...tests,
    id: 'L220',
    title: 'anybody may break locks, from any machine',
    edits: [{ file: OPERATORS, find: "needs: { verb: 'break', of }", replace: "needs: 'nothing'" }],
    tests: LINES,
  },
  {
    ...tests,
    id: 'L221',
    title: 'a cluster of level 1 takes the first of several names for all',
    rule: 'Versions',
    edits: [
      {
        file: LOCK,
        find: 'level < SERVICE_LEVEL ? needsServiceLevel(line)',
        replace: 'level < 0 ? needsServiceLevel(line)',
      },
    ],
    tests: LINES,
  },
  {
    ...tests,
    id: 'L222',
    title: 'a classic client that asks for a shared lock gets an exclusive one',
    edits: [
      {
        file: CLASSIC_LOCK,
        find: "return { amount: mode === 'shared' ? SHARED : EXCLUSIVE",
        replace: "return { amount: mode === 'none' ? SHARED : EXCLUSIVE",
      },
    ],
    tests: TRANSCRIPTS,
  },
  {
    ...tests,
    id: 'L224',
    title: 'a loose hold without a ttl is taken: it would never end',
    edits: [
      { file: TERMS, find: 'if (loose && ttlMs === 0) fail(', replace: 'if (loose && ttlMs < 0) fail(' },
      {
        file: 'src/locks/table/bounds.ts',
        find: 'if (loose && ttlMs === 0) return',
        replace: 'if (loose && ttlMs < 0) return',
      },
    ],
    tests: TRANSCRIPTS,
  },
  {
    ...tests,
    id: 'L225',
    title: 'ttl:0 means no ttl',
    edits: [
      {
        file: TERMS,
        find: 'return ms === 0 && line.has(key) ? fail(',
        replace: 'return ms < 0 && line.has(key) ? fail(',
      },
    ],
    tests: TRANSCRIPTS,
  },
  {
    ...tests,
    id: 'L226',
    title: 'a pinned name that nobody has becomes a semaphore for who asks for a plain lock',
    edits: [
      {
        file: 'src/locks/table/requests.ts',
        find: 'limit === 0 ? 0 : (state.pins.get(name)?.limit ?? limit)',
        replace: 'state.pins.get(name)?.limit ?? limit',
      },
    ],
    tests: TRANSCRIPTS,
  },
  {
    ...tests,
    id: 'L228',
    title: '(34) tokens of one request are drawn in another order than it was asked',
    edits: [
      {
        file: 'src/locks/table/grants.ts',
        find: 'for (const { lock, amount } of asked)',
        replace: 'for (const { lock, amount } of [...asked].reverse())',
      },
    ],
    tests: TRANSCRIPTS,
  },
  {
    ...tests,
    id: 'L229',
    title: '(36) release without a token frees any of several holds',
    edits: [
      {
        file: 'src/locks/table/release.ts',
        find: 'if (current.length > 1) return',
        replace: 'if (current.length > 9) return',
      },
    ],
    tests: TRANSCRIPTS,
  },
  {
    ...tests,
    id: 'L230',
    title: '(51) unlock frees what is not loose',
    edits: [
      {
        file: 'src/locks/table/release.ts',
        find: 'hold.terms?.loose !== true || ',
        replace: '',
      },
    ],
    tests: TRANSCRIPTS,
  },
  {
    ...tests,
    id: 'L231',
    title: '(62) a snapshot has the first answer of a request for several names only',
    rule: 'rule 10',
    edits: [
      { file: 'src/locks/snapshot/answer-records.ts', find: 'out.varint(grants.length)', replace: 'out.varint(1)' },
      {
        file: 'src/locks/snapshot/answer-records.ts',
        find: 'ended } of grants) {',
        replace: 'ended } of grants.slice(0, 1)) {',
      },
    ],
    tests: LINES,
  },
]
