/** The state that a cluster begins with. */
import type { NodeId } from '../commands/commands.js'
import { COUNTER_STEPS_PER_SECOND } from '../limits.js'
import { LockState } from './state.js'

/** What the cluster was formed with; the first state of every node, replaced by any snapshot. */
export interface Genesis {
  readonly clusterId: string
  readonly nodeLeaseMs: number
  readonly createdUnixSeconds: number
  readonly members: readonly { readonly raftId: number; readonly nodeId: NodeId; readonly peerAddress: string }[]
}

export function stateFromGenesis(genesis: Genesis): LockState {
  const state = new LockState()
  state.clusterId = genesis.clusterId
  state.nodeLeaseMs = genesis.nodeLeaseMs
  state.counter = genesis.createdUnixSeconds * COUNTER_STEPS_PER_SECOND
  for (const member of genesis.members) state.members.set(member.raftId, { ...member, memberUid: '' })
  return state
}
