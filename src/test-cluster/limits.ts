/** What a test cluster is like unless its user says otherwise. Times are those of its own clock. */

export const NODES_DEFAULT_COUNT = 3
export const NODES_MAX_COUNT = 7
/** Seldom: whoever lets an hour pass waits for each of them. */
export const HEARTBEAT_MS = 400
export const ELECTION_TIMEOUT_MS = 1_400
export const NODE_LEASE_MS = 10_000
export const REQUEST_TIMEOUT_MS = 5_000
export const MAX_CLIENT_CONNECTIONS = 2_000
export const MAX_LOCKS_PER_SESSION = 1_000
export const MAX_LINE_BYTES = 4_096

/** So much at a time passes when time is advanced; in between every connected client gives a sign of life. A lease is 3 s at least. */
export const ADVANCE_SLICE_MS = 900
/** How finely a condition is looked at while time passes. */
export const LOOK_SLICE_MS = 20
/** What must come about does so within this, or it is an error: an election, the end of a session. */
export const PATIENCE_MS = 120_000
/** The clock is looked at so often, by the machine's, though nothing seems to be due. */
export const IDLE_LOOK_MS = 50
/** What the kernels of a connection in memory hold of one direction. */
export const WINDOW_BYTES = 262_144
