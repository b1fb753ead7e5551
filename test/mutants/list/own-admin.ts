/** Bugs of our own making in administration: what an operator may do wrong, and when a leader may judge it. */
import type { Mutant } from '../mutant.js'

export const OWN_ADMIN: readonly Mutant[] = [
  {
    id: 'X78',
    title: 'a leader changes the membership before it has applied an entry of its own term',
    rule: 'own',
    edits: [
      {
        file: 'src/service/administration/administration.ts',
        find: 'while (node.isLeader() && !node.isLeaderReady()) await',
        replace: 'while (node.isLeader() && node.isLeaderReady() === null) await',
      },
    ],
  },
  {
    id: 'X79',
    title: 'a new leader calls everybody out of reach whom it has not heard of yet',
    rule: 'own',
    edits: [
      {
        file: 'src/service/administration/administration.ts',
        find: 'if (progress.every(({ active, match }) => active && match > 0)) return',
        replace: 'if (progress.some(({ active, match }) => active && match > 0)) return',
      },
    ],
  },
  {
    id: 'X80',
    title: 'a voter is removed without whom there is no quorum',
    rule: 'own',
    edits: [
      {
        file: 'src/service/administration/administration.ts',
        find: 'if (2 * silent.length < rest.length) return',
        replace: 'if (2 * silent.length <= 2 * rest.length) return',
      },
    ],
  },
  {
    id: 'X81',
    title: 'a learner far behind becomes a voter',
    rule: 'own',
    edits: [
      {
        file: 'src/service/administration/administration.ts',
        find: 'if (lag >= PROMOTION_MAX_LAG_ENTRIES) throw',
        replace: 'if (lag >= 1_000 * PROMOTION_MAX_LAG_ENTRIES) throw',
      },
    ],
  },
  {
    id: 'X82',
    title: 'the last voter can be removed',
    rule: 'own',
    edits: [
      {
        file: 'src/service/administration/administration.ts',
        find: "if (removed.role === 'voter' && voters.length === 1)",
        replace: "if (removed.role === 'voter' && voters.length === 0)",
      },
    ],
  },
  {
    id: 'X83',
    title: 'anybody may administer',
    rule: 'own',
    edits: [
      {
        file: 'src/service/access/open-policy.ts',
        find: "if (isLocal || adminFrom === 'anywhere') return null",
        replace: 'return null',
      },
    ],
  },
  {
    id: 'X84',
    title: 'a leader that is removed does not hand over first',
    rule: 'own',
    edits: [
      {
        file: 'src/service/administration/administration.ts',
        find: 'if (isOwnEnd && (await this.#handOver())) return',
        replace: 'if (isOwnEnd && !parts && (await this.#handOver())) return',
      },
    ],
  },
  {
    id: 'L801',
    title: 'a member is added on what was known before its greeting',
    rule: 'own',
    tests: ['test/service/administration'],
    edits: [
      {
        file: 'src/service/administration/administration.ts',
        find: `    this.#checkNew(nodeId, peer)
    const place`,
        replace: `    const place`,
      },
    ],
  },
]
