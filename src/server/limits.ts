/** Every limit of the server ring, with its unit in its name. */

// ------------------------------------------------------------------------------------------- protocol
export const CLIENT_ID_MAX_CHARS = 255
export const LOCK_NAME_MAX_CHARS = 255
/** Reading from a connection pauses when this many of its lines wait for an answer to an earlier one. */
export const BACKLOG_MAX_LINES = 64
/** Reading from a session's connection pauses when this many of its commands are not applied yet. */
export const SESSION_IN_FLIGHT_MAX_COMMANDS = 1024
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
/** What this program's commands and records can express; `welcome` says it. It grows with each release that adds some. */
export const FEATURE_LEVEL = 1
/** Longest line of a session after `welcome` or `ready`: room for a request with 64 names. `--max-line` if that is more. */
export const SESSION_LINE_MAX_BYTES = 32_768

// ---------------------------------------------------------------------------------- leases (engine.md §4)
/** Rule 2: a node renews this many times in one node lease. */
export const RENEWALS_PER_LEASE = 5
/** Rule 2: the right to speak lasts this share of the lease, counted from the sending of the renewal … */
export const SPEAK_SHARE_OF_LEASE = 0.9
/** … less this, for the time between the check and the wire. */
export const SPEAK_MARGIN_MS = 50
/** Rule 2: closing begins earlier by this for each classic connection that holds, because closing takes time. */
export const CLOSE_MARGIN_PER_CONNECTION_MS = 0.05
/** `jeopardy` is said when no renewal was answered for this share of the node lease. */
export const JEOPARDY_SHARE_OF_LEASE = 1 / 3
/** Renewals whose answer is still of use; older ones would not prolong the right. */
export const RENEWALS_REMEMBERED_COUNT = 16

// -------------------------------------------------------------------------------------------- proposals
/**
 * What was proposed and is not applied after this long is proposed again while a leader is known, and once more, then after
 * twice that, four times that and so on: what is late because there is too much of it must not become more by being repeated.
 */
export const REPEAT_PROPOSAL_MS = 500
export const REPEAT_PROPOSAL_MAX_MS = 8_000
/** Commands of all sessions at this node that are not applied. Seven nodes of these fit the leader's log. */
export const UNAPPLIED_BYTES = 4 * 1024 * 1024
/** How often proposals under way are looked at, for repeats and request timeouts. */
export const PROPOSAL_CHECK_MS = 100
/** Rule 4: how much of what is left passes before a leader tells the state again, and how much at least. */
export const SHARE_OF_TIME_BETWEEN_CHECKPOINTS = 1 / 4
export const CHECKPOINT_LEAST_MS = 1_000
/** Under load they are left out: the commands of clients come first. */
export const CHECKPOINTS_PER_SECOND_COUNT = 200
export const CHECKPOINTS_AT_HANDOVER_COUNT = 2_000
/** Longest single timer: runtimes keep delays in 31 bits. */
export const TIMER_MAX_MS = 3_600_000
/** A clean stop waits this long for its `NodeDown` to be applied, then goes without: rule 3 ends the epoch. */
export const SIGN_OFF_MAX_MS = 2_000

// ----------------------------------------------------------------------------------------- client sockets
/** What one client may hand on before another's turn comes: so many lines … */
export const INPUT_SLICE_MAX_LINES = 32
/** … or so many bytes: a longest line and some. A slice may end inside a line. */
export const INPUT_SLICE_MAX_BYTES = 8_192
/** Lines of clients are handed on for this long before peers have their turn: a lock passes by some six such turns. */
export const INPUT_TURN_MS = 1
/** Clients with more than one slice wait this long for their next share, so that they never take a whole processor. */
export const INPUT_PAUSE_MS = 3
/** TCP keepalive begins after this much silence; libuv then probes every second and gives up after ten: 15 s in all. */
export const KEEPALIVE_IDLE_MS = 5_000
/** Connections that the kernel holds ready for us to accept. */
export const ACCEPT_BACKLOG = 4_096
/** A connection that this node closes is read, and what comes is discarded, for at most this long. */
export const DISCARD_INPUT_MS = 1_000
/** Connections over `--max-connections` that are just being told so; further ones are dropped without a word. */
export const CLOSING_MAX_CONNECTIONS = 64
/** Who connects and says no line for this long is sent away: long enough to type one. */
export const FIRST_LINE_MAX_MS = 60_000
/** How often silent connections are looked at. */
export const SILENCE_CHECK_MS = 5_000
/** Connections without a first line, beside the places for clients; of a small node, this share of its places. */
export const SILENT_PLACES_MAX_COUNT = 64
export const SILENT_PLACES_SHARE = 1 / 4
/** The last places, for clients that come back to what they hold … */
export const RESUME_PLACES_MAX_COUNT = 64
export const RESUME_PLACES_SHARE = 1 / 8
/** … and those before them, for this machine: administration. */
export const LOOPBACK_PLACES_MAX_COUNT = 8
export const LOOPBACK_PLACES_SHARE = 1 / 16
/** Descriptors for LevelDB's tables (128), peers and strangers at their port (160), HTTP (64), closing clients (64), our own. */
export const DESCRIPTORS_KEPT_COUNT = 448
/** Where the limit is too low for all that, clients get this share of it. */
export const DESCRIPTORS_CLIENTS_LEAST_SHARE = 1 / 4
/** Rule 5: a connection whose send queue did not shrink for this long is dead. */
export const SEND_QUEUE_STUCK_MS = 15_000
/** How often the kernel's TCP table is read while anything that was written may be unacknowledged. */
export const TCP_TABLE_INTERVAL_MS = 2_000
/** Read and looked at in one go: some hundred rows, a tenth of a millisecond. */
export const TCP_TABLE_SLICE_BYTES = 16_384

// -------------------------------------------------------------------------------------------------- HTTP
/** `/readyz`: a node has caught up that lacks fewer entries than this of what it knows to be committed. */
export const CAUGHT_UP_ENTRIES = 1_000
export const HTTP_REQUEST_TIMEOUT_MS = 10_000
export const HTTP_MAX_CONNECTIONS = 64
/** How often connections are looked for whose request does not come. */
export const HTTP_CHECK_INTERVAL_MS = 2_000
/** Locks that one answer of `/v1/locks` shows. */
export const HTTP_LOCKS_MAX = 1_000

// ------------------------------------------------------------------------------------------ administration
/** A learner may be promoted when it lacks fewer entries than this: a voter far behind would hold up commits. */
export const PROMOTION_MAX_LAG_ENTRIES = 1_000
/** The leader's answer to a forwarded administration line is waited for no longer than this. */
export const ADMIN_ANSWER_MS = 10_000
/** A member that the leader has not heard of for this long, since it was asked to change the membership, is out of reach. */
export const CONTACT_MS = 1_000
export const CONTACT_POLL_MS = 20

// ------------------------------------------------------------------------------------------------ clean stop
/** A leader that stops waits this long for another to take over. */
export const HANDOVER_MS = 1_000
/** A clean stop that takes longer has met a disk that hangs; everything else in it is bounded far below. */
export const STOP_MAX_MS = 10_000

// --------------------------------------------------------------------------------------------------- logging
/** Log lines that wait for their reader; further ones are dropped and counted. */
export const LOG_BUFFER_MAX_CHARS = 1_048_576
/** A terminal that takes nothing now is tried again after this. */
export const LOG_RETRY_MS = 100
/** A write to the log that takes longer hangs: last words do not wait behind it. */
export const LOG_STUCK_MS = 1_000
/** A process that ends waits this long for the reader of its log. */
export const LOG_FLUSH_MAX_MS = 500
/** The same line is said this often in a window; the rest is counted and told when the window is over. */
export const LOG_REPEATS_MAX_COUNT = 5
export const LOG_REPEATS_WINDOW_MS = 10_000
/** Lines that are told apart in one window, so that strangers who make new ones cannot fill the memory. */
export const LOG_KINDS_MAX_COUNT = 256
/** Hosts that a summary names. */
export const LOG_REMOTES_MAX_COUNT = 8

// ----------------------------------------------------------------------------------------------- peer secret
/** Fewer characters can be guessed by whoever has seen one proof. */
export const PEER_SECRET_MIN_CHARS = 32
/** The one that proves, and others while they are being replaced. */
export const PEER_SECRETS_MAX = 16
export const PEER_SECRET_FILE_MAX_BYTES = 64 * 1024
export const PEER_SECRET_REREAD_MS = 1_000
