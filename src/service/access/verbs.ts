/** What may be allowed to somebody: of locks, by the beginnings of their names, and of the cluster as a whole. */

/**
 * `lock`: take, wait for and give back locks of one's own. `see`: who has them, who waits, what happened; in listings, watches,
 * metrics and on the dashboard too. `break`: what is done to other people's locks: force-release, resize, freeze, thaw, forget.
 */
export const LOCK_VERBS = ['lock', 'see', 'break'] as const
export type LockVerb = (typeof LOCK_VERBS)[number]

/** `members`: add, promote, remove, upgrade. `snapshot`: read the whole state, with everybody's names and metadata. */
export const CLUSTER_VERBS = ['members', 'transfer', 'snapshot', 'shutdown'] as const
export type ClusterVerb = (typeof CLUSTER_VERBS)[number]
