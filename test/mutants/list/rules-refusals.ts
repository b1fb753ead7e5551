/** Clauses of rules.md: rule 8 (reads and refusals) and rule 9 (a snapshot on a serving node). */
import type { Mutant } from '../mutant.js'

const SESSION = 'src/service/dialects/session.ts'
const TABLE = 'src/service/dialects/pending-requests.ts'
const CLASSIC = 'src/service/dialects/classic.ts'
const FRONT = 'src/service/lock-service.ts'

export const RULES_REFUSALS: readonly Mutant[] = [
  // ---------------------------------------------------------------------------- rule 8: reads and refusals
  {
    id: 'R8a',
    title: 'a release is answered before it is applied',
    rule: 'rule 8',
    edits: [
      {
        file: 'src/service/dialects/classic.ts',
        find: "    this.context.attachments.leave(attachment, 'bye', this)",
        replace:
          "    this.connection.close(this.#givenUp)\n    this.context.attachments.leave(attachment, 'bye', null)",
      },
    ],
  },
  {
    id: 'R8b',
    title: 'a classic wait that is over is refused without asking the log',
    rule: 'rule 8',
    edits: [
      {
        file: 'src/service/dialects/classic.ts',
        find: 'target: CLASSIC_REQUEST })\n    this.#expectDecision(attachment)\n  }\n',
        replace:
          'target: CLASSIC_REQUEST })\n    this.connection.close(givenUpReply(false))\n    this.#expectDecision(attachment)\n  }\n',
      },
    ],
  },
  {
    id: 'R8c',
    title: 'a wait of a session that is over is refused without asking the log',
    rule: 'rule 8',
    edits: [
      {
        file: 'src/service/dialects/session-work.ts',
        find: '    attachments.submit(attachment, { type: CommandType.waitTimeout, target })\n',
        replace:
          "    attachments.submit(attachment, { type: CommandType.waitTimeout, target })\n    this.connection.say(answerReply(target, { kind: 'not-granted', name: 'x', reason: 'timeout', holder: '' }))\n",
      },
    ],
  },
  {
    id: 'R8d',
    title: '`not-holder` is said by what this connection knows, without asking the log',
    rule: 'rule 8',
    edits: [
      {
        file: 'src/service/dialects/session-work.ts',
        find: '    if (!this.#isAcknowledged(id)) this.#ask(id, body, subjectOf(body))\n',
        replace:
          "    if (body.type === CommandType.release && id !== null && ![...this.#held.values()].includes(body.name)) {\n      this.connection.say(answerReply(id, { kind: 'error', code: 'not-holder', message: 'not held' }))\n      return\n    }\n    if (!this.#isAcknowledged(id)) this.#ask(id, body, subjectOf(body))\n",
      },
    ],
  },
  {
    id: 'R8e',
    title: '`session-expired` is said when the state of this node has no such session',
    rule: 'rule 8',
    edits: [
      {
        file: 'src/service/dialects/session.ts',
        find: '      this.#secret = opening.secret\n',
        replace:
          '      if (!opening.isNew && this.context.state.session(opening.body.session) === null) {\n        this.refused({ kind: `expired` })\n        return\n      }\n      this.#secret = opening.secret\n',
      },
    ],
  },
  {
    id: 'R8f',
    title: '`not-granted` is said when the state of this node has a holder',
    rule: 'rule 8',
    edits: [
      {
        file: 'src/service/dialects/classic.ts',
        find: "    this.#enter('asking')\n    this.#attachment",
        replace:
          "    const known = this.context.state as unknown as { holder?(name: string): unknown }\n    if (this.#waitMs === 0 && known.holder?.(body.name)) {\n      this.connection.close(givenUpReply(false))\n      return\n    }\n    this.#enter('asking')\n    this.#attachment",
      },
    ],
  },
  {
    id: 'R8g',
    title: 'a read that is not in the log is not confirmed by ReadIndex',
    rule: 'rule 8',
    edits: [
      {
        file: 'src/service/reads/client-reads.ts',
        find: "this.deps.node.read((outcome) => done(outcome === 'current'))",
        replace: 'done(true)',
      },
    ],
  },
  // -------------------------------------------------------------------- rule 9: a snapshot on a serving node
  {
    id: 'R9a',
    title: 'connections are not reconciled with a snapshot',
    rule: 'rule 9',
    edits: [{ file: FRONT, find: '    this.#attachments.restored()\n', replace: '' }],
  },
  {
    id: 'R9b',
    title: 'a connection whose session a snapshot no longer has here stays open',
    rule: 'rule 9',
    edits: [
      {
        file: 'src/service/sessions/reconciliation.ts',
        find: 'if (view === undefined) missed(node, attachment)\n    else',
        replace: 'if (view !== undefined)',
      },
    ],
  },
  {
    id: 'R9c',
    title: 'sessions that a snapshot has here, and nobody sits on, stay',
    rule: 'rule 9',
    edits: [
      {
        file: 'src/service/sessions/reconciliation.ts',
        find: "    node.evict(conn, session, attach, classic ? 'end' : 'detach')\n",
        replace: "    if (attach === 0) node.evict(conn, session, attach, classic ? 'end' : 'detach')\n",
      },
    ],
  },
  {
    id: 'R9d',
    title: 'tokens are not compared with a snapshot: what a session lost is not told',
    rule: 'rule 9',
    edits: [{ file: SESSION, find: "    if (!explained) this.#closeBy('break')\n", replace: '' }],
    equivalent:
      'nothing takes a lock from an attached session but its own release, whose answer or lack of one is handled before; a forced release will need it',
  },
  {
    id: 'R9e',
    title: 'answers that are stored in a snapshot are not told',
    rule: 'rule 9',
    edits: [
      {
        file: TABLE,
        find: 'else if (answer !== undefined) tell.answered(request, answer)\n      else if (n <= view.lastN)',
        replace: 'else if (answer === undefined && n <= view.lastN)',
      },
    ],
  },
  {
    id: 'R9f',
    title: 'places in queues that a snapshot has are not told',
    rule: 'rule 9',
    edits: [
      {
        file: TABLE,
        find: 'if (!isQueued) tell.queued(request, queued)',
        replace: 'if (isQueued) tell.queued(request, queued)',
      },
    ],
  },
  {
    id: 'R9g',
    title: 'a request of which a snapshot knows nothing any more waits for ever',
    rule: 'rule 9',
    edits: [{ file: TABLE, find: 'else if (n <= view.lastN) return', replace: 'else if (n < 0) return' }],
  },
  {
    id: 'R9h',
    title: 'a classic grant that only a snapshot tells of is not told',
    rule: 'rule 9',
    edits: [
      {
        file: CLASSIC,
        find: 'if (held !== undefined) this.answered(',
        replace: 'if (held !== undefined && view.attach === 0) this.answered(',
      },
    ],
  },
  {
    id: 'R9i',
    title: 'a classic connection that holds nothing any more by a snapshot stays open',
    rule: 'rule 9',
    edits: [
      {
        file: 'src/service/dialects/classic.ts',
        find: "} else if (reaction === 'compare' && held === undefined) this.lost()",
        replace: '}',
      },
    ],
  },
  {
    id: 'R9j',
    title: 'an epoch that a snapshot says has ended is renewed on',
    rule: 'rule 9',
    edits: [{ file: FRONT, find: '    this.#epoch.restored()\n', replace: '' }],
  },
  {
    id: 'R9k',
    title: 'the next word comes before the reconciliation',
    rule: 'rule 9',
    edits: [
      {
        file: FRONT,
        find: '    this.#epoch.restored()\n    this.#attachments.restored()\n    this.#reads.restored()\n    this.#right.onApplied(index)',
        replace:
          '    this.#reads.restored()\n    this.#right.onApplied(index)\n    this.deps.clock.after(200, () => {\n      this.#epoch.restored()\n      this.#attachments.restored()\n    })',
      },
    ],
  },
  {
    id: 'R9l',
    title: 'watches that missed events go on',
    rule: 'rule 9',
    edits: [{ file: FRONT, find: '    this.#reads.restored()\n', replace: '' }],
  },
]
