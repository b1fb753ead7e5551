/** Bounds of `tnl top`. */

export const INTERVAL_DEFAULT_MS = 2_000
/** A person reads no faster, and every refresh costs the cluster something. */
export const INTERVAL_MIN_MS = 500
export const INTERVAL_MAX_MS = 60_000
/** A node that says nothing for so long is shown as out of reach; the others are not kept waiting. */
export const NODE_ANSWER_TIMEOUT_MS = 1_500
/** The session in which queues are asked for outlives a pause of this program. */
export const SESSION_LEASE_SECONDS = 60
/** Rows of a table, however tall the terminal is: a node tells no more. */
export const TABLE_MAX_ROWS = 50
/** Where nobody says how large the screen is. */
export const COLUMNS_DEFAULT = 80
/** Below so many rows there is no room for nodes beside the queues. */
export const ROWS_WITH_NODES = 14
/** Below so many rows there is one table of queues instead of two. */
export const ROWS_WITH_BOTH = 18
export const FILTER_MAX_CHARS = 255
