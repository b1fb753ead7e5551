/** What is left of a lost majority (ADR 42), and the spans of the library. */
import { edit, type Mutant } from '../mutant.js'

const REPLAY = 'src/raft/node/replay.ts'
const replayed = { rule: 'own', killers: ['tests'], tests: ['test/raft/node/replay.test.ts'] } as const
const traced = { rule: 'own', killers: ['tests'], tests: ['test/client/tracing.test.ts'] } as const

export const RECOVERY_AND_TRACES: readonly Mutant[] = [
  {
    ...replayed,
    id: 'T900',
    title: 'recover leaves out what is not known to be committed, and with it what was answered',
    edits: [
      edit(
        REPLAY,
        '    if (entry.index <= snapshot.index) continue\n',
        '    if (entry.index <= snapshot.index) continue\n    if (entry.index > store.loaded.hardState.commit) break\n',
      ),
    ],
  },
  {
    ...replayed,
    id: 'T901',
    title: 'recover does not follow membership changes',
    edits: [edit(REPLAY, 'membership = membershipAfter(', 'void membershipAfter(')],
  },
  {
    rule: 'own',
    id: 'T905',
    title: 'a backup that its reader gave up counts as one',
    killers: ['tests'],
    tests: ['test/service/reads/snapshot-sends.test.ts'],
    edits: [
      edit(
        'src/service/reads/snapshot-sends.ts',
        '    send.isOver = true\n    send.timer?.cancel()\n',
        '    send.isOver = true\n    this.#lastSentWallMs = this.clock.wallNow()\n    send.timer?.cancel()\n',
      ),
    ],
  },
  {
    ...traced,
    id: 'T902',
    title: 'a trace is put into metadata that somebody wrote',
    edits: [
      edit(
        'src/client/tracing/traceparent.ts',
        'if (fields === null || KEY in fields) return metadata',
        "if (fields === null) return [metadata, ' ', KEY, '=', traceparent].join('')",
      ),
    ],
  },
  {
    ...traced,
    id: 'T903',
    title: 'the span of a hold does not end with the lock',
    edits: [edit('src/client/lock.ts', '      this.trace?.released()\n', '')],
  },
  {
    ...traced,
    id: 'T904',
    title: 'what is done under a lock is not in its span',
    edits: [edit('src/client/client.ts', 'lock.trace === null ? run() : lock.trace.run(run)', 'run()')],
  },
]
