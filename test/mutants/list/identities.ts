/** Whose sessions are, who may ask, and what is told of what may not be seen (ADR 40). */
import type { Mutant } from '../mutant.js'

const STATE = ['test/locks/service/identities.test.ts']
const EDGE = ['test/service/dialects/access.test.ts']
const RIGHTS = ['test/service/dialects/rights.test.ts']
const DIALECTS = 'src/service/dialects'

const of = (tests: readonly string[], rule = 'own') => ({ rule, killers: ['tests'], tests }) as const

export const IDENTITIES: readonly Mutant[] = [
  {
    ...of(['test/locks/codec.test.ts'], 'Versions'),
    id: 'T860',
    title: 'a rare field that this program does not know is passed over',
    edits: [{ file: 'src/bytes/reader.ts', find: 'if (value >= 2 ** count)', replace: 'if (value >= 2 ** 53)' }],
  },
  {
    ...of(STATE),
    id: 'T861',
    title: 'whoever knows the secret resumes the session of another identity',
    edits: [
      {
        file: 'src/locks/state/sessions.ts',
        find: "return identity === '' || identity === command.identity || command.asAnyone",
        replace: 'return command.attempt >= 0 || identity === command.identity',
      },
    ],
  },
  {
    ...of(STATE),
    id: 'T862',
    title: 'a session that is nobody’s stays so, whoever resumes it',
    edits: [
      {
        file: 'src/locks/state/sessions.ts',
        find: "  if (terms.identity === '') terms.identity = command.identity\n",
        replace: '',
      },
    ],
  },
  {
    ...of(STATE),
    id: 'T863',
    title: 'whoever guesses a token keeps other people’s locks, and has their requests refused',
    edits: [
      {
        file: 'src/locks/table/requests.ts',
        find: "if (keeps === 'all' || keepsAnyones) return keeps",
        replace: "if (keeps === 'all' || keeps.length > 0) return keeps",
      },
    ],
  },
  {
    ...of(STATE),
    id: 'T864',
    title: 'anybody ends the loose holds of other identities',
    edits: [
      {
        file: 'src/locks/table/release.ts',
        find: 'if (owner === 0 && !ofAnyone && hold.owner?.identity !== session.identity) continue',
        replace: 'if (ofAnyone && hold.owner === null) continue',
      },
    ],
  },
  {
    ...of([...STATE, ...RIGHTS], 'rule 4'),
    id: 'T865',
    title: 'whoever lost its rights keeps its locks for as long as it wanted to linger',
    edits: [{ file: 'src/locks/state/sessions.ts', find: '  if (leaseOnly) return leaseMs\n', replace: '' }],
  },
  {
    ...of(EDGE),
    id: 'T866',
    title: 'a deadlock names locks that may not be seen',
    edits: [
      {
        file: 'src/service/reads/deadlock-words.ts',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: source text
        find: "${sees(name) ? name : 'another lock'}",
        // biome-ignore lint/suspicious/noTemplateCurlyInString: source text
        replace: '${name}',
      },
    ],
  },
  {
    ...of(EDGE),
    id: 'T867',
    title: 'the requests of a session are not asked what they need',
    edits: [{ file: `${DIALECTS}/session-work.ts`, find: '      this.#checkRight(request, line, id)\n', replace: '' }],
  },
  {
    ...of(EDGE),
    id: 'T868',
    title: 'of several names only the first has to be allowed',
    edits: [
      {
        file: `${DIALECTS}/requests/needs.ts`,
        find: "line.all('name').map(nameOfAsk)",
        replace: "line.all('name').slice(0, 1).map(nameOfAsk)",
      },
    ],
  },
  {
    ...of(EDGE),
    id: 'T869',
    title: 'classic clients are not asked what they need',
    edits: [
      { file: `${DIALECTS}/classic.ts`, find: '    else if (forbidden !== null) refuse(forbidden)\n', replace: '' },
    ],
  },
  {
    ...of(RIGHTS),
    id: 'T86a',
    title: 'a token that is taken away leaves its connections alone',
    edits: [
      {
        file: `${DIALECTS}/connection.ts`,
        find: 'if (this.context.access.policy.isStill(this.#caller)) this',
        replace: 'if (this.context.access.policy !== null) this',
      },
    ],
  },
  {
    ...of(RIGHTS),
    id: 'T86b',
    title: 'a repeated request is refused when the right has gone meanwhile, though its lock is held',
    edits: [
      {
        file: `${DIALECTS}/session-work.ts`,
        find: ' || (isStored(needs) && this.#ids.isKnown(id))',
        replace: '',
      },
    ],
  },
  {
    ...of(EDGE),
    id: 'T86c',
    title: 'listings have names that may not be seen',
    edits: [
      { file: 'src/service/reads/listings.ts', find: 'if (sees.has(name) && (', replace: 'if (sees !== null && (' },
    ],
  },
  {
    ...of(EDGE),
    id: 'T86d',
    title: 'a wrong token is answered at once',
    edits: [
      {
        file: `${DIALECTS}/refused.ts`,
        find: 'context.failedAttempts.answerLater(() => connection.close(lastWords))',
        replace: 'if (context.failedAttempts !== null) connection.close(lastWords)',
      },
    ],
  },
]
