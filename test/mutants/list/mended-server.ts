/** Faults of the server's ports, logs and settings that attackers found, put back. */
import type { Mutant } from '../mutant.js'

const CLIENT_SOCKET = 'src/server/client-socket.ts'
const FAIR_INPUT = 'src/server/fair-input.ts'
const FAIR_TESTS = ['test/server/shell-fair-input.test.ts']

export const MENDED_SERVER: readonly Mutant[] = [
  {
    id: 'Y701',
    title: 'a client that floods is served without end: 64 KiB of lines at a time',
    rule: 'own',
    edits: [
      {
        file: CLIENT_SOCKET,
        find: '    if (next < 0 || next >= most) return most\n',
        replace: '    return chunk.length\n',
      },
    ],
    killers: ['tests'],
    tests: FAIR_TESTS,
  },
  {
    id: 'Y702',
    title: 'who floods goes first again with whatever arrives',
    rule: 'own',
    edits: [
      {
        file: FAIR_INPUT,
        find: '    if (!this.#flooding.has(source)) this.#fresh.add(source)\n',
        replace: '    this.#fresh.add(source)\n',
      },
    ],
    killers: ['tests'],
    tests: FAIR_TESTS,
  },
  {
    id: 'Y703',
    title: 'the time for client input is never used up',
    rule: 'own',
    edits: [
      {
        file: FAIR_INPUT,
        find: '      this.#budgets[budget] += this.clock.takerNow() - beganMs\n',
        replace: '      this.#budgets[budget] += 0 * beganMs\n',
      },
    ],
    killers: ['tests'],
    tests: FAIR_TESTS,
  },
  {
    id: 'Y704',
    title: 'the FIN overtakes lines that came before it',
    rule: 'rule 5',
    edits: [
      {
        file: CLIENT_SOCKET,
        find: '      this.#finSeen = true\n      if (this.#unread === null) this.#tellEnding()\n',
        replace: '      this.#finSeen = true\n      this.#tellEnding()\n',
      },
    ],
    killers: ['tests'],
    tests: FAIR_TESTS,
  },
  {
    id: 'Y705',
    title: 'lines are served though the answers before them fill the buffer',
    rule: 'own',
    edits: [
      {
        file: CLIENT_SOCKET,
        find: ' && this.#text.length < this.#socket.writableHighWaterMark\n',
        replace: '\n',
      },
      { file: CLIENT_SOCKET, find: '      this.#pausedByOutput = true\n', replace: '' },
    ],
    killers: ['tests'],
    tests: FAIR_TESTS,
  },
]
