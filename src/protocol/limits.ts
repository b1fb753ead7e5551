/** Limits of the line protocol that both ends share, with their units in their names. */

export const PROTOCOL_VERSION = 2
/** Where clients are taken unless somebody says otherwise. */
export const CLIENT_PORT_DEFAULT = 7654

// ------------------------------------------------------------------------------------------------------- lines
/** Longest line of a client, its end not counted, unless `--max-line` says otherwise. */
export const LINE_MAX_BYTES = 4_096
/** Longest line of a session after `welcome` or `ready`: room for a request with 64 names. `--max-line` if that is more. */
export const SESSION_LINE_MAX_BYTES = 32_768
/** Longest line that a client takes from a node: a request's worth of metadata, escaped, and room for what comes later. */
export const ANSWER_LINE_MAX_BYTES = 65_536
export const CLIENT_ID_MAX_CHARS = 255
export const LOCK_NAME_MAX_CHARS = 255
/** Of one request, in UTF-8. Escaped, it has room in a line of `SESSION_LINE_MAX_BYTES` beside 64 names and what is kept. */
export const METADATA_MAX_BYTES = 4_096

// ------------------------------------------------------------------------------------------------------- times
/** `wait` beyond it is refused (`wait:forever` is the word for longer). */
export const WAIT_MAX_MS = 366 * 86_400_000
export const SESSION_LEASE_DEFAULT_MS = 10_000
export const SESSION_LEASE_MIN_MS = 3_000
export const SESSION_LEASE_MAX_MS = 86_400_000
/** A session that nobody comes back to is gone after a day. */
export const LINGER_MAX_MS = 86_400_000
export const LOCK_DELAY_MAX_MS = 86_400_000

// ---------------------------------------------------------------------------------------------------- sessions
export const SESSION_SECRET_BYTES = 16
/** Answers that a client has not acknowledged (`ack:N`). Past it a request is refused; a client opens a further session. */
export const UNACKNOWLEDGED_MAX_COUNT = 1_024
/** What a node lets one session hold or wait for, unless `--max-locks-per-session` says otherwise. */
export const LOCKS_PER_SESSION_MAX_COUNT = 1_000
