/** Faults of the server's ports, logs and settings that attackers found, put back. */
import type { Mutant } from '../mutant.js'

const CLIENT_SOCKET = 'src/server/sockets/tcp-client-socket.ts'
const FAIR_INPUT = 'src/server/clients/fair-input.ts'
const FAIR_TESTS = ['test/server/clients/fair-input.test.ts']
const PLACES = 'src/server/clients/client-places.ts'
const PLACES_TESTS = ['test/server/clients/client-places.test.ts', 'test/server/clients/client-port.test.ts']
const WATCH = 'src/server/sockets/send-queue-watch.ts'
const LOG_OUTPUT = 'src/server/logging/log-output.ts'
const LOG_TESTS = ['test/server/logging/logger.test.ts']

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
        find: '      if (this.#unread === null) this.#tellEnding()\n',
        replace: '      this.#tellEnding()\n',
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
  {
    id: 'Y710',
    title: 'a log that nobody reads fills the memory',
    rule: 'own',
    edits: [
      {
        file: LOG_OUTPUT,
        find: 'this.#waitingChars + this.#inFlightChars + line.length > LOG_BUFFER_MAX_CHARS',
        replace: 'line.length > LOG_BUFFER_MAX_CHARS',
      },
    ],
    killers: ['tests'],
    tests: LOG_TESTS,
  },
  {
    id: 'Y711',
    title: 'lines that a full disk did not take are not counted',
    rule: 'own',
    edits: [{ file: LOG_OUTPUT, find: '      else this.#drop(lines)\n', replace: '' }],
    killers: ['tests'],
    tests: LOG_TESTS,
  },
  {
    id: 'Y712',
    title: 'the last words of a process wait for a log that hangs',
    rule: 'own',
    edits: [
      {
        file: LOG_OUTPUT,
        find: 'if (!isStuck && this.#waiting.length > 0)',
        replace: 'if ((isStuck || !isStuck) && this.#waiting.length > 0)',
      },
    ],
    killers: ['tests'],
    tests: LOG_TESTS,
  },
  {
    id: 'Y713',
    title: 'a stranger decides how many lines are logged',
    rule: 'own',
    edits: [
      {
        file: 'src/server/logging/log-repeats.ts',
        find: 'if (kind.said < LOG_REPEATS_MAX_COUNT) {',
        replace: 'if (kind.said < 1_000_000 * LOG_REPEATS_MAX_COUNT) {',
      },
    ],
    killers: ['tests'],
    tests: LOG_TESTS,
  },
  {
    id: 'Y720',
    title: 'no places are kept for who comes back',
    rule: 'own',
    edits: [
      {
        file: PLACES,
        find: '      anybody: count - resume - local,\n',
        replace: '      anybody: count,\n',
      },
    ],
    killers: ['tests'],
    tests: PLACES_TESTS,
  },
  {
    id: 'Y721',
    title: 'silent connections keep others out',
    rule: 'own',
    edits: [
      {
        file: PLACES,
        find: '    const leaves = this.#silent.size >= this.#silentCount ? this.#longestSilent() : null\n',
        replace: '    const leaves = this.#silent.size >= this.#silentCount ? connection : null\n',
      },
    ],
    killers: ['tests'],
    tests: PLACES_TESTS,
  },
  {
    id: 'Y722',
    title: "the kernel's table cannot be read once, and is never read again",
    rule: 'rule 5',
    edits: [
      {
        file: WATCH,
        find: '(queues) => this.#checked(queues))',
        replace: '(queues) => (queues === null ? this.stop() : this.#checked(queues)))',
      },
    ],
    killers: ['tests'],
    tests: ['test/server/sockets/tcp-table.test.ts'],
  },
  {
    id: 'Y723',
    title: "a connection that is written to while the kernel's table is read is forgotten",
    rule: 'rule 5',
    edits: [
      {
        file: WATCH,
        find: '        if (!entry.fresh) this.#watched.delete(connection)\n',
        replace: '        this.#watched.delete(connection)\n',
      },
    ],
    killers: ['tests'],
    tests: ['test/server/sockets/tcp-table.test.ts'],
  },
  {
    id: 'T997',
    title: "the kernel's table is read for clients that are long gone when it has been read",
    rule: 'rule 5',
    edits: [{ file: WATCH, find: 'isWorthIt ||= entry.hasStayed', replace: 'isWorthIt = true' }],
    killers: ['tests'],
    tests: ['test/server/sockets/tcp-table.test.ts'],
  },
  {
    id: 'T998',
    title: "the kernel's table is never read while one is written to all the time",
    rule: 'rule 5',
    edits: [
      { file: WATCH, find: 'isWorthIt ||= entry.hasStayed', replace: 'isWorthIt ||= entry.hasStayed && !entry.fresh' },
    ],
    killers: ['tests'],
    tests: ['test/server/sockets/tcp-table.test.ts'],
  },
  {
    id: 'Y724',
    title: 'a client elsewhere is sent to the localhost of the leader',
    rule: 'own',
    edits: [
      {
        file: 'src/service/dialects/redirects.ts',
        find: 'address === null || (!loopback && isLocalAddress(address)) ? null : address',
        replace: 'address === null || (loopback && !isLocalAddress(address) && address === null) ? null : address',
      },
    ],
    killers: ['tests'],
    tests: ['test/service/dialects/redirect.test.ts'],
  },
  {
    id: 'Y725',
    title: '--admin off leaves this machine its rights',
    rule: 'own',
    edits: [
      {
        file: 'src/service/access/open-policy.ts',
        find: "    if (adminFrom === 'nowhere') return",
        replace: "    if (adminFrom === 'nowhere' && !isLocal) return",
      },
    ],
    killers: ['tests'],
    tests: ['test/service/access/open-policy.test.ts'],
  },
  {
    id: 'Y726',
    title: 'clients may use up the descriptors of the store',
    rule: 'own',
    edits: [
      {
        file: 'src/server/config/descriptors.ts',
        find: '  const kept = DESCRIPTORS_KEPT_COUNT + SILENT_PLACES_MAX_COUNT + handshakesCount\n',
        replace: '  const kept = 0 * (DESCRIPTORS_KEPT_COUNT + SILENT_PLACES_MAX_COUNT + handshakesCount)\n',
      },
    ],
    killers: ['tests'],
    tests: PLACES_TESTS,
  },
  {
    id: 'Y730',
    title: 'another source of the time since boot looks like a suspend',
    rule: 'rule 7',
    edits: [
      {
        file: 'src/server/system-clock.ts',
        find: '      if (lastMs > Number.NEGATIVE_INFINITY) offsetMs =',
        replace: '      if (lastMs > Number.POSITIVE_INFINITY) offsetMs =',
      },
    ],
    killers: ['tests'],
    tests: ['test/server/system-clock.test.ts'],
  },
  {
    id: 'Y731',
    title: 'whatever the file of the time since boot says is believed',
    rule: 'rule 7',
    edits: [
      {
        file: 'src/server/system-clock.ts',
        find: '    return Number.isFinite(ms) && ms >= 0 ? ms : null\n',
        replace: '    return Number.isFinite(ms) ? ms : 0\n',
      },
    ],
    killers: ['tests'],
    tests: ['test/server/system-clock.test.ts'],
  },
  {
    id: 'Y732',
    title: 'silent connections to the HTTP port keep out the probe of a load balancer',
    rule: 'own',
    edits: [
      {
        file: 'src/server/http/http-port.ts',
        find: 'if (oldest !== undefined && this.#sockets.size >= HTTP_MAX_CONNECTIONS) {\n      this.#sockets.delete(oldest)\n      oldest.destroy()\n',
        replace: 'if (oldest !== undefined && this.#sockets.size >= HTTP_MAX_CONNECTIONS) {\n      socket.destroy()\n',
      },
    ],
    killers: ['tests'],
    tests: ['test/server/http/http-port.test.ts'],
  },
]
