/** Faults of leaders, disks and addresses that were mended, put back. */
import type { Mutant } from '../mutant.js'

export const MENDED_LEADER: readonly Mutant[] = [
  {
    id: 'Y301',
    title: 'a leader whose disk hangs gives way although no quorum does better',
    rule: 'Slow disks',
    edits: [
      {
        file: 'src/raft/core/stalled-leader.ts',
        find: "return jointVoteResult(voters, isAhead) === 'won' ? heir : NONE",
        replace: "return jointVoteResult(voters, isAhead) === 'won' ? heir : heir",
      },
    ],
  },
  {
    id: 'Y302',
    title: 'a leader whose disk hangs is never replaced',
    rule: 'Slow disks',
    edits: [
      {
        file: 'src/raft/node/slow-disk.ts',
        find: 'if (status.role === Role.leader) this.#giveWay(raw)',
        replace: 'if (status.role === Role.leader) this.#write += 0',
      },
    ],
  },
  {
    id: 'Y303',
    title: 'a commit from before the write was overdue counts as heard since',
    rule: 'Slow disks',
    edits: [
      {
        file: 'src/raft/node/slow-disk.ts',
        find: 'this.#commitWhenOverdue = status.commit',
        replace: 'this.#commitWhenOverdue = 0',
      },
    ],
  },
  {
    id: 'Y304',
    title: 'a node whose disk hangs campaigns, also as the heir of a transfer',
    rule: 'Slow disks',
    edits: [
      {
        file: 'src/raft/core/election.ts',
        find: 'raft.log.unstable.snapshot === null && !raft.storageStalled',
        replace: 'raft.log.unstable.snapshot === null',
      },
    ],
  },
  {
    id: 'Y305',
    title: 'a leader whose heir does not take over never steps down',
    rule: 'Slow disks',
    edits: [{ file: 'src/raft/node/slow-disk.ts', find: '      raw.stepDown()\n', replace: '' }],
  },
  {
    id: 'Y306',
    title: 'a leader whose disk hangs hands over to the voter with the least',
    rule: 'Slow disks',
    edits: [
      {
        file: 'src/raft/core/stalled-leader.ts',
        find: 'return one.match > other.match',
        replace: 'return one.match < other.match',
      },
    ],
  },
  {
    id: 'Y307',
    title: 'a node whose disk hangs for ever runs on for ever',
    rule: 'Slow disks',
    edits: [
      {
        file: 'src/raft/node/slow-disk.ts',
        find: 'this.options.onHanging(',
        replace: 'this.options.onHanging === null || String(',
      },
    ],
  },
]
