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
  {
    id: 'Y308',
    title: 'the hint of a dead leader is not armed again when the one that was elected has gone again',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/leader-hint.ts',
        find: 'if (this.raft.lead() !== NONE) this.#cancel()',
        replace: 'if (this.raft.lead() !== NONE) this.stop()',
      },
    ],
    tests: ['test/raft/node/leader-death.test.ts', 'test/raft/node/leader-hint.test.ts'],
  },
  {
    id: 'Y309',
    title: 'a candidate helps the next one to depose it',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/leader-hint.ts',
        find: 'if (raft.role() === Role.candidate && !this.#isBeaten) return false',
        replace: '',
      },
      {
        file: 'src/raft/node/leader-hint.ts',
        find: 'if (asksToo && raft.id < from) return false',
        replace: 'void asksToo',
      },
    ],
    tests: ['test/raft/node/leader-death.test.ts', 'test/raft/node/leader-hint.test.ts'],
  },
  {
    id: 'Y310',
    title: 'who has granted a vote campaigns itself a moment later',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/leader-hint.ts',
        find: 'this.#grantedUntilMs = this.clock.takerNow() + waitMs',
        replace: 'this.#grantedUntilMs = this.clock.takerNow()',
      },
      {
        file: 'src/raft/node/leader-hint.ts',
        find: 'if (this.#timer !== null) this.#schedule(waitMs + this.#turnMs())',
        replace: '',
      },
    ],
    tests: ['test/raft/node/leader-death.test.ts', 'test/raft/node/leader-hint.test.ts'],
  },
  {
    id: 'Y311',
    title: 'a dead leader is forgotten before its last messages are handled',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/peer-exchange.ts',
        find: 'clock.soon(() => this.#memberIsDead(raftId))',
        replace: 'this.#memberIsDead(raftId)',
      },
    ],
    tests: ['test/raft/node/leader-death.test.ts', 'test/raft/node/leader-hint.test.ts'],
  },
  {
    id: 'Y312',
    title: 'a split vote is left to the election timeout',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/leader-hint.ts',
        find: 'if (message.type === MsgType.voteResp && message.reject) this.#refused()',
        replace: '',
      },
      {
        file: 'src/raft/node/leader-hint.ts',
        find: 'if (asksToo && raft.id < from) return false',
        replace: 'void asksToo',
      },
    ],
    tests: ['test/raft/node/leader-death.test.ts', 'test/raft/node/leader-hint.test.ts'],
  },
  {
    id: 'Y313',
    title: 'a node that starts does not say where its peers find it now',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/state/epochs.ts',
        find: '  moveMember(context, node, command.peer)\n',
        replace: '',
      },
    ],
  },
  {
    id: 'Y314',
    title: 'a member is dialled only at the address that the cluster knows',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/net/peer-link.ts',
        find: 'if (failed !== undefined) this.#addresses = [...others, failed]',
        replace: 'if (failed !== undefined) this.#addresses = [failed, ...others]',
      },
    ],
  },
  {
    id: 'Y315',
    title: 'what is left of a detached session or a delay may grow again',
    rule: 'rule 4',
    edits: [
      {
        file: 'src/locks/state/sessions.ts',
        find: 'terms === null || command.leftMs >= terms.detachedForMs) return',
        replace: 'terms === null || command.leftMs === terms.detachedForMs) return',
      },
      {
        file: 'src/locks/table/ends.ts',
        find: 'if (leftMs < (hold.terms',
        replace: 'if (leftMs !== (hold.terms',
      },
    ],
  },
]
