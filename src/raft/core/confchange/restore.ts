import { EMPTY_MEMBERSHIP, type InflightLimits, type Membership } from '../tracker/tracker.js'
import { type ConfChangeSingle, ConfChangeType, type ConfState, type Index, type RaftId } from '../types.js'
import { Changer } from './changer.js'

/**
 * The membership that a ConfState describes, built by the changes that lead to it, so that it passes the same checks.
 * For voters=(1 2 3) outgoing=(1 2 4): add 1, 2 and 4 one by one; then, entering the joint configuration, remove these
 * and add 1, 2 and 3.
 */
export function restore(confState: ConfState, limits: InflightLimits, lastIndex: Index): Membership {
  const { addNode, addLearnerNode, removeNode } = ConfChangeType
  const outgoing = changesOf(addNode, confState.votersOutgoing)
  const incoming = [
    ...changesOf(removeNode, confState.votersOutgoing),
    ...changesOf(addNode, confState.voters),
    ...changesOf(addLearnerNode, confState.learners),
    ...changesOf(addLearnerNode, confState.learnersNext),
  ]
  const isJoint = outgoing.length > 0
  let membership = EMPTY_MEMBERSHIP
  for (const change of isJoint ? outgoing : incoming) {
    membership = new Changer(membership, limits, lastIndex).simple([change])
  }
  return isJoint ? new Changer(membership, limits, lastIndex).enterJoint(confState.autoLeave, incoming) : membership
}

function changesOf(type: ConfChangeType, ids: readonly RaftId[]): ConfChangeSingle[] {
  return ids.map((nodeId) => ({ type, nodeId }))
}
