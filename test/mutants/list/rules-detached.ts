/** Clauses of rules.md: rule 4, detached sessions. */
import type { Mutant } from '../mutant.js'

const SESSIONS = 'src/locks/state/sessions.ts'
const KEEPER = 'src/service/leases/detached-sessions.ts'
const HOLD_TIMES = 'src/service/leases/hold-times.ts'
const SESSION = 'src/service/dialects/session.ts'

export const RULES_DETACHED: readonly Mutant[] = [
  // ------------------------------------------------------------------------------- rule 4: detached sessions
  {
    id: 'R4a',
    title: 'a FIN detaches for the larger of lease and linger',
    rule: 'rule 4',
    edits: [
      {
        file: SESSIONS,
        find: 'return fin ? lingerMs : Math.max(leaseMs, lingerMs)',
        replace: 'return Math.max(leaseMs, lingerMs)',
      },
    ],
  },
  {
    id: 'R4b',
    title: 'a break detaches for the lease only, though linger is longer',
    rule: 'rule 4',
    edits: [
      {
        file: SESSIONS,
        find: 'return fin ? lingerMs : Math.max(leaseMs, lingerMs)',
        replace: 'return fin ? lingerMs : leaseMs',
      },
    ],
  },
  {
    id: 'R4c',
    title: 'the end of an epoch detaches for linger only, though the lease is longer',
    rule: 'rule 4',
    edits: [
      {
        file: SESSIONS,
        find: 'else leave(context, session, terms, Math.max(terms.leaseMs, terms.lingerMs))\n}',
        replace: 'else leave(context, session, terms, terms.lingerMs)\n}',
      },
    ],
  },
  {
    id: 'R4d',
    title: 'the state does not keep for how long a session is detached: a snapshot forgets it',
    rule: 'rule 4',
    edits: [
      {
        file: 'src/locks/snapshot/records.ts',
        find: 'terms.detachedForMs = input.varint()',
        replace: 'input.varint()',
      },
    ],
  },
  {
    id: 'R4e',
    title: 'the leader counts 0.9 of the detached time',
    rule: 'rule 4',
    edits: [
      {
        file: KEEPER,
        find: 'this.#deadlines.add({ session, attach, target: null }, forMs)]',
        replace: 'this.#deadlines.add({ session, attach, target: null }, 0.9 * forMs)]',
      },
    ],
  },
  {
    id: 'R4f',
    title: 'a new leader takes a detached session for expired at once',
    rule: 'rule 4',
    edits: [
      {
        file: KEEPER,
        find: 'if (!this.#counted.has(session)) this.detached(session, attach, forMs)',
        replace: 'if (!this.#counted.has(session)) this.detached(session, attach, 0 * forMs)',
      },
    ],
  },
  {
    id: 'R4g',
    title: 'a new leader does not count for sessions that were detached before its office',
    rule: 'rule 4',
    edits: [
      {
        file: KEEPER,
        find: 'if (!this.#counted.has(session)) this.detached(',
        replace: 'if (forMs < 0) this.detached(',
      },
    ],
  },
  {
    id: 'R4h',
    title: 'a new leader does not wait for the delay of a lock',
    rule: 'rule 4',
    edits: [
      {
        file: HOLD_TIMES,
        find: 'clock, forMs }) => this.timed(name, token, clock, forMs))',
        replace: 'clock, forMs }) => this.timed(name, token, clock, 0 * forMs))',
      },
    ],
  },
  {
    id: 'R4i',
    title: 'a new leader does not count the delays of locks at all',
    rule: 'rule 4',
    edits: [
      {
        file: HOLD_TIMES,
        find: 'clock, forMs }) => this.timed(name, token, clock, forMs))',
        replace: 'clock, forMs }) => void [name, token, clock, forMs])',
      },
    ],
  },
  {
    id: 'R4j',
    title: 'ExpireSession ends a session under whatever attach count',
    rule: 'rule 4',
    edits: [
      {
        file: SESSIONS,
        find: 'session.place === null && session.attach === attach ? session : null',
        replace: 'session.place === null && attach > 0 ? session : null',
      },
    ],
  },
  {
    id: 'R4k',
    title: 'ExpireSession ends a session that is attached again under the same count',
    rule: 'rule 4',
    edits: [
      {
        file: SESSIONS,
        find: 'session.place === null && session.attach === attach ? session : null',
        replace: 'session.attach === attach ? session : null',
      },
    ],
  },
  {
    id: 'R4l',
    title: 'ExpireSession ends a session that was resumed meanwhile',
    rule: 'rule 4',
    edits: [
      {
        file: SESSIONS,
        find: 'session.place === null && session.attach === attach ? session : null',
        replace: 'attach > 0 ? session : null',
      },
    ],
  },
  {
    id: 'R4m',
    title: 'a resume does not raise the attach count',
    rule: 'rule 4',
    edits: [{ file: SESSIONS, find: '  session.attach += 1\n', replace: '' }],
  },
  {
    id: 'R4n',
    title: 'the old node does not close the old connection after a resume elsewhere',
    rule: 'rule 4',
    edits: [
      {
        file: SESSIONS,
        find: "  if (old !== null) effects.push({ kind: 'superseded', where: old, session: session.id })\n",
        replace: '',
      },
    ],
  },
  {
    id: 'R4o',
    title: 'the old node closes the old connection with a word',
    rule: 'rule 4',
    edits: [
      {
        file: SESSION,
        find: '  displaced(): void {\n    this.connection.close()',
        replace: "  displaced(): void {\n    this.connection.close('bye\\n')",
      },
    ],
  },
]
