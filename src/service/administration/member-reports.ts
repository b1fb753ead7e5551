import type { LockMachine } from '../../locks/machine.js'
import type { NodeStatus } from '../../raft/node/node-api.js'
import type { MemberReport } from '../status.js'

/** The members as an operator wants to see them, in the order of their node ids. */
export function memberReports(machine: LockMachine, status: NodeStatus | null): MemberReport[] {
  const learners = new Set([...(status?.confState.learners ?? []), ...(status?.confState.learnersNext ?? [])])
  return machine
    .members()
    .map(({ raftId, nodeId, peerAddress }) => ({
      node: nodeId,
      raftId,
      peer: peerAddress,
      address: machine.nodeAddress(nodeId),
      role: learners.has(raftId) ? ('learner' as const) : ('voter' as const),
      leader: status?.leader === nodeId,
      knows: machine.levelOfNode(nodeId),
    }))
    .sort((a, b) => (a.node < b.node ? -1 : 1))
}

/** Whom a leader that stops hands over to: the active voter that has most of the log. */
export function successor(status: NodeStatus): string | null {
  const candidates = status.progress
    .filter(({ nodeId, active, learner }) => nodeId !== status.nodeId && active && !learner)
    .sort((a, b) => b.match - a.match)
  return candidates[0]?.nodeId ?? null
}
