/** Saved snapshots, and clusters that begin from one (ADR 32). */
import type { Mutant } from '../mutant.js'

const BEGIN_AGAIN = 'src/locks/state/begin-again.ts'
const BEGIN_AGAIN_TESTS = ['test/locks/service/begin-again.test.ts']
const BOOTSTRAP = 'src/raft/node/membership/bootstrap.ts'
const SEEDS_TESTS = ['test/raft/node/seeds.test.ts']
const SEED_TESTS = ['test/raft/store/seed.test.ts']
const SENDS = 'src/service/reads/snapshot-sends.ts'
const SENDS_TESTS = ['test/service/reads/snapshot-sends.test.ts']

export const SAVED_SNAPSHOTS: readonly Mutant[] = [
  {
    id: 'L750',
    title: 'tokens of a restored cluster go on behind those that were saved, not behind those that were given',
    rule: 'Sessions',
    edits: [
      {
        file: BEGIN_AGAIN,
        find: 'Math.max(state.counter + 1, genesis.createdUnixSeconds * COUNTER_STEPS_PER_SECOND)',
        replace: 'state.counter + 1 + 0 * COUNTER_STEPS_PER_SECOND',
      },
    ],
    killers: ['tests'],
    tests: BEGIN_AGAIN_TESTS,
  },
  {
    id: 'L751',
    title: 'a clock that is behind the saved counter takes the tokens of a restored cluster back',
    rule: 'Sessions',
    edits: [
      {
        file: BEGIN_AGAIN,
        find: 'Math.max(state.counter + 1, genesis.createdUnixSeconds * COUNTER_STEPS_PER_SECOND)',
        replace: 'genesis.createdUnixSeconds * COUNTER_STEPS_PER_SECOND',
      },
    ],
    killers: ['tests'],
    tests: BEGIN_AGAIN_TESTS,
  },
  {
    id: 'L752',
    title: 'what the saved sessions held is granted to those who waited for it',
    rule: 'Sessions',
    edits: [
      {
        file: BEGIN_AGAIN,
        find: '  for (const request of [...state.requests]) leaveQueues(context, request)\n',
        replace: '  if (state.requests.size < 0) leaveQueues(context, [...state.requests][0] as never)\n',
      },
    ],
    killers: ['tests'],
    tests: BEGIN_AGAIN_TESTS,
  },
  {
    id: 'L753',
    title: 'a seed is written under its name from the start',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/store/seed.ts',
        find: 'const temporary = join(directory, SEED_TEMPORARY_FILE)',
        replace: 'const temporary = join(directory, SEED_TEMPORARY_FILE && SEED_FILE)',
      },
    ],
    killers: ['tests'],
    tests: SEED_TESTS,
  },
  {
    id: 'L754',
    title: 'a seed is begun with although the directory has an identity',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/store/open-store.ts',
        find: 'if (store.loaded.identity === null) store.seed',
        replace: 'if (store.loaded.identity === null || hasToBegin) store.seed',
      },
      {
        file: 'src/raft/store/open-store.ts',
        find: '/** Who has an identity has begun with it:',
        replace: 'const hasToBegin = true\n\n/** Who has an identity has begun with it:',
      },
    ],
    killers: ['tests'],
    tests: SEED_TESTS,
  },
  {
    id: 'L755',
    title: 'a directory with a seed looks like any new one to a program that knows no seeds',
    rule: 'Versions',
    edits: [
      {
        file: 'src/raft/store/data-directory.ts',
        find: 'formatOfLevel(names.includes(SEED_FILE) ? SERVICE_LEVEL : BASE_LEVEL)',
        replace: 'formatOfLevel(names.includes(SEED_FILE) && SERVICE_LEVEL < 0 ? SERVICE_LEVEL : BASE_LEVEL)',
      },
    ],
    killers: ['tests'],
    tests: SEED_TESTS,
  },
  {
    id: 'L756',
    title: 'a node with a seed forms a cluster with a founder that has another one, or none',
    rule: 'Consensus',
    edits: [
      {
        file: BOOTSTRAP,
        find: 'if (listHash !== this.deps.listHash) return false',
        replace: 'if (listHash === null) return false',
      },
    ],
    killers: ['tests'],
    tests: SEEDS_TESTS,
  },
  {
    id: 'L757',
    title: 'a node lets a restored cluster begin with tokens that its former directory knows of',
    rule: 'Sessions',
    edits: [
      {
        file: BOOTSTRAP,
        find: 'if (createdUnixSeconds >= seed.leastUnixSeconds) return true',
        replace: 'if (createdUnixSeconds >= 0) return true',
      },
    ],
    killers: ['tests'],
    tests: SEEDS_TESTS,
  },
  {
    id: 'L758',
    title: 'a snapshot waits for a reader that stands still for as long as that lives',
    rule: 'own',
    edits: [
      {
        file: SENDS,
        find: 'if (send.waitedMs > SNAPSHOT_STALLED_MS) {',
        replace: 'if (send.waitedMs < SNAPSHOT_STALLED_MS - SNAPSHOT_STALLED_MS) {',
      },
    ],
    killers: ['tests'],
    tests: SENDS_TESTS,
  },
  {
    id: 'L759',
    title: 'the file of a snapshot stays open when its reader went away before it was made',
    rule: 'own',
    edits: [
      {
        file: SENDS,
        find: '      if (send.isOver) {\n        this.#close(send)\n        return\n      }\n      order.begin',
        replace: '      if (send.isOver) return\n      order.begin',
      },
    ],
    killers: ['tests'],
    tests: SENDS_TESTS,
  },
]
