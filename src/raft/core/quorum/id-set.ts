import type { RaftId } from '../types.js'

/**
 * A set of members: sorted ascending, without repetition, never mutated. The order makes every walk over a configuration
 * the same on all replicas, and it is the form in which a ConfState stores members.
 */
export type IdSet = readonly RaftId[]

export const EMPTY_IDS: IdSet = []

/** The set of the given ids, in whatever order and however often they come. */
export function idSet(ids: Iterable<RaftId>): IdSet {
  return [...new Set(ids)].sort((a, b) => a - b)
}

export function withId(set: IdSet, id: RaftId): IdSet {
  return set.includes(id) ? set : idSet([...set, id])
}

export function withoutId(set: IdSet, id: RaftId): IdSet {
  return set.includes(id) ? set.filter((other) => other !== id) : set
}
