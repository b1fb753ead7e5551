/** Every limit of the server ring, with its unit in its name. */

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
/** A client that connects and says no line for this long is sent away: long enough to type one. */
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
/** How often the kernel's TCP table is read at most, while anything that was written may be unacknowledged … */
export const TCP_TABLE_INTERVAL_MS = 2_000
/** … and how often the node looks whether anybody has stayed whose row is worth it. */
export const SEND_QUEUE_LOOK_MS = TCP_TABLE_INTERVAL_MS / 2
/** Read and looked at in one go: some hundred rows, a tenth of a millisecond. */
export const TCP_TABLE_SLICE_BYTES = 16_384

// -------------------------------------------------------------------------------------------------------- HTTP
export const HTTP_REQUEST_TIMEOUT_MS = 10_000
export const HTTP_MAX_CONNECTIONS = 64
/** How often connections are looked for whose request does not come. */
export const HTTP_CHECK_INTERVAL_MS = 2_000
/** Locks that one answer of `/v1/locks` shows. */
export const HTTP_LOCKS_MAX = 1_000
/** Metadata can make them long. */
export const HTTP_LOCKS_MAX_CHARS = 1_048_576

/** Listings under way, of all readers, from which on `/v1/locks` is busy: those whose reader has gone are made to their end. */
export const HTTP_LISTINGS_MAX_COUNT = 256
/** A line of `/v1/locks` is looked for by so many characters of a name or holder at most. */
export const HTTP_SEARCH_MAX_CHARS = 255
/** Event streams at a time, of watchers and dashboards: each may have a megabyte before it that its reader has not taken. */
export const HTTP_STREAMS_MAX_COUNT = 32
/** How often a stream says that it is there; short of what proxies take for silence. */
export const STREAM_PULSE_MS = 10_000
/** A reader that takes nothing for so long, though there is something, is dropped. */
export const STREAM_STUCK_MS = 30_000
/** What a dashboard shows is made anew so often, once for all who look, while anybody does. */
export const FEED_INTERVAL_MS = 1_000
/** Rows of a dashboard's lists. */
export const FEED_MAX_QUEUES = 20
export const FEED_MAX_FREEZES = 10
/** Labels of the metrics of locks, beside `other`: with histograms, some 2,500 series at most. */
export const METRICS_PREFIXES_MAX_COUNT = 50

// -------------------------------------------------------------------------------------------------- clean stop
/** A clean stop that takes longer has met a disk that hangs; everything else in it is bounded far below. */
export const STOP_MAX_MS = 10_000

// --------------------------------------------------------------------------------------------------- logging
/** Of the number that an answer `500` and its line in the log have in common: enough to find it, short enough to be read out. */
export const REQUEST_ID_BYTES = 4
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
/** With fewer, anybody who has seen one proof could guess the secret. */
export const PEER_SECRET_MIN_CHARS = 32
/** The one that proves, and others while they are being replaced. */
export const PEER_SECRETS_MAX = 16
export const PEER_SECRET_FILE_MAX_BYTES = 64 * 1024

// ---------------------------------------------------------------------------------- files that are read again
/** Certificates, secrets and the auth file: a change is in force after two looks. */
export const WATCHED_FILES_LOOK_MS = 1_000
/** For one set of files, until the next one has its turn: reading a long auth file takes some hundred milliseconds. */
export const WATCHED_FILES_PATIENCE_MS = 500
/** Sets whose disk may hang at a time: each keeps one of four threads, and the disk of the log needs the others. */
export const WATCHED_SETS_HUNG_MAX_COUNT = 2
/** An operator is told when a set could not be looked at so often in a row. */
export const WATCHED_FILES_HUNG_LOOKS = 10
/** What cannot be used is tried again after so many looks, though it seems to be the same. */
export const WATCHED_FILES_RETRY_LOOKS = 10

// --------------------------------------------------------------------------------------------------- auth file
/** A thousand identities with a token and a few rules each fit. */
export const AUTH_FILE_MAX_BYTES = 256 * 1024
/** Every token that is shown is compared with all: some ten microseconds. */
export const AUTH_TOKENS_MAX_COUNT = 2_048
/** Prefixes of all identities: aliases in the file make many of few. */
export const AUTH_RULES_MAX_COUNT = 10_000
/** Sessions store whose they are. */
export const IDENTITY_MAX_CHARS = 64
/** Problems of a file that are told at once. */
export const AUTH_PROBLEMS_SHOWN_COUNT = 20

// -------------------------------------------------------------------------------------------------------- audit
/** The path of a request with a lock name of 255 characters in it, and some; strangers make longer ones up. */
export const AUDIT_ACTION_MAX_CHARS = 512
/** A process that ends waits so long for the disk of its audit. */
export const AUDIT_FLUSH_MAX_MS = 500

// ------------------------------------------------------------------------------------------------------- TLS
/** From so long before a certificate expires the log warns, and docs/metrics.md has an alert. */
export const CERTIFICATE_EXPIRES_SOON_DAYS = 14
/** How often the log says so again. */
export const CERTIFICATE_REMINDER_MS = 86_400_000
