/** Faults of the metrics of locks, of event streams, and of what feeds the dashboard. */
import type { Mutant } from '../mutant.js'

const HTTP = 'src/server/http'
const FEED = 'src/server/dashboard/feed.ts'
const STREAM = `${HTTP}/event-stream.ts`
const LABELLED = 'test/server/http/lock-metrics.test.ts'
const LABELS = `${HTTP}/prefix-labels.ts`

const tests = {
  rule: 'own',
  killers: ['tests'],
  tests: [
    'test/server/dashboard',
    'test/server/http/event-stream.test.ts',
    'test/server/http/streams.test.ts',
    LABELLED,
  ],
} as const

export const DASHBOARD: readonly Mutant[] = [
  {
    ...tests,
    id: 'L740',
    title: 'a dashboard that has not taken the last overview is sent the next one all the same',
    edits: [{ file: FEED, find: 'if (viewer.unsentBytes === 0) show(', replace: 'show(' }],
  },
  {
    ...tests,
    id: 'L741',
    title: 'the overview is made though nobody looks',
    edits: [
      {
        file: FEED,
        find: "    if (this.#viewers.size === 0) {\n      this.#last = ''\n      return\n    }\n",
        replace: '',
      },
      { file: FEED, find: 'if (this.#viewers.size > 0) this.#round()', replace: 'this.#round()' },
    ],
  },
  {
    ...tests,
    id: 'L742',
    title: 'a reader of a stream that stands still is never dropped',
    edits: [{ file: STREAM, find: 'this.#stuckForMs >= STREAM_STUCK_MS', replace: 'this.#stuckForMs < 0' }],
  },
  {
    ...tests,
    id: 'L743',
    title: 'a reader of a stream that is slow is dropped as though it stood still',
    edits: [{ file: STREAM, find: ' && takenBytes <= this.#takenBytes', replace: '' }],
  },
  {
    ...tests,
    id: 'L744',
    title: 'a stream names the position of a gap before all of the gap is told',
    edits: [
      {
        file: `${HTTP}/watch-stream.ts`,
        find: "action === 'gap' || action === 'lock' ? undefined : at",
        replace: "action === 'lock' ? undefined : at",
      },
    ],
  },
  {
    ...tests,
    id: 'L745',
    title: 'a browser that connects again begins where its address says, and hears the same once more',
    edits: [
      {
        file: `${HTTP}/stream-routes.ts`,
        find: "lastEventId ?? query.get('since')",
        replace: "query.get('since') ?? lastEventId",
      },
    ],
  },
  {
    ...tests,
    id: 'L746',
    title: 'clients make up as many labels of metrics as they like',
    edits: [{ file: LABELS, find: 'this.#seen.size >= METRICS_PREFIXES_MAX_COUNT', replace: 'this.#seen.size < 0' }],
  },
  {
    ...tests,
    id: 'L747',
    title: 'the shortest prefix that fits is the label, not the longest',
    edits: [{ file: LABELS, find: 'b.length - a.length', replace: 'a.length - b.length' }],
  },
  {
    ...tests,
    id: 'L748',
    title: 'each node counts what happens to a lock, so that sums are as many times too large',
    tests: ['test/service/observer.test.ts'],
    edits: [
      {
        file: 'src/service/lock-service.ts',
        find: 'if (node.isLeader()) observer.event(event)\n        else observer',
        replace: 'observer.event(event)\n        observer',
      },
    ],
  },
  {
    ...tests,
    id: 'L749',
    title: 'a lock that nobody waits for any more is shown as waited for',
    tests: ['test/service/reads/queue-walk.test.ts'],
    edits: [{ file: 'src/locks/state/state.ts', find: '    this.contended.delete(place.lock)\n', replace: '' }],
  },
]
