/** Bounds of tnl-do and its guardian. */

/** What outlives the command by less is on its way out: the end of a pipe, for example. */
export const STRAGGLER_PATIENCE_MS = 500
/** What was killed and is still there is killed again: it may have been started by another a moment before. */
export const KILL_AGAIN_INTERVAL_MS = 20
/** Longer than any exit takes that only needs a processor: what is left by then is named. */
export const UNKILLABLE_AFTER_MS = 1_000
/** As the system keeps it. */
export const EXIT_STATUS_MAX = 255
/** A hook of the user that takes longer is killed: neither a hanging one nor a forgotten one may keep the command from its lock. */
export const HOOK_TIMEOUT_MS = 10_000
/** How long the record of a success (`--once`) is tried while no node confirms it and the session lives. */
export const MARK_TIMEOUT_MS = 60_000
/** In case the signal that tells of a child's end comes before anybody waits for it. */
export const LEFT_CHECK_INTERVAL_MS = 100
/** Looks for descendants in a row, each finding new ones, before they are killed as far as they are known. */
export const MAX_LOOKS_PER_KILL = 50
/** How long the connection is read after its last word. */
export const SHUT_DOWN_TIMEOUT_MS = 1_000
/** One address, when the guardian has to speak on a connection of its own; each round over all addresses gives them as much more … */
export const OWN_CONNECTION_TIMEOUT_MS = 1_000
/** … up to this: on a busy machine a handshake takes its time. */
export const OWN_CONNECTION_MAX_TIMEOUT_MS = 5_000
/** How long it tries to say goodbye there. Whatever it could not say, the lease says. */
export const GOODBYE_TIMEOUT_MS = 30_000
/** After every address has failed. */
export const RENEWAL_PAUSE_MS = 250
/** A guardian takes a copy in a millisecond; one that is stopped, never. */
export const ADOPT_TIMEOUT_MS = 5_000
/** A guardian that does not report the end of a command that is dead is stopped; nobody waits for it. */
export const GUARDIAN_REPORT_TIMEOUT_MS = 1_000
/** A command that was being started when its guardian died may appear a moment later. */
export const SEARCH_MS = 100
export const SEARCH_INTERVAL_MS = 10
/** How long an interrupted wait may take to leave the queue in good order; the end of the connection says the same. */
export const LEAVE_QUEUE_TIMEOUT_MS = 200
/** How long the release is tried when no node answers; then the lease ends the lock. */
export const RELEASE_TIMEOUT_MS = 5_000
/** Processes that the watcher is told of; further ones it finds as their descendants. */
export const MAX_KNOWN_PROCESSES = 200
/** Without a guardian: how long what is left is killed before it counts as what cannot be killed. */
export const KILL_TIMEOUT_MS = 2_000
/** Of one processor, for looking at what runs: with few processes at each check of the deadline, with thousands rarely. */
export const LOOK_SHARE = 1 / 100
