/** Faults that attackers found in sessions, put back: bounds and times. */
import type { Mutant } from '../mutant.js'

const QUEUE = 'src/locks/table/queue.ts'
const SESSIONS = 'src/locks/state/sessions.ts'
const KEEPER = 'src/service/leases/detached-sessions.ts'
const TABLE = 'src/service/dialects/pending-requests.ts'

export const MENDED_SESSION_BOUNDS: readonly Mutant[] = [
  {
    id: 'Y430',
    title: 'sessions of the cluster are not bounded',
    rule: 'own',
    edits: [
      {
        file: SESSIONS,
        find: 'SESSIONS_CROWDED : SESSIONS_MAX)',
        replace: 'SESSIONS_CROWDED : SESSIONS_MAX * 1_000)',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y437',
    title: 'whoever leaves sessions of a day behind keeps everybody else out for that day',
    rule: 'own',
    edits: [
      {
        file: SESSIONS,
        find: 'SESSIONS_CROWDED : SESSIONS_MAX)',
        replace: 'SESSIONS_CROWDED + SESSIONS_MAX : SESSIONS_MAX)',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y431',
    title: 'holds and places of the cluster are not bounded',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/table/bounds.ts',
        find: 'state.holds.size + state.placeCount + names > HOLDS_AND_PLACES_MAX',
        replace: 'state.holds.size + state.placeCount + names < -HOLDS_AND_PLACES_MAX',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y432',
    title: 'only held locks count against the bound of holds and places',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/table/bounds.ts',
        find: 'state.holds.size + state.placeCount + names > HOLDS_AND_PLACES_MAX',
        replace: 'state.holds.size + names > HOLDS_AND_PLACES_MAX',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y433',
    title: 'meta of the cluster is not bounded',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/table/bounds.ts',
        find: 'metaBytes > 0 && state.metaBytes',
        replace: 'metaBytes > META_MAX_BYTES && state.metaBytes',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y434',
    title: 'meta of those that wait is not counted',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/state/state.ts',
        find: "    if (meta !== '') this.metaBytes += count * utf8Length(meta)\n",
        replace: '',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y435',
    title: 'the deadlock search looks at the same places again for each who stands before them',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/table/session-graph.ts',
        find: ' && !looked.has(place); place = place.next',
        replace: ' && looked.size >= 0; place = place.next',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y436',
    title: 'the places in a queue do not count in a deadlock search: one long queue is walked to its end',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/table/session-graph.ts',
        find: "        if (++steps > maxSteps) return 'given-up'\n",
        replace: '',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Y440',
    title: 'a wait begins anew where the session is resumed: its node does not say what was left',
    rule: 'rule 11',
    edits: [
      {
        file: 'src/service/dialects/session-work.ts',
        find: '    if (attachment !== null) this.context.attachments.waitsLeft(attachment, this.#requests.waitsLeft())\n',
        replace: '',
      },
    ],
  },
  {
    id: 'Y441',
    title: 'a wait begins anew where the session is resumed: the leader does not say what was left',
    rule: 'rule 11',
    edits: [
      {
        file: KEEPER,
        find: 'if (waits.length > 0) this.office',
        replace: 'if (waits.length < 0) this.office',
      },
    ],
  },
  {
    id: 'Y442',
    title: 'a wait begins anew when its request is repeated',
    rule: 'rule 11',
    edits: [
      {
        file: TABLE,
        find: 'const deadline = known?.deadline ?? null\n    if (known !== undefined) known.deadline = null\n',
        replace: 'const deadline = (known?.deadline ?? null) && null\n',
      },
    ],
  },
  {
    id: 'Y443',
    title: 'a node does not believe another about what is left of a wait',
    rule: 'rule 11',
    edits: [
      {
        file: TABLE,
        find: 'if (this.deadlines.leftMs(outstanding.deadline) <= leftMs) return',
        replace: 'if (this.deadlines.leftMs(outstanding.deadline) >= 0 || leftMs < 0) return',
      },
    ],
  },
  {
    id: 'Y444',
    title: 'the state forgets what was counted of a wait',
    rule: 'rule 11',
    edits: [{ file: QUEUE, find: '  waiting.waitMs = waitMs\n', replace: '' }],
  },
  {
    id: 'Y445',
    title: 'a session that was resumed before a new leader comes to it is counted all the same',
    rule: 'rule 4',
    edits: [
      {
        file: KEEPER,
        find: 'if (view === null || view.where !== null || view.attach !== attach) return',
        replace: 'if (view === null) return',
      },
    ],
    tests: ['test/service/leases/detached-sessions.test.ts'],
  },
]
