/**
 * Every bound of the lock state machine. They are part of its behaviour: all nodes of a cluster must have the same
 * values, so none of them is a setting. (`--max-locks-per-session` and the like are checked by the server, below these.)
 */

export const NAME_MAX_BYTES = 255
export const META_MAX_BYTES = 4_096

/** Locks that a session holds or waits for. */
export const LOCKS_PER_SESSION_MAX = 10_000
/** Requests that wait for one lock. Bounds the time of whatever walks a queue, and of encoding one lock for a snapshot. */
export const PLACES_PER_LOCK_MAX = 10_000
/** Requests of one session that wait, or are answered and not acknowledged yet (docs/protocol.md). */
export const UNACKNOWLEDGED_PER_SESSION_MAX = 1_024
export const DELAY_MAX_MS = 86_400_000
/** Holds, tails and places in queues, of the whole cluster: half a gigabyte of heap at the most. */
export const HOLDS_AND_PLACES_MAX = 1_000_000
/** Of these, what is a tail, can leave one, or is loose. A loop of `min-hold:86400` and `release` must not fill the cluster. */
export const TAILS_MAX = 100_000
/** Holds, tails and places of one lock. */
export const HOLDS_AND_PLACES_PER_LOCK_MAX = 20_000
/** Names of one request. */
export const NAMES_PER_REQUEST_MAX = 64
/** Permits and limits of a semaphore. */
export const PERMITS_MAX = 1_000_000
/** Requests that an entry grants of those that waited; the following entries do the rest, in the same order. */
export const GRANTS_PER_ENTRY_MAX = 1_024
/** Holds that a request may name as kept. */
export const KEPT_MAX = 256
export const MIN_HOLD_MAX_MS = 86_400_000
/** 30 days. */
export const TTL_MAX_MS = 30 * 86_400_000
/** Ten years. */
export const ONCE_TTL_MAX_MS = 3_650 * 86_400_000

/** Set, and reserved by requests and holds that may set one. */
export const MARKS_MAX = 100_000
export const FREEZES_MAX = 100
export const PINS_MAX = 10_000
/** Words for people: of a freeze, of a forced release. */
export const REASON_MAX_BYTES = 1_024
/** Ends of holds that are remembered, of one name and in all. */
export const HISTORY_PER_NAME_MAX = 8
export const HISTORY_MAX = 50_000
/** All `meta` of holds and places together. */
export const META_TOTAL_MAX_BYTES = 256 * 1024 * 1024
/**
 * Sessions of the session dialect, attached or left behind. Those that are attached are bounded by the nodes' connections,
 * but a client that opens one, leaves and comes again leaves one behind each time, for its `linger`.
 */
export const SESSIONS_MAX = 200_000
/**
 * From this many on, only those are opened that are gone soon after their client is: else whoever opens and leaves sessions
 * of a day, as fast as it can, would keep everybody else out for that day.
 */
export const SESSIONS_CROWDED = 100_000
export const SHORT_SESSION_MAX_MS = 60_000
/** Holds and places that a deadlock search looks at (some milliseconds); a request that would need more of it waits unexamined. */
export const DEADLOCK_SEARCH_MAX_STEPS = 10_000
/** Looks again, while those that could get through are struck out: each may let others through. */
export const DEADLOCK_STRIKES_MAX_STEPS = 160_000

/** What `why` looks at for a circle, as a multiple of both: some ten milliseconds, for the rare question of a person. */
export const WHY_SEARCH_TIMES = 5
/** Holds and places that `why` looks at besides: some milliseconds. Twenty requests for 64 crowded names would be ten million. */
export const WHY_LOOKS = 100_000
/** Holds of one name of which `why` asks whether their holders wait themselves. */
export const WHY_CHAIN_LOOKS = 100

/** Lock names that a deadlock message shows. */
export const CYCLE_NAMES_SHOWN_MAX = 8

/** Sessions of ended epochs that the end of every entry sweeps: about half a millisecond of work. */
export const SWEPT_SESSIONS_PER_ENTRY = 256
/** The same for each `Sweep` command, which is proposed only to get done with it. */
export const SWEPT_SESSIONS_PER_SWEEP = 1_024

/** Entities that one call of a snapshot in production may look at, so that a call stays short where all are written already. */
export const SNAPSHOT_VISITS_PER_CALL = 50_000
/** A record longer than this is not one of ours: the stream is garbage. */
export const SNAPSHOT_RECORD_MAX_BYTES = 64 * 1024 * 1024

/** Client request ids, and whatever else is written with a sign bit, lie below this. */
export const REQUEST_ID_LIMIT = 2 ** 52
/** Connection numbers of an epoch lie below this, so that the number after the last one can still be written. */
export const CONN_LIMIT = 2 ** 52
/** `attempt` of a resume. A client that resumed a thousand times a second would reach it after 35 years. */
export const RESUME_ATTEMPT_MAX = 2 ** 40
/** The counter of session ids and tokens starts at the unix time of the cluster's bootstrap times this (rules.md). */
export const COUNTER_STEPS_PER_SECOND = 2 ** 20
