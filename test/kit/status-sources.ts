/** What a node says of itself, for tests of those who show it. */
import { Role } from '../../src/raft/core/types.js'
import type { NodeStatus } from '../../src/raft/node/node-api.js'
import type { StatusSources } from '../../src/service/status.js'

/** A leader that is almost caught up. */
export const LEADER: NodeStatus = {
  nodeId: 'n1',
  raftId: 1,
  clusterId: 'c',
  role: Role.leader,
  term: 7,
  leader: 'n1',
  commitIndex: 50,
  appliedIndex: 49,
  firstIndex: 1,
  lastIndex: 52,
  snapshotIndex: 0,
  confState: { voters: [1, 2], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
  progress: [{ nodeId: 'n2', match: 40, active: true, learner: false }],
}

const COUNTS = {
  locks: 3,
  sessions: 4,
  waiters: 5,
  requests: 6,
  granted: 7,
  refused: 8,
  connections: 9,
  unexamined: 10,
}

export function statusSources(change: Partial<StatusSources> = {}): StatusSources {
  return {
    maxRssKib: () => 60_000,
    uptimeSeconds: () => 12,
    nodeId: 'n1',
    node: () => LEADER,
    counts: () => COUNTS,
    leaseRemainingMs: () => 8_500,
    hasPlaces: () => true,
    authHash: () => null,
    levels: () => ({ level: 1, knows: 2, held: true }),
    members: () => [{ node: 'n1', raftId: 1, peer: 'h:1', address: 'h:2', role: 'voter', leader: true, knows: 2 }],
    ...change,
  }
}
