/** Bugs of membership changes. */
import type { Mutant } from '../mutant.js'

const RAFT = 'src/raft/core/raft.ts'
const PROPOSE = 'src/raft/core/propose.ts'
const JOINT = 'src/raft/core/quorum/joint.ts'
const JOINT_COMMIT = 'return Math.min(committedIndex(config.incoming, acked), committedIndex(config.outgoing, acked))'
const VERDICT = 'src/raft/node/membership/peer-verdict.ts'
const MEMBERSHIP_ROOM = 'src/raft/node/membership/membership.ts'
const NO_PENDING_CHANGE = { file: RAFT, find: '    this.pendingConfIndex = this.log.lastIndex()\n', replace: '' }

export const MEMBERSHIP: readonly Mutant[] = [
  {
    id: 'M60',
    title: 'a new leader takes a membership change before it has committed an entry of its term',
    rule: 'others',
    note: 'Changes come into force when they are applied, never on append; this is the other half of the bug.',
    edits: [
      NO_PENDING_CHANGE,
      { file: MEMBERSHIP_ROOM, find: 'if (!driver.isLeaderReady) {', replace: 'if (!driver.isLeader) {' },
    ],
  },
  {
    id: 'M61',
    title: 'a new leader does not wait for membership changes that its log may hold',
    rule: 'others',
    edits: [NO_PENDING_CHANGE],
  },
  {
    id: 'M63',
    title: 'a single voter of the new membership commits alone, without the old one',
    rule: 'others',
    edits: [
      {
        file: JOINT,
        find: JOINT_COMMIT,
        replace: `if (config.incoming.length === 1) return committedIndex(config.incoming, acked)
  ${JOINT_COMMIT}`,
      },
    ],
  },
  {
    id: 'M63b',
    title: 'while the membership changes, the new one commits alone',
    rule: 'others',
    edits: [{ file: JOINT, find: JOINT_COMMIT, replace: 'return committedIndex(config.incoming, acked)' }],
  },
  {
    id: 'M64',
    title: 'a removed leader leads on and counts itself',
    rule: 'others',
    edits: [
      {
        file: RAFT,
        find: "import { ProgressTracker } from './tracker/tracker.js'",
        replace: `import { withId } from './quorum/id-set.js'
import { jointCommittedIndex } from './quorum/joint.js'
import { ProgressTracker } from './tracker/tracker.js'`,
      },
      {
        file: RAFT,
        find: '    const advanced = this.log.maybeCommit(this.tracker.committed(), this.term)',
        replace: `    const { incoming, outgoing } = this.tracker.config.voters
    const matchOf = (id: RaftId) => this.tracker.progress.get(id)?.match ?? (id === this.id ? this.log.lastIndex() : 0)
    const committed = jointCommittedIndex({ incoming: withId(incoming, this.id), outgoing }, matchOf)
    const advanced = this.log.maybeCommit(committed, this.term)`,
      },
      {
        file: 'src/raft/core/conf-apply.ts',
        find: 'if (raft.config.stepDownOnRemoval) raft.becomeFollower',
        replace: 'if (raft.term < 0) raft.becomeFollower',
      },
      {
        file: PROPOSE,
        find: 'if (!raft.tracker.progress.has(raft.id)) return Refusal.proposalDropped',
        replace: '',
      },
    ],
  },
  {
    id: 'M65',
    title: 'the end of a joint membership is proposed with every applied entry, again and again',
    rule: 'others',
    edits: [
      {
        file: 'src/raft/core/apply.ts',
        find: 'raft.tracker.config.autoLeave && applied >= raft.pendingConfIndex) {',
        replace: 'raft.tracker.config.autoLeave) {',
      },
      {
        file: PROPOSE,
        find: 'if (raft.pendingConfIndex > raft.log.applied) {',
        replace: 'if (raft.pendingConfIndex > raft.log.applied && !wantsLeave) {',
      },
    ],
  },
  {
    id: 'M67',
    title: 'a membership change is reported as done when it is proposed, by a leader that may be cut off',
    rule: 'others',
    edits: [
      {
        file: MEMBERSHIP_ROOM,
        find: `      if (raw.proposeConfChange(change) !== null) this.#change.leadershipLost()
    })
    await done`,
        replace: `      if (raw.proposeConfChange(change) !== null) this.#change.leadershipLost()
    })
    done.catch(() => undefined)`,
      },
    ],
  },
  {
    id: 'M68',
    title: 'a truncated membership change stays in force',
    rule: 'others',
    notApplicable:
      'A membership change comes into force when its entry is applied, so it is committed and cannot be truncated.',
  },
  {
    id: 'T990',
    title: 'a follower lets a former member in whose name a later one has',
    rule: 'own',
    edits: [{ file: VERDICT, find: 'member !== null && member.raftId > peer.raftId', replace: 'false' }],
    tests: ['test/raft/node/former-members.test.ts'],
  },
  {
    id: 'T991',
    title: 'a follower that a quorum has told who is a member lets in who is none',
    rule: 'own',
    edits: [
      { file: VERDICT, find: "if (self.leads || knowledge === 'sure') return", replace: 'if (self.leads) return' },
    ],
    tests: ['test/raft/node/former-members.test.ts'],
  },
  {
    id: 'T992',
    title: 'who was let in while nobody led stays when somebody leads',
    rule: 'own',
    edits: [
      {
        file: MEMBERSHIP_ROOM,
        find: 'if (leader !== null && !isSelf) this.#peers',
        replace: 'if (isSelf) this.#peers',
      },
    ],
    tests: ['test/raft/node/former-members.test.ts'],
  },
  {
    id: 'T993',
    title: 'who was let in before a quorum had answered stays when it has',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/membership/certainty.ts',
        find: 'if (isSure) this.becameSure()',
        replace: 'if (!isSure) this.becameSure()',
      },
    ],
    tests: ['test/raft/node/former-members.test.ts'],
  },
]
