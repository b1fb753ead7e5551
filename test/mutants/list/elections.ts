/** Bugs of elections and votes. */
import type { Mutant } from '../mutant.js'

const LOG = 'src/raft/core/log/raft-log.ts'
const RAFT = 'src/raft/core/raft.ts'
const ELECTION = 'src/raft/core/election.ts'
const STEP = 'src/raft/core/step.ts'
const UP_TO_DATE = 'return lastTerm > ours || (lastTerm === ours && lastIndex >= this.lastIndex())'

export const ELECTIONS: readonly Mutant[] = [
  {
    id: 'M01',
    title: 'commits by the count of replicas alone, entries of earlier terms too',
    rule: 'others',
    edits: [
      {
        file: LOG,
        find: 'if (index <= this.committed || term === 0 || !this.matchTerm(index, term)) return false',
        replace: 'if (index <= this.committed || term === 0) return false',
      },
    ],
  },
  {
    id: 'M02',
    title: 'a vote is told before it is durable',
    rule: 'others',
    edits: [
      {
        file: RAFT,
        find: 'if (this.#awaitsStorage(m.type)) return this.messagesAfterAppend',
        replace:
          'if (this.#awaitsStorage(m.type) && (m.type !== MsgType.voteResp || m.to === this.id)) return this.messagesAfterAppend',
      },
    ],
  },
  {
    id: 'M03',
    title: 'vote and term are stored by two writes, the vote first',
    rule: 'others',
    edits: [
      {
        file: 'src/raft/store/level-log-store.ts',
        find: '      await this.#write(this.#parts.image.planAppend(batch, cut))',
        replace: `      const { term, commit } = this.#parts.image.meta.hardState
      if (batch.hardState !== null && batch.hardState.term > term && batch.hardState.vote !== 0) {
        const half = { hardState: { term, vote: batch.hardState.vote, commit }, entries: [], mustSync: true }
        await this.#write(this.#parts.image.planAppend(half, null))
      }
      await this.#write(this.#parts.image.planAppend(batch, cut))`,
      },
      {
        file: 'src/raft/store/log-image.ts',
        find: 'next.term > term || vote === 0 || next.vote === vote,',
        replace: 'next.term >= term,',
      },
    ],
  },
  {
    id: 'M04',
    title: 'a change of role within a term forgets the vote',
    rule: 'others',
    edits: [
      {
        file: RAFT,
        find: `      this.term = term
      this.vote = NONE
    }`,
        replace: `      this.term = term
    }
    this.vote = NONE`,
      },
    ],
  },
  {
    id: 'M06',
    title: 'votes are counted, not kept by voter: a repeated answer counts twice',
    rule: 'others',
    edits: [
      {
        file: 'src/raft/core/tracker/tracker.ts',
        find: 'if (!this.votes.has(id)) this.votes.set(id, granted)',
        replace: `const voter = this.votes.has(id) ? this.voterNodes().find((other) => !this.votes.has(other)) : id
    if (voter !== undefined) this.votes.set(voter, granted)`,
      },
    ],
  },
  {
    id: 'M07',
    title: 'votes of members that are no voters count',
    rule: 'others',
    edits: [
      {
        file: 'src/raft/core/quorum/majority.ts',
        find: `  let missing = 0
  for (const id of voters) {
    const vote = votes.get(id)
    if (vote === undefined) missing++
    else if (vote) granted++
  }`,
        replace: `  for (const vote of votes.values()) if (vote) granted++
  const missing = Math.max(0, voters.length - votes.size)`,
      },
    ],
  },
  {
    id: 'M08',
    title: 'the same vote is not given again when its answer was lost',
    rule: 'others',
    edits: [
      {
        file: ELECTION,
        find: 'raft.vote === m.from || (raft.vote === NONE && raft.lead === NONE)',
        replace: '(raft.vote === NONE && raft.lead === NONE)',
      },
    ],
  },
  {
    id: 'M09',
    title: 'term and index of the last entries are compared one by one: of two logs neither may win',
    rule: 'others',
    edits: [{ file: LOG, find: UP_TO_DATE, replace: 'return lastTerm >= ours && lastIndex >= this.lastIndex()' }],
  },
  {
    id: 'M10',
    title: 'the longer log wins, whatever its last term',
    rule: 'others',
    edits: [
      {
        file: LOG,
        find: UP_TO_DATE,
        replace: 'return lastIndex > this.lastIndex() || (lastIndex === this.lastIndex() && lastTerm >= ours)',
      },
    ],
  },
  {
    id: 'M12',
    title: 'a granted pre-vote is answered with the own term, not the one asked for',
    rule: 'others',
    edits: [{ file: ELECTION, find: 'answer.term = grant ? m.term : raft.term', replace: 'answer.term = raft.term' }],
  },
  {
    id: 'M13',
    title: 'a pre-vote of a lower term gets no answer',
    rule: 'others',
    edits: [
      {
        file: STEP,
        find: 'raft.send(message(MsgType.preVoteResp, m.from, NONE, { term: raft.term, reject: true }))',
        replace: 'return',
      },
    ],
  },
  {
    id: 'M14',
    title: 'the higher term of a refused pre-vote is not learnt',
    rule: 'others',
    edits: [
      {
        file: STEP,
        find: 'if (m.type === MsgType.preVoteResp && !m.reject) return',
        replace: 'if (m.type === MsgType.preVoteResp) return',
      },
    ],
  },
  {
    id: 'M15',
    title: 'the target of a transfer campaigns although a committed membership change is not applied yet',
    rule: 'others',
    edits: [
      {
        file: ELECTION,
        find: '} else if (hasUnappliedConfChanges(raft)) {',
        replace: '} else if (campaignType !== Campaign.transfer && hasUnappliedConfChanges(raft)) {',
      },
    ],
  },
  {
    id: 'M16',
    title: 'a learner, or who thinks that it is one, refuses to vote',
    rule: 'others',
    edits: [
      {
        file: ELECTION,
        find: 'const grant = canVote && raft.log',
        replace: 'const grant = !raft.isLearner && canVote && raft.log',
      },
    ],
  },
  {
    id: 'M17',
    title: 'followers do not stand by a leader that they hear: any candidate may raise the term',
    rule: 'others',
    edits: [
      {
        file: STEP,
        find: 'raft.electionElapsed < raft.config.electionTick',
        replace: 'raft.electionElapsed < 0',
      },
    ],
  },
  {
    id: 'M18',
    title: 'a leader without a quorum goes on sending heartbeats, and its followers stand by it',
    rule: 'others',
    edits: [
      {
        file: 'src/raft/core/tick.ts',
        find: 'if (raft.config.checkQuorum) step(',
        replace: 'if (raft.config.checkQuorum && raft.role !== Role.leader) step(',
      },
    ],
  },
  {
    id: 'M19',
    title: 'a refused vote request resets the election timer',
    rule: 'others',
    edits: [
      {
        file: ELECTION,
        find: `  raft.send(answer)
  if (grant && !isPreVote) {`,
        replace: `  raft.send(answer)
  raft.electionElapsed = 0
  if (grant && !isPreVote) {`,
      },
    ],
  },
]
