/** Limits of the line protocol that both ends share, with their units in their names. */

export const CLIENT_ID_MAX_CHARS = 255
export const LOCK_NAME_MAX_CHARS = 255
/** `wait` beyond it is refused (`wait:forever` is the word for longer). */
export const WAIT_MAX_MS = 366 * 86_400_000
export const SESSION_LEASE_DEFAULT_MS = 10_000
export const SESSION_LEASE_MIN_MS = 3_000
export const SESSION_LEASE_MAX_MS = 86_400_000
/** A session that nobody comes back to is gone after a day. */
export const LINGER_MAX_MS = 86_400_000
export const LOCK_DELAY_MAX_MS = 86_400_000
export const SESSION_SECRET_BYTES = 16
export const PROTOCOL_VERSION = 2
/** Longest line of a session after `welcome` or `ready`: room for a request with 64 names. `--max-line` if that is more. */
export const SESSION_LINE_MAX_BYTES = 32_768
