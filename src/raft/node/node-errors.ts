/** How a node ends that did nothing wrong: the cluster goes on without it. */
export class RemovedFromCluster extends Error {
  override readonly name = 'RemovedFromCluster'
  readonly code = 'TNL_REMOVED'

  constructor() {
    super('this node was removed from the cluster')
  }
}

/** Why a membership change or a transfer was not begun, or not seen through. Codes of administration (docs/protocol.md). */
export const NodeRefusalReason = {
  /** This node does not lead, or has not applied an entry of its own term yet. */
  notLeader: 'not-leader',
  /** Another membership change is under way. */
  changeUnderWay: 'change-under-way',
  /** The members as they are do not allow it. */
  impossibleChange: 'impossible-change',
  /** Nobody of that name is a member. */
  notMember: 'not-member',
  notVoter: 'not-voter',
  /** It has no connection to this leader. */
  unreachable: 'unreachable',
  /** It was proposed, and nobody knows yet what became of it: ask for the members. */
  unconfirmed: 'unconfirmed',
  /** The other node did not take over within an election timeout. */
  notTakenOver: 'not-taken-over',
} as const
export type NodeRefusalReason = (typeof NodeRefusalReason)[keyof typeof NodeRefusalReason]

/** The words are for the operator. */
export class NodeRefusal extends Error {
  override readonly name = 'NodeRefusal'
  readonly code = 'TNL_REFUSED'

  constructor(
    readonly reason: NodeRefusalReason,
    message: string,
  ) {
    super(message)
  }
}
