import type { MemoryStorage } from '../core/log/memory-storage.js'
import type { RawNode } from '../core/raw-node.js'
import { type Index, NONE } from '../core/types.js'
import type { Identity } from '../ports/store.js'
import type { MemberAddresses } from './membership/member-addresses.js'
import type { NodeStatus } from './node-api.js'
import type { RaftDriver } from './raft-driver.js'

interface NodeParts {
  readonly identity: Identity
  readonly addresses: MemberAddresses
  readonly driver: RaftDriver
  readonly raw: RawNode
  /** What is stored. */
  readonly window: MemoryStorage
}

/** How a running node stands, in the words of node ids. */
export function describeNode(
  { identity, addresses, driver, raw, window }: NodeParts,
  snapshotIndex: Index,
): NodeStatus {
  const { nodeId, raftId, clusterId } = identity
  const status = raw.status()
  const progress = [...status.progress].map(([id, { match, recentActive, isLearner }]) => ({
    nodeId: addresses.nodeId(id) ?? String(id),
    match,
    active: recentActive || id === raftId,
    learner: isLearner,
  }))
  return {
    nodeId,
    raftId,
    clusterId,
    role: driver.role,
    term: driver.term,
    leader: driver.lead === NONE ? null : addresses.nodeId(driver.lead),
    commitIndex: status.commit,
    appliedIndex: driver.appliedIndex,
    firstIndex: window.firstIndex(),
    lastIndex: window.lastIndex(),
    snapshotIndex,
    confState: driver.confState,
    progress,
  }
}
