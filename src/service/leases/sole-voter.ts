import type { NodeApi } from '../../raft/node/node-api.js'

/** True at a leader whose vote alone is a quorum: nobody else can have been elected meanwhile, also after a pause (rule 2). */
export function isSoleVoter(node: NodeApi): boolean {
  if (!node.isLeaderReady()) return false
  const status = node.status()
  if (status === null) return false
  const { raftId, confState } = status
  return confState.votersOutgoing.length === 0 && confState.voters.length === 1 && confState.voters[0] === raftId
}
