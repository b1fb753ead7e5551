/** Faults of the node around its log: what it ends with, what wakes it, how it reads. */
import type { Mutant } from '../mutant.js'

const LOOKS = 'src/raft/ports/looks-first.ts'
const LOOKS_TESTS = ['test/raft/ports/looks-first.test.ts']
const READS = 'src/raft/node/reads/reads.ts'

export const NODE_ROOM: readonly Mutant[] = [
  {
    id: 'Z501',
    title: 'a node that was removed from the cluster ends as if it had failed',
    rule: 'own',
    edits: [{ file: 'src/server/exit-status.ts', find: '  [RemovedFromCluster, ExitCode.ok],\n', replace: '' }],
    killers: ['tests'],
    tests: ['test/server/exit-status.test.ts'],
  },
  {
    id: 'Z502',
    title: 'a second process of a node ends with a status after which it is started again',
    rule: 'rule 1',
    edits: [{ file: 'src/server/exit-status.ts', find: '  [TwinError, ExitCode.damaged],\n', replace: '' }],
    killers: ['tests'],
    tests: ['test/server/exit-status.test.ts'],
  },
  {
    id: 'Z503',
    title: 'a disk that has answered wakes a node that does not look at the clock',
    rule: 'rule 7',
    edits: [
      {
        file: LOOKS,
        find: '    append: (batch) => first(store.append(batch)),',
        replace: '    append: (batch) => store.append(batch),',
      },
    ],
    killers: ['tests'],
    tests: LOOKS_TESTS,
  },
  {
    id: 'Z504',
    title: 'a frame of a peer is read before the clock is looked at',
    rule: 'rule 7',
    edits: [
      {
        file: LOOKS,
        find: 'onFrame: first((from, kind, payload) => handlers.onFrame(from, kind, payload)),',
        replace: 'onFrame: (from, kind, payload) => handlers.onFrame(from, kind, payload),',
      },
    ],
    killers: ['tests'],
    tests: LOOKS_TESTS,
  },
  {
    id: 'Z505',
    title: 'a timer fires before the clock is looked at',
    rule: 'rule 7',
    edits: [{ file: LOOKS, find: '    look()\n    if (!isCancelled) run()', replace: '    if (!isCancelled) run()' }],
    killers: ['tests'],
    tests: LOOKS_TESTS,
  },
  {
    id: 'Z506',
    title: 'a timer runs though the look with which it began has cancelled it',
    rule: 'own',
    edits: [{ file: LOOKS, find: '    if (!isCancelled) run()', replace: '    run()' }],
    killers: ['tests'],
    tests: LOOKS_TESTS,
  },
  {
    id: 'Z510',
    title: 'a read is answered before what its quorum confirmed is applied here',
    rule: 'rule 8',
    edits: [
      {
        file: READS,
        find: 'const due = this.#confirmed.filter((round) => round.index <= index)',
        replace: 'const due = this.#confirmed.filter((round) => round.index >= 0)',
      },
    ],
  },
  {
    id: 'Z511',
    title: 'a read joins a round that began before it was asked',
    rule: 'rule 8',
    edits: [
      {
        file: READS,
        find: '    this.#waiting.push({ done,',
        replace: '    ;(this.#round?.questions ?? this.#waiting).push({ done,',
      },
    ],
  },
  {
    id: 'Z512',
    title: 'a read whose answer is lost is not asked again',
    rule: 'own',
    edits: [
      {
        file: READS,
        find: 'else if (round.askedAtMs !== null && now - round.askedAtMs >= READ_RETRY_MS) round.askedAtMs = null',
        replace: '',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Z513',
    title: 'a read that nobody confirms waits for ever',
    rule: 'own',
    edits: [
      { file: READS, find: '  if (first === 0) return questions\n', replace: '  if (first < 1) return questions\n' },
    ],
  },
  {
    id: 'Z514',
    title: 'reads pile up without a bound',
    rule: 'own',
    edits: [
      {
        file: READS,
        find: 'if (this.#stopped || this.#count >= READS_WAITING_COUNT) {',
        replace: 'if (this.#stopped || READS_WAITING_COUNT === 0) {',
      },
    ],
    killers: ['tests'],
  },
  {
    id: 'Z515',
    title: 'a read that was asked of a leader waits for it though another one leads',
    rule: 'own',
    edits: [{ file: READS, find: 'if (this.#round !== null) this.#round.askedAtMs = null', replace: '' }],
    killers: ['tests'],
  },
  {
    id: 'Z516',
    title: 'an operator who waits for a member to catch up is told at once that it has not',
    rule: 'own',
    edits: [
      {
        file: 'src/protocol/admin-codes.ts',
        find: '  behind: { again: true },',
        replace: '  behind: { again: false },',
      },
    ],
    killers: ['tests'],
    tests: ['test/protocol/admin-codes.test.ts'],
  },
  {
    id: 'Z517',
    title: 'whatever Raft refuses of an administration has one code',
    rule: 'own',
    edits: [
      {
        file: 'src/service/administration/administration.ts',
        find: 'if (error instanceof NodeRefusal) return refusal(error.reason, error.message)',
        replace: "if (error instanceof NodeRefusal) return refusal('failed', error.message)",
      },
    ],
    killers: ['tests'],
    tests: ['test/service/administration/administration.test.ts'],
  },
]
