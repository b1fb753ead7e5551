/** Bounds of `tnl lock`, `unlock`, `execute` and `elect`. */

/** A lock that outlives the program ends by itself after a day, unless it is told otherwise. */
export const LOOSE_TTL_DEFAULT_MS = 86_400_000
/** What consul-lock takes for `--session-ttl`: scripts written for it rely on the refusal of anything else. */
export const SESSION_TTL_MIN_SECONDS = 10
export const SESSION_TTL_MAX_SECONDS = 86_400
/** `-vv` says all there is. */
export const VERBOSITY_MAX_COUNT = 2
/** After a signal: how long the cluster may take to say that it has taken the place in the queue back. */
export const GIVE_UP_TIMEOUT_MS = 2_000
/** Of `unlock -r`: asked for side by side, far below what a session may leave unacknowledged. */
export const UNLOCKS_IN_FLIGHT_COUNT = 200
/** Between two campaigns: a command that ends at once must neither spin nor keep the others from being elected. */
export const ELECTION_PAUSE_DEFAULT_MS = 1_000
