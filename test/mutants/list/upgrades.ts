/** Bugs around an upgrade: what an operator says and hears, and bytes that other versions must be able to read. */
import type { Mutant } from '../mutant.js'

const LEVELS = 'src/service/administration/levels.ts'
const LEVEL_TESTS = ['test/service/administration/levels.test.ts']
const CLI = 'src/cli/admin/upgrade.ts'
const GOLDEN = ['test/golden']
const CLI_TESTS = ['test/cli/admin/upgrade.test.ts']

export const UPGRADES: readonly Mutant[] = [
  {
    id: 'Z201',
    title: 'a hold is called done before it is committed',
    rule: 'own',
    edits: [
      {
        file: LEVELS,
        find: '    await new Promise<void>((goOn) => clock.after(LEVEL_HOLD_POLL_MS, goOn))\n',
        replace: '    return\n',
      },
    ],
    killers: ['tests'],
    tests: LEVEL_TESTS,
  },
  {
    id: 'Z202',
    title: 'a hold that was dropped is never proposed again',
    rule: 'own',
    edits: [{ file: LEVELS, find: 'waitedMs % REPEAT_PROPOSAL_MS === 0', replace: 'waitedMs === 0' }],
    killers: ['tests'],
    tests: LEVEL_TESTS,
  },
  {
    id: 'Z203',
    title: 'a leader that was deposed goes on waiting for its hold',
    rule: 'own',
    edits: [{ file: LEVELS, find: 'if (!node.isLeader()) throw', replace: 'if (node.nodeId === null) throw' }],
    killers: ['tests'],
    tests: LEVEL_TESTS,
  },
  {
    id: 'Z204',
    title: 'who is down does not hold the level back, as tnl upgrade tells it',
    rule: 'own',
    edits: [
      { file: CLI, find: 'next !== null && (knows ?? 0) < next', replace: 'next !== null && (knows ?? next) < next' },
    ],
    killers: ['tests'],
    tests: CLI_TESTS,
  },
  {
    id: 'Z205',
    title: 'tnl upgrade finish does not wait until the level has risen',
    rule: 'own',
    edits: [
      {
        file: CLI,
        find: 'while (upgrade.next !== null && performance.now() < deadlineMs) {',
        replace: 'while (upgrade.next === null && performance.now() < deadlineMs) {',
      },
    ],
    killers: ['tests'],
    tests: CLI_TESTS,
  },
  {
    id: 'Z206',
    title: 'a command has another number than the released version gave it',
    rule: 'own',
    edits: [{ file: 'src/locks/commands/commands.ts', find: 'nodeDown: { type: 2,', replace: 'nodeDown: { type: 52,' }],
    killers: ['tests'],
    tests: GOLDEN,
  },
  {
    id: 'Z207',
    title: 'a record of the snapshot has another number than the released version gave it',
    rule: 'own',
    edits: [{ file: 'src/locks/snapshot/records.ts', find: 'session: 50,', replace: 'session: 51,' }],
    killers: ['tests'],
    tests: GOLDEN,
  },
  {
    id: 'Z208',
    title: 'a batch of commands says another version than the released one',
    rule: 'own',
    edits: [{ file: 'src/raft/node/command-batch.ts', find: 'const VERSION = 1\n', replace: 'const VERSION = 2\n' }],
    killers: ['tests'],
    tests: GOLDEN,
  },
  {
    id: 'Z209',
    title: 'the flags of a Raft message are not those of the released version',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/wire/raft-codec.ts',
        find: 'const FLAG_REJECT = 1\nconst FLAG_SNAPSHOT = 2\n',
        replace: 'const FLAG_REJECT = 2\nconst FLAG_SNAPSHOT = 1\n',
      },
    ],
    killers: ['tests'],
    tests: GOLDEN,
  },
  {
    id: 'Z210',
    title: 'the tag of a frame is not that of the released version',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/net/frame.ts',
        find: 'const TAG_BULK = 0x80\nconst TAG_MORE = 0x40\n',
        replace: 'const TAG_BULK = 0x40\nconst TAG_MORE = 0x80\n',
      },
    ],
    killers: ['tests'],
    tests: GOLDEN,
  },
  {
    id: 'Z211',
    title: 'a slot of the journal is laid out otherwise than the released version did',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/store/journal.ts',
        find: 'const BASE_AT = META_BYTES\nconst LENGTH_AT = BASE_AT + 8\nconst CHECKSUM_AT = LENGTH_AT + 4\n',
        replace: 'const LENGTH_AT = META_BYTES\nconst BASE_AT = LENGTH_AT + 4\nconst CHECKSUM_AT = BASE_AT + 8\n',
      },
    ],
    killers: ['tests'],
    tests: GOLDEN,
  },
  {
    id: 'Z212',
    title: 'the answers that a snapshot keeps are read as others',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/snapshot/answer-records.ts',
        find: "  'released',\n  'cancelled',\n",
        replace: "  'cancelled',\n  'released',\n",
      },
    ],
    killers: ['tests'],
    tests: GOLDEN,
  },
]
