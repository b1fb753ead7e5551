/** Faults that attackers found in sessions and client lines, put back: what a line says and what an end means. */
import type { Mutant } from '../mutant.js'

const ANSWERS = 'src/locks/answers.ts'
const SESSIONS = 'src/locks/state/sessions.ts'
const IDS = 'src/service/dialects/request-ids.ts'
const SESSION = 'src/service/dialects/session.ts'
const CONNECTION = 'src/service/dialects/connection.ts'
const PARTING = 'src/service/sessions/parting.ts'
const OWN_END = 'src/service/sessions/own-end.ts'
const CLASSIC = 'src/service/dialects/classic.ts'
const CLIENT_SOCKET = 'src/server/sockets/tcp-client-socket.ts'

export const MENDED_SESSIONS: readonly Mutant[] = [
  {
    id: 'Y401',
    title: 'the request that a cancel names may be any number',
    rule: 'own',
    edits: [
      {
        file: 'src/service/dialects/requests/cancel.ts',
        find: "const target = readRequestId(line, 'request')",
        replace: "const target = readNumber(line, 'request', null)",
      },
      {
        file: 'src/service/dialects/requests/cancel.ts',
        find: 'import { readRequestId } from',
        replace: 'import { readNumber } from',
      },
    ],
  },
  {
    id: 'Y402',
    title: 'an ack in the log counts as it stands, though nothing so high was ever asked',
    rule: 'rule 10',
    edits: [
      {
        file: ANSWERS,
        find: 'const ack = Math.min(said, terms.highestRequest)',
        replace: 'const ack = said',
      },
    ],
  },
  {
    id: 'Y403',
    title: 'an ack above all that was asked on the connection is accepted',
    rule: 'rule 10',
    edits: [
      {
        file: IDS,
        find: 'const allowed = ack <= Math.max(this.#seen, this.#mayAcknowledge)',
        replace: 'const allowed = true',
      },
    ],
  },
  {
    id: 'Y404',
    title: 'after a resume only what the state knows may be acknowledged',
    rule: 'rule 10',
    edits: [
      {
        file: IDS,
        find: 'this.#mayAcknowledge = this.#known + UNACKNOWLEDGED_PER_SESSION_MAX',
        replace: 'this.#mayAcknowledge = this.#known + 0 * UNACKNOWLEDGED_PER_SESSION_MAX',
      },
    ],
  },
  {
    id: 'Y405',
    title: 'what cannot be written into the log ends the process',
    rule: 'own',
    edits: [
      {
        file: CONNECTION,
        find: 'if (!(error instanceof EncodingError)) throw error',
        replace: "if (!(error instanceof EncodingError) || error.code !== '') throw error",
      },
    ],
  },
  {
    id: 'Y406',
    title: 'a request without an id may have the name of one that waits since an earlier connection',
    rule: 'rule 10',
    edits: [
      {
        file: IDS,
        find: 'Math.min(0, ...queued.map(({ request }) => request))',
        replace: 'Math.min(0, 0 * queued.length)',
      },
    ],
  },
  {
    id: 'Y407',
    title: 'connection numbers in the log are not bounded: the number after the last one cannot be written',
    rule: 'own',
    edits: [
      {
        file: SESSIONS,
        find: '  if (header.conn >= CONN_LIMIT || header.floor >= CONN_LIMIT) return null\n',
        replace: '  if (header.conn >= CONN_LIMIT && header.conn < 0) return null\n',
      },
    ],
  },
  {
    id: 'Y410',
    title: 'a FIN is taken for the word of a client, though somebody stands between',
    rule: 'rule 5',
    edits: [
      {
        file: PARTING,
        find: 'from === undefined || isOwnEnd(from, end)',
        replace: 'from === undefined || isOwnEnd(from, end) || end.port > 0',
      },
    ],
  },
  {
    id: 'Y411',
    title: "a FIN is nobody's word, whatever the client names as its end",
    rule: 'rule 5',
    edits: [
      {
        file: PARTING,
        find: 'from === undefined || isOwnEnd(from, end)',
        replace: 'from !== undefined && isOwnEnd(from, end) && end.port < 0',
      },
    ],
  },
  {
    id: 'Y412',
    title: 'only the port of `from` is compared',
    rule: 'rule 5',
    edits: [
      {
        file: OWN_END,
        find: 'key !== null && said.port === end.port && key === addressKey(end.host)',
        replace: 'key !== null && said.port === end.port',
      },
    ],
  },
  {
    id: 'Y413',
    title: 'before `welcome` a FIN detaches the session',
    rule: 'rule 5',
    edits: [{ file: PARTING, find: "    if (told === 'nothing') return 'end'\n", replace: '' }],
    equivalent:
      'an opening that leaves before it is applied is given up in whatever way it leaves, and ends should it apply late (R5t)',
  },
  {
    id: 'Y414',
    title: "before `ready` a FIN is the client's word about what it holds",
    rule: 'rule 5',
    edits: [
      {
        file: PARTING,
        find: "end === 'fin' && told === 'all' && this.#finCounts",
        replace: "end === 'fin' && this.#finCounts",
      },
    ],
  },
  {
    id: 'Y415',
    title: 'a reset takes `bye` back',
    rule: 'rule 5',
    edits: [
      {
        file: PARTING,
        find: 'return this.detachReason ?? (end',
        replace: "return (end === 'fin' ? this.detachReason : null) ?? (end",
      },
      { file: SESSION, find: "    if (this.#parting.byeSaid) this.#depart('bye')\n", replace: '' },
    ],
  },
  {
    id: 'Y416',
    title: '`bye` that was sent before `ready` is forgotten when the connection breaks',
    rule: 'rule 5',
    edits: [
      {
        file: 'src/service/dialects/session.ts',
        find: "        if (line.action === 'bye') this.#parting.bye()\n",
        replace: '',
      },
    ],
  },
  {
    id: 'Y417',
    title: '`bye` is forgotten when the node stops before it could answer',
    rule: 'rule 5',
    edits: [{ file: SESSION, find: "    if (this.#parting.byeSaid) this.#depart('bye')\n", replace: '' }],
  },
  {
    id: 'Y418',
    title: 'lines between `resume` and a FIN are not carried out',
    rule: 'rule 5',
    edits: [
      {
        file: 'src/service/dialects/session-life.ts',
        find: "    line: 'keep',\n    fin: 'note',",
        replace: "    line: 'keep',\n    fin: 'close',",
      },
    ],
  },
  {
    id: 'Y419',
    title: 'lines between a classic `lock` that waits and a FIN are not carried out',
    rule: 'rule 5',
    edits: [
      {
        file: CLASSIC,
        find: '#waitMs)\n    this.#backlog.drain()\n    if (this.#finSeen) this.fin()\n',
        replace: '#waitMs)\n    if (this.#finSeen) this.fin()\n    else this.#backlog.drain()\n',
      },
    ],
  },
  {
    id: 'Y420',
    title: 'an EPIPE is taken for a reset, though it tells of a FIN',
    rule: 'rule 5',
    edits: [
      {
        file: CLIENT_SOCKET,
        find: 'this.#resetAfterFin ||= this.#tellsOfFin(error)',
        replace: "this.#resetAfterFin ||= hasCode(error, 'EFIN')",
      },
    ],
    killers: ['tests'],
    tests: ['test/server/clients/client-port.test.ts'],
  },
  {
    id: 'Y421',
    title: 'a reset is taken for a FIN once anything was written after it',
    rule: 'rule 5',
    edits: [
      {
        file: CLIENT_SOCKET,
        find: 'this.#resetAfterFin ||= this.#tellsOfFin(error)',
        replace: "this.#resetAfterFin ||= hasCode(error, 'EPIPE', 'ECONNRESET')",
      },
    ],
    killers: ['tests'],
    tests: ['test/server/clients/client-port.test.ts'],
  },
  {
    id: 'Y422',
    title: 'an abandoned resume displaces the one that came after it',
    rule: 'rule 4',
    edits: [
      {
        file: SESSIONS,
        find: 'command.attempt !== 0 && command.attempt <= terms.attempt',
        replace: 'command.attempt < 0',
      },
    ],
  },
  {
    id: 'Y423',
    title: 'an attempt that was applied already is applied again',
    rule: 'rule 4',
    edits: [{ file: SESSIONS, find: 'command.attempt <= terms.attempt)', replace: 'command.attempt < terms.attempt)' }],
  },
  {
    id: 'Y424',
    title: 'a resume without a number makes all numbers valid again',
    rule: 'rule 4',
    edits: [
      {
        file: SESSIONS,
        find: 'terms.attempt = Math.max(terms.attempt, command.attempt)',
        replace: 'terms.attempt = command.attempt',
      },
    ],
  },
  {
    id: 'Y425',
    title: 'a snapshot forgets the attempts',
    rule: 'rule 4',
    edits: [
      { file: 'src/locks/snapshot/records.ts', find: 'terms.attempt = input.varint()', replace: 'input.varint()' },
    ],
  },
]
