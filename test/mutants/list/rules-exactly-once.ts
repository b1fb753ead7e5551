/** Clauses of rules.md: rule 10 (exactly once), rule 11 (timers of waiters) and rule 12 (force-release). */
import type { Mutant } from '../mutant.js'

const ANSWERS = 'src/locks/answers.ts'
const SESSIONS = 'src/locks/state/sessions.ts'
const SEAT = 'src/service/sessions/attachment.ts'
const CLASSIC = 'src/service/dialects/classic.ts'
const KEEPER = 'src/service/leases/detached-sessions.ts'

export const RULES_EXACTLY_ONCE: readonly Mutant[] = [
  // -------------------------------------------------------------------------------------- rule 10: exactly once
  {
    id: 'R10a',
    title: 'answers are not kept',
    rule: 'rule 10',
    edits: [
      {
        file: ANSWERS,
        find: 'if (terms !== null && request >= terms.lowestUnacknowledged) {',
        replace: 'if (terms !== null && request < 0 && request >= terms.lowestUnacknowledged) {',
      },
    ],
  },
  {
    id: 'R10b',
    title: 'more than 1,024 answers are kept',
    rule: 'rule 10',
    edits: [
      {
        file: 'src/locks/limits.ts',
        find: 'UNACKNOWLEDGED_PER_SESSION_MAX = 1_024',
        replace: 'UNACKNOWLEDGED_PER_SESSION_MAX = 1_000_000',
      },
    ],
  },
  {
    id: 'R10c',
    title: 'answers are not in the snapshot',
    rule: 'rule 10',
    edits: [
      {
        file: 'src/locks/snapshot/records.ts',
        find: 'terms.answers === null ? [] : sortedAnswers(terms.answers)',
        replace: 'terms.answers === null || terms.leaseMs > 0 ? [] : sortedAnswers(terms.answers)',
      },
    ],
  },
  {
    id: 'R10d',
    title: 'a repeated request is done again',
    rule: 'rule 10',
    edits: [
      { file: ANSWERS, find: '  if (stored !== undefined) {', replace: '  if (stored !== undefined && request < 0) {' },
    ],
  },
  {
    id: 'R10e',
    title: 'a repeated request that waits is queued again',
    rule: 'rule 10',
    edits: [
      {
        file: 'src/locks/table/queue.ts',
        find: 'if (waiting === null) return admit(context, session, request, names)',
        replace: 'if (waiting === null || request >= 0) return admit(context, session, request, names)',
      },
    ],
  },
  {
    id: 'R10f',
    title: 'a request below the lowest unacknowledged one is done again, by the state',
    rule: 'rule 10',
    edits: [
      {
        file: ANSWERS,
        find: '  if (request >= 0 && request < terms.lowestUnacknowledged) return false\n',
        replace: '',
      },
    ],
  },
  {
    id: 'R10g',
    title: 'a request below the lowest unacknowledged one is proposed by the node',
    rule: 'rule 10',
    edits: [
      {
        file: 'src/service/dialects/session-work.ts',
        find: '    return id !== null && id <= ack && ack > 0\n',
        replace: '    return id !== null && id < 0 && ack > 0\n',
      },
    ],
  },
  {
    id: 'R10h',
    title: 'a numbered command applies before its predecessor',
    rule: 'rule 10',
    edits: [
      {
        file: SESSIONS,
        find: 'header.n !== session.lastN + 1) return null',
        replace: 'header.n <= session.lastN) return null',
      },
    ],
  },
  {
    id: 'R10i',
    title: 'a repeated command applies again',
    rule: 'rule 10',
    edits: [
      {
        file: SESSIONS,
        find: 'header.n !== session.lastN + 1) return null',
        replace: 'header.n > session.lastN + 1) return null',
      },
    ],
  },
  {
    id: 'R10j',
    title: 'an opening applies again',
    rule: 'rule 10',
    edits: [
      {
        file: SESSIONS,
        find: 'if (header.conn < place.floor || place.opened.has(header.conn)) return null',
        replace: 'if (header.conn < place.floor - 1) return null',
      },
    ],
  },
  {
    id: 'R10k',
    title: 'an opening that the node gave up can apply: the floor is not raised',
    rule: 'rule 10',
    edits: [{ file: SESSIONS, find: '  raiseFloor(place, header.floor)\n', replace: '' }],
    note: 'the session is ended by rule 5 when it opens; what stays is the memory of the numbers in between',
  },
  {
    id: 'R10l',
    title: 'a number that was skipped is not proposed again',
    rule: 'rule 10',
    edits: [
      {
        file: 'src/service/sessions/proposals.ts',
        find: 'for (const bytes of attachment.unapplied) proposals.propose(bytes)',
        replace: 'for (const bytes of attachment.unapplied.slice(-1)) proposals.propose(bytes)',
      },
    ],
  },
  {
    id: 'R10m',
    title: 'nothing is proposed again, neither after a leader change nor in time',
    rule: 'rule 10',
    edits: [
      {
        file: 'src/service/sessions/proposals.ts',
        find: '      this.#await(attachment)\n      this.#repeat(attachment)\n',
        replace: '      this.#await(attachment)\n',
      },
      {
        file: 'src/service/sessions/proposals.ts',
        find: '        attachment.proposedAtMs = now\n        this.#repeat(attachment)\n',
        replace: '        attachment.proposedAtMs = now\n',
      },
    ],
  },
  {
    id: 'R10n',
    title: 'an opening is not proposed again after a leader change',
    rule: 'rule 10',
    edits: [
      {
        file: 'src/service/sessions/proposals.ts',
        find: '    if (attachment.opening !== null) proposals.propose(attachment.opening)\n',
        replace: '',
      },
    ],
  },
  {
    id: 'R10o',
    title: 'a node forgets its next command with the one that was applied',
    rule: 'rule 10',
    edits: [
      {
        file: SEAT,
        find: 'this.unapplied.splice(0, n - first + 1)',
        replace: 'this.unapplied.splice(0, n - first + 2)',
      },
    ],
  },
  // --------------------------------------------------------------------------------- rule 11: timers of waiters
  {
    id: 'R11a',
    title: 'nobody counts the wait of a classic connection',
    rule: 'rule 11',
    edits: [
      {
        file: CLASSIC,
        find: 'if (this.#waitMs > 0) this.#waitDeadline',
        replace: 'if (this.#waitMs < 0) this.#waitDeadline',
      },
    ],
  },
  {
    id: 'R11b',
    title: 'nobody counts the waits of a session that is attached',
    rule: 'rule 11',
    edits: [
      {
        file: 'src/service/dialects/pending-requests.ts',
        find: 'if (waitMs <= 0 || outstanding.deadline !== null) return',
        replace: 'if (waitMs !== 0) return',
      },
    ],
  },
  {
    id: 'R11c',
    title: 'nobody counts the waits of a detached session',
    rule: 'rule 11',
    edits: [{ file: KEEPER, find: 'if (waitMs >= 0) deadlines.push', replace: 'if (waitMs < 0) deadlines.push' }],
  },
  {
    id: 'R11d',
    title: 'the leader ends the waits of sessions that are attached again',
    rule: 'rule 11',
    edits: [
      {
        file: KEEPER,
        find: 'if (view === null || view.attach !== attach || view.where !== null) return',
        replace: 'if (view === null) return',
      },
      {
        file: KEEPER,
        find: '    for (const deadline of counted.deadlines) this.#deadlines.cancel(deadline)\n',
        replace: '',
      },
      {
        file: SESSIONS,
        find: 'session.place === null && session.attach === attach ? session : null',
        replace: 'attach > 0 ? session : null',
      },
    ],
  },
  {
    id: 'R11e',
    title: 'after a resume nobody counts the waits that the session brought along',
    rule: 'rule 11',
    edits: [
      {
        file: 'src/service/dialects/session-work.ts',
        find: '      this.#requests.queued(request)\n    }',
        replace: '    }',
      },
    ],
  },
  // ----------------------------------------------------------------------------------- rule 12: force-release
  {
    id: 'R12a',
    title: 'a forced lock of a classic holder passes on before its node has closed the connection',
    rule: 'rule 12',
    notApplicable: 'this version has no force-release: `.force-release` is refused as not supported',
  },
  {
    id: 'R12b',
    title:
      'a forced lock of a session passes on before it was released after `lost`, or before a session lease of silence',
    rule: 'rule 12',
    notApplicable: 'this version has no force-release',
  },
  {
    id: 'R12c',
    title: 'a forced lock passes on when the epoch has run out, without the lease of the session after it',
    rule: 'rule 12',
    notApplicable: 'this version has no force-release',
  },
  {
    id: 'R12d',
    title: '`--now` does not say that two may hold',
    rule: 'rule 12',
    notApplicable: 'this version has no force-release',
  },
]
