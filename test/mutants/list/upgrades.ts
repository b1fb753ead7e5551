/** Bugs around an upgrade: what an operator says and hears, and bytes that other versions must be able to read. */
import type { Mutant } from '../mutant.js'

const LEVELS = 'src/service/administration/levels.ts'
const LEVEL_TESTS = ['test/service/administration/levels.test.ts']
const CLI = 'src/cli/admin/upgrade.ts'
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
]
