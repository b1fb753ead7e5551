import type { Index, RaftId } from '../types.js'
import { type IdSet, idSet } from './id-set.js'
import { type AckedIndex, committedIndex, type VoteResult, voteResult } from './majority.js'

/**
 * The voters while the membership changes (thesis 4.3): a decision needs a majority of both sets. `outgoing` is empty
 * outside of such a change, and then `incoming` decides alone.
 */
export interface JointConfig {
  readonly incoming: IdSet
  readonly outgoing: IdSet
}

export function jointCommittedIndex(config: JointConfig, acked: AckedIndex): Index {
  return Math.min(committedIndex(config.incoming, acked), committedIndex(config.outgoing, acked))
}

export function jointVoteResult(config: JointConfig, votes: ReadonlyMap<RaftId, boolean>): VoteResult {
  const incoming = voteResult(config.incoming, votes)
  const outgoing = voteResult(config.outgoing, votes)
  if (incoming === outgoing) return incoming
  return incoming === 'lost' || outgoing === 'lost' ? 'lost' : 'pending'
}

/** All voters, of either half. */
export function jointIds(config: JointConfig): IdSet {
  return config.outgoing.length === 0 ? config.incoming : idSet([...config.incoming, ...config.outgoing])
}

export function isVoter(config: JointConfig, id: RaftId): boolean {
  return config.incoming.includes(id) || config.outgoing.includes(id)
}
