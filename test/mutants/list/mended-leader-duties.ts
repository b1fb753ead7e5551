/** Faults of what only a leader does, of administration and of rare rules of the core, put back. */
import type { Mutant } from '../mutant.js'

export const MENDED_LEADER_DUTIES: readonly Mutant[] = [
  {
    id: 'Y316',
    title: 'the end of a detached session is proposed only once',
    rule: 'rule 4',
    edits: [
      {
        file: 'src/service/leases/detached-sessions.ts',
        find: 'this.#counted.get(session)?.deadlines.push(this.#deadlines.add(due, REPEAT_PROPOSAL_MS))',
        replace: '',
      },
    ],
  },
  {
    id: 'Y317',
    title: 'the end of a delay is proposed only once',
    rule: 'rule 4',
    edits: [
      {
        file: 'src/service/leases/overdue.ts',
        find: '      this.#underWay.set(item, now)\n      propose(item)\n',
        replace: '',
      },
    ],
  },
  {
    id: 'Y318',
    title: 'the end of an epoch is proposed only once',
    rule: 'rule 3',
    edits: [
      {
        file: 'src/service/leases/epoch-expiry.ts',
        find: 'if (now - this.#countedFrom(epoch) < state.nodeLeaseMs) continue',
        replace: 'if (now - this.#countedFrom(epoch) < state.nodeLeaseMs || this.#endProposed.has(epoch)) continue',
      },
    ],
  },
  {
    id: 'Y319',
    title: 'each leader counts the time of a detached session from the beginning',
    rule: 'rule 4',
    edits: [
      {
        file: 'src/service/leases/checkpoints.ts',
        find: 'if (this.#mayPropose()) this.propose(countdown.item, leftMs)',
        replace: '',
      },
    ],
  },
  {
    id: 'Y320',
    title: 'a sweep that was dropped is not proposed again while nothing else is applied',
    rule: 'rule 3',
    edits: [
      {
        file: 'src/service/leases/sweeping.ts',
        find: 'const isUnderWay = applied === this.#sweptAt && clock.takerNow() - this.#sweptAtMs < REPEAT_PROPOSAL_MS',
        replace: 'const isUnderWay = applied === this.#sweptAt',
      },
    ],
  },
  {
    id: 'Y321',
    title: 'what a leader proposes when it hands over comes too late',
    rule: 'rule 4',
    edits: [
      {
        file: 'src/raft/node/membership/membership.ts',
        find: 'clock.soon(() => driver.act((raw) => driver.isLeader && raw.transferLeader(raftId)))',
        replace: 'driver.act((raw) => raw.transferLeader(raftId))',
      },
    ],
  },
  {
    id: 'Y322',
    title: 'the time of a forwarded administration request runs out although it was answered',
    rule: 'own',
    edits: [
      { file: 'src/service/administration/administration.ts', find: '      waiting.timer.cancel()\n', replace: '' },
    ],
  },
  {
    id: 'Y323',
    title: 'a leader that stops hands over to the voter with the least',
    rule: 'own',
    edits: [
      {
        file: 'src/service/administration/member-reports.ts',
        find: '.sort((a, b) => b.match - a.match)',
        replace: '.sort((a, b) => a.match - b.match)',
      },
    ],
  },
  {
    id: 'Y324',
    title: 'a leader that stops hands over to a voter out of reach',
    rule: 'own',
    edits: [
      {
        file: 'src/service/administration/member-reports.ts',
        find: 'nodeId !== status.nodeId && active && !learner',
        replace: 'nodeId !== status.nodeId && !learner',
      },
    ],
  },
  {
    id: 'Y325',
    title: 'a leader begins to hand over to whom it cannot reach, and takes no proposals meanwhile',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/membership/membership.ts',
        find: 'if (!transport.isUp(to)) throw',
        replace: "if (to === '') throw",
      },
    ],
  },
  {
    id: 'Y326',
    title: 'checkpoints of many detached sessions are not left out',
    rule: 'rule 4',
    edits: [
      {
        file: 'src/service/leases/checkpoints.ts',
        find: 'return this.#proposedInSecond++ < CHECKPOINTS_PER_SECOND_COUNT',
        replace: 'return this.#proposedInSecond++ < CHECKPOINTS_PER_SECOND_COUNT ** 2',
      },
    ],
  },
  {
    id: 'Y327',
    title: "a new member may be said to live at another member's address, or everywhere",
    rule: 'own',
    edits: [
      {
        file: 'src/service/administration/new-address.ts',
        find: 'if (isWildcardHost(host)) refuse(',
        replace: 'if (isWildcardHost(host)) String(',
      },
      {
        file: 'src/service/administration/new-address.ts',
        find: 'if (taken !== undefined) refuse(',
        replace: 'if (taken !== undefined) String(',
      },
    ],
    tests: ['test/service/administration/new-address.test.ts'],
  },
  {
    id: 'Y328',
    title: 'nobody looks who answers at the address of a new member',
    rule: 'own',
    edits: [
      {
        file: 'src/service/administration/administration.ts',
        find: 'const note = judgeGreeting(nodeId, address, clusterId, await greet(address))',
        replace:
          'const note = address === clusterId ? judgeGreeting(nodeId, address, clusterId, await greet(address)) : null',
      },
    ],
    tests: ['test/service/administration/new-address.test.ts'],
  },
  {
    id: 'Y330',
    title: 'in a joint membership the votes of its new half suffice',
    rule: 'others',
    edits: [
      {
        file: 'src/raft/core/quorum/joint.ts',
        find: 'const outgoing = voteResult(config.outgoing, votes)',
        replace: 'const outgoing = incoming',
      },
    ],
  },
  {
    id: 'Y331',
    title: 'a snapshot replaces a log that has its entries already, with all that follows them',
    rule: 'others',
    edits: [
      {
        file: 'src/raft/core/restore-snapshot.ts',
        find: 'if (log.matchTerm(index, term)) {',
        replace: 'if (log.matchTerm(index, term) && index === log.lastIndex()) {',
      },
    ],
  },
  {
    id: 'Y332',
    title: 'the number of a read is given again when no read waits',
    rule: 'I9',
    edits: [
      {
        file: 'src/raft/core/read-only.ts',
        find: '    this.#confirmed = confirmed\n',
        replace: '    this.#confirmed = this.#unconfirmed.length === 0 ? 0 : confirmed\n',
      },
    ],
    killers: ['simulator'],
  },
]
