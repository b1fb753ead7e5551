import { describe, expect, it } from 'vitest'
import { EMPTY_CONF_STATE, Role } from '../../../src/raft/core/types.js'
import type { NodeStatus } from '../../../src/raft/node/node-api.js'
import { successor } from '../../../src/service/administration/member-reports.js'

type Progress = NodeStatus['progress'][number]

function leader(...others: (Partial<Progress> & { nodeId: string })[]): NodeStatus {
  return {
    nodeId: 'n1',
    raftId: 1,
    clusterId: 'c',
    role: Role.leader,
    term: 2,
    leader: 'n1',
    commitIndex: 90,
    appliedIndex: 90,
    firstIndex: 1,
    lastIndex: 100,
    snapshotIndex: 0,
    confState: EMPTY_CONF_STATE,
    progress: [{ nodeId: 'n1' }, ...others].map((one) => ({ match: 100, active: true, learner: false, ...one })),
  }
}

describe('whom a leader hands over to', () => {
  it('is the voter with most of the log, and never itself', () => {
    expect(
      successor(leader({ nodeId: 'n2', match: 80 }, { nodeId: 'n3', match: 99 }, { nodeId: 'n4', match: 5 })),
    ).toBe('n3')
    expect(successor(leader({ nodeId: 'n2', match: 99 }, { nodeId: 'n3', match: 80 }))).toBe('n2')
  })

  it('is nobody out of reach, and no learner, whatever they have', () => {
    expect(
      successor(leader({ nodeId: 'n2', match: 50 }, { nodeId: 'n3', active: false }, { nodeId: 'n4', learner: true })),
    ).toBe('n2')
    expect(successor(leader({ nodeId: 'n3', active: false }, { nodeId: 'n4', learner: true }))).toBeNull()
    expect(successor(leader())).toBeNull()
  })
})
