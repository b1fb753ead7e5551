import type { Index, RaftId } from '../types.js'
import type { IdSet } from './id-set.js'

/** `pending`: votes that are still missing can decide it either way. */
export type VoteResult = 'won' | 'lost' | 'pending'

/** The highest index that a voter has acknowledged as durable; undefined when it never reported. */
export type AckedIndex = (id: RaftId) => Index | undefined

/** Voter counts up to this one are computed without allocating: it happens at every acknowledgement of every entry. */
const SCRATCH_VOTERS = 7
const scratch: Index[] = new Array<Index>(SCRATCH_VOTERS).fill(0)

/**
 * The highest index that a majority of `voters` has acknowledged. Infinity without voters, so that the empty half of a
 * joint configuration never holds back the other half.
 */
export function committedIndex(voters: IdSet, acked: AckedIndex): Index {
  const count = voters.length
  if (count === 0) return Number.POSITIVE_INFINITY
  const ascending = count <= SCRATCH_VOTERS ? scratch : new Array<Index>(count).fill(0)
  for (let filled = 0; filled < count; filled++) {
    const index = acked(voters[filled] as RaftId) ?? 0
    // Insertion sort: `Array.sort` would allocate, and would sort what earlier calls left behind in the scratch.
    let slot = filled
    for (; slot > 0 && (ascending[slot - 1] as Index) > index; slot--) ascending[slot] = ascending[slot - 1] as Index
    ascending[slot] = index
  }
  return ascending[count - majority(count)] as Index
}

/** Whether a majority of `voters` said yes, or can no longer say yes. Votes of others do not count. No voters: won. */
export function voteResult(voters: IdSet, votes: ReadonlyMap<RaftId, boolean>): VoteResult {
  if (voters.length === 0) return 'won'
  let granted = 0
  let missing = 0
  for (const id of voters) {
    const vote = votes.get(id)
    if (vote === undefined) missing++
    else if (vote) granted++
  }
  const needed = majority(voters.length)
  if (granted >= needed) return 'won'
  return granted + missing >= needed ? 'pending' : 'lost'
}

function majority(voters: number): number {
  return Math.floor(voters / 2) + 1
}
