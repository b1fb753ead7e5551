/** Clauses of rules.md: rule 5, closed connections. */
import type { Mutant } from '../mutant.js'

const SESSIONS = 'src/locks/state/sessions.ts'
const SESSION = 'src/service/dialects/session.ts'
const CLASSIC = 'src/service/dialects/classic.ts'
const CONNECTION = 'src/service/dialects/connection.ts'
const CLIENT_SOCKET = 'src/server/sockets/tcp-client-socket.ts'
const CLIENT_PORT = 'src/server/clients/client-port.ts'
const LIMITS = 'src/server/limits.ts'
const TCP = 'src/sockets/tcp.ts'
const PARTING = 'src/service/sessions/parting.ts'
const LINK = 'src/client/transport/link.ts'

export const RULES_CONNECTIONS: readonly Mutant[] = [
  // ------------------------------------------------------------------------------ rule 5: closed connections
  {
    id: 'R5a',
    title: 'a FIN counts though the node has begun to close that connection',
    rule: 'rule 5',
    edits: [
      {
        file: CONNECTION,
        find: 'if (!this.#open || this.#finSeen) return\n    this.#finSeen',
        replace: 'if (this.#finSeen) return\n    this.#finSeen',
      },
    ],
    equivalent:
      'what a dialect makes of a FIN is in the table of its lives, and a life that the node has ended ignores it',
  },
  {
    id: 'R5b',
    title: 'the socket hands on a FIN that follows the close of this node',
    rule: 'rule 5',
    edits: [
      {
        file: CLIENT_SOCKET,
        find: '    if (this.#closing) return\n    const written',
        replace: '    const written',
      },
      { file: CLIENT_SOCKET, find: '      if (error && !this.#tellsOfFin(error)) return\n', replace: '' },
      {
        file: CLIENT_SOCKET,
        find: '    if (this.#closing) return\n    if (!this.#isGone)',
        replace: '    if (!this.#isGone)',
      },
    ],
  },
  {
    id: 'R5c',
    title: 'a FIN does not end a classic session that holds',
    rule: 'rule 5',
    edits: [
      {
        file: 'src/service/dialects/classic-life.ts',
        find: "holding: { line: 'perform', fin: 'close'",
        replace: "holding: { line: 'perform', fin: 'note'",
      },
    ],
  },
  {
    id: 'R5d',
    title: 'a waiter that sends FIN keeps its place in the queue',
    rule: 'rule 5',
    edits: [
      {
        file: 'src/service/dialects/classic-life.ts',
        find: "    line: 'perform',\n    fin: 'close',",
        replace: "    line: 'perform',\n    fin: 'note',",
      },
    ],
  },
  {
    id: 'R5e',
    title: 'a reset or a keepalive failure does not end a classic session',
    rule: 'rule 5',
    edits: [
      {
        file: CLASSIC,
        find: '  broken(): void {\n    this.#depart()',
        replace: '  broken(): void {\n    this.#attachment = null',
      },
    ],
  },
  {
    id: 'R5f',
    title: 'lines before a FIN are not answered',
    rule: 'rule 5',
    edits: [
      {
        file: 'src/service/dialects/classic-life.ts',
        find: "asking: { line: 'keep', fin: 'note'",
        replace: "asking: { line: 'keep', fin: 'close'",
      },
    ],
  },
  {
    id: 'R5g',
    title: 'a classic connection stays open until its end is applied',
    rule: 'rule 5',
    edits: [
      {
        file: CLASSIC,
        find: '    this.connection.close(lastWords)\n    this.#depart()',
        replace: '    this.#depart()\n    this.context.clock.after(100, () => this.connection.close(lastWords))',
      },
    ],
  },
  {
    id: 'R5h',
    title: '`bye` detaches the session',
    rule: 'rule 5',
    edits: [
      {
        file: SESSION,
        find: "    this.context.attachments.leave(attachment, 'bye', this)",
        replace: "    this.context.attachments.leave(attachment, 'detach', this)",
      },
    ],
  },
  {
    id: 'R5i',
    title: 'a FIN counts as a break: the session outlives it for its lease',
    rule: 'rule 5',
    edits: [
      {
        file: PARTING,
        find: "(end === 'fin' && told === 'all' && this.#finCounts ? 'linger' : 'detach')",
        replace: "(end === 'fin' && told === 'nothing' ? 'linger' : 'detach')",
      },
    ],
  },
  {
    id: 'R5j',
    title: 'a FIN ends a session that asked to linger',
    rule: 'rule 5',
    edits: [{ file: SESSIONS, find: '(command.fin && terms.lingerMs === 0)', replace: 'command.fin' }],
  },
  {
    id: 'R5k',
    title: 'a FIN with linger 0 detaches, until the leader has expired the session',
    rule: 'rule 5',
    edits: [
      { file: SESSIONS, find: 'terms === null || (command.fin && terms.lingerMs === 0)', replace: 'terms === null' },
    ],
  },
  {
    id: 'R5l',
    title: 'a reset ends the session',
    rule: 'rule 5',
    edits: [
      {
        file: 'src/service/dialects/session.ts',
        find: "this.#depart(this.#parting.by('break', this.#life.told))",
        replace: "this.#depart('end')",
      },
    ],
  },
  {
    id: 'R5m',
    title: 'silence is not noticed',
    rule: 'rule 5',
    edits: [
      {
        file: 'src/service/sessions/silence-watch.ts',
        find: 'if (silentMs >= this.#leaseMs) this.onSilent()',
        replace: 'if (silentMs > 1_000 * this.#leaseMs) this.onSilent()',
      },
    ],
  },
  {
    id: 'R5n',
    title: 'silence ends the session',
    rule: 'rule 5',
    edits: [
      {
        file: 'src/service/dialects/session.ts',
        find: "new SilenceWatch(context.clock, context.deadlines, () => this.#closeBy('break'))",
        replace:
          'new SilenceWatch(context.clock, context.deadlines, () => (this.#parting.bye(), this.connection.close()))',
      },
    ],
  },
  {
    id: 'R5o',
    title: 'a connection that the node closes for a line that is too long ends the session',
    rule: 'rule 5',
    edits: [
      {
        file: SESSION,
        find: "this.#closeBy('break', lastWords)",
        replace: "this.#parting.bye()\n    this.#closeBy('break', lastWords)",
      },
    ],
  },
  {
    id: 'R5p',
    title: 'the library leaves a connection by FIN',
    rule: 'rule 5',
    edits: [
      {
        file: LINK,
        find: "    this.#closedReason ??= 'reset'\n    this.tcp.resetAndDestroy()",
        replace: "    this.#closedReason ??= 'reset'\n    this.stream.end()",
      },
    ],
  },
  {
    id: 'R5q',
    title: 'the library answers a FIN of the node with a FIN of its own',
    rule: 'rule 5',
    edits: [
      {
        file: 'src/client/transport/link-socket.ts',
        find: 'noDelay: true, allowHalfOpen: true',
        replace: 'noDelay: true',
      },
    ],
  },
  {
    id: 'R5r',
    title: 'a session that is leaving is told of a grant',
    rule: 'rule 5',
    edits: [
      {
        file: 'src/service/dialects/session-work.ts',
        find: 'if (mayClaim) this.connection.speak(grantedReply(request, answer))',
        replace: 'this.connection.speak(grantedReply(request, answer))',
      },
    ],
  },
  {
    id: 'R5s',
    title: 'a classic connection whose end is proposed is told that it is alive',
    rule: 'rule 5',
    edits: [
      {
        file: 'src/service/dialects/classic-life.ts',
        find: "leaving: { line: 'ignore'",
        replace: "leaving: { line: 'perform'",
      },
    ],
  },
  {
    id: 'R5t',
    title: 'an opening that applies when nobody waits for it any more leaves its session behind',
    rule: 'rule 5',
    edits: [
      {
        file: 'src/service/sessions/attachments.ts',
        find: "if (attachment === undefined) this.#evict(conn, session, attach, 'end')\n    else attachment.listener?.opened()",
        replace: 'attachment?.listener?.opened()',
      },
    ],
  },
  {
    id: 'R5u',
    title: 'a resume that applies when nobody waits for it any more leaves its session attached',
    rule: 'rule 5',
    edits: [
      {
        file: 'src/service/sessions/attachments.ts',
        find: "if (attachment === undefined) this.#evict(conn, session, attach, 'detach')\n    else if",
        replace: 'if (attachment === undefined) return\n    if',
      },
    ],
  },
  {
    id: 'R5v',
    title: 'the end of a session is proposed once, not until it is applied',
    rule: 'rule 5',
    edits: [
      {
        file: 'src/service/sessions/proposals.ts',
        find: '    if (attachment.endCommand !== null) proposals.propose(attachment.endCommand)\n',
        replace: '',
      },
    ],
  },
  {
    id: 'R5w',
    title: 'client connections have no TCP keepalive',
    rule: 'rule 5',
    edits: [{ file: TCP, find: 'keepAlive: true,', replace: 'keepAlive: false,' }],
    killers: ['tests'],
    tests: ['test/server/clients/client-port.test.ts'],
  },
  {
    id: 'R5x',
    title: 'TCP keepalive begins after two hours of silence',
    rule: 'rule 5',
    edits: [{ file: LIMITS, find: 'KEEPALIVE_IDLE_MS = 5_000', replace: 'KEEPALIVE_IDLE_MS = 7_200_000' }],
    killers: ['tests'],
    tests: ['test/server/clients/client-port.test.ts'],
  },
  {
    id: 'R5y',
    title: "the kernel's send queues are not watched",
    rule: 'rule 5',
    edits: [{ file: CLIENT_PORT, find: 'if (socket.flush()) this.#watch.wrote(socket)', replace: 'socket.flush()' }],
    killers: ['tests', 'simulator'],
    tests: ['test/server/clients/client-port.test.ts', 'test/server/sockets/tcp-table.test.ts'],
  },
  {
    id: 'R5z',
    title: 'a send queue may stand still for 150 s',
    rule: 'rule 5',
    edits: [{ file: LIMITS, find: 'SEND_QUEUE_STUCK_MS = 15_000', replace: 'SEND_QUEUE_STUCK_MS = 150_000' }],
    killers: ['tests', 'simulator'],
    tests: ['test/server/sockets/tcp-table.test.ts'],
  },
  {
    id: 'R5za',
    title: 'a send queue that shrinks is given up after 15 s too',
    rule: 'rule 5',
    edits: [
      {
        file: 'src/server/sockets/send-queue-watch.ts',
        find: 'if (entry.sinceMs === null || acknowledgedBytes > entry.acknowledgedBytes) {',
        replace: 'if (entry.sinceMs === null) {',
      },
    ],
    killers: ['tests'],
    tests: ['test/server/sockets/tcp-table.test.ts'],
  },
  {
    id: 'R5zb',
    title: 'a connection from which a line came is watched on',
    rule: 'rule 5',
    edits: [
      {
        file: CLIENT_PORT,
        find: '  heard(socket: TcpClientSocket): void {\n    this.#watch.forget(socket)',
        replace: '  heard(_socket: TcpClientSocket): void {',
      },
    ],
    killers: ['tests'],
    tests: ['test/server/clients/client-port.test.ts', 'test/server/sockets/tcp-table.test.ts'],
    equivalent:
      'the watch goes by acknowledged bytes alone: a connection that acknowledges is forgotten at the next look, whether a line came or not; forgetting it earlier only saves the look',
  },
]
