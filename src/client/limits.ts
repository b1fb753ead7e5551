/** Bounds of the client; those of the line protocol stand in `src/protocol/limits.ts`. Each has its unit in its name. */

export const DEFAULT_HOST = 'localhost'

/** In all, over every endpoint and every redirect, until one has welcomed the session. */
export const DEFAULT_REACH_MS = 10_000
/** One endpoint, own or from a redirect: from the start of the connection until its answer to the first line. */
export const ANSWER_TIMEOUT_MS = 2_000
/** A session with a short lease cannot afford the full time at an endpoint that hangs. */
export const MIN_RESUME_ANSWER_MS = 500
/** Connecting to the next address begins when those before have not answered for this long (RFC 8305 proposes 250). */
export const CONNECT_STAGGER_MS = 250
/** Timers keep whole milliseconds: one that is set for the end of a budget may fire so much before it. */
export const TIMER_GRAIN_MS = 2
/** How long a round over the endpoints waits for names whose lookup takes longer than everything else. */
export const LOOKUP_PATIENCE_MS = 300
/** Nobody listens at any address and nobody asked to wait: how long a name that is still being looked up may take. */
export const REFUSED_LOOKUP_PATIENCE_MS = 700
/** Connections that were left, kept until a resume elsewhere is answered; the session's own and failed attempts. */
export const MAX_LEFT_CONNECTIONS = 8
export const MAX_REDIRECT_HOPS = 5
/** After every endpoint has failed once: doubled each round. */
export const MIN_ROUND_PAUSE_MS = 50
export const MAX_ROUND_PAUSE_MS = 500

/** rules.md rule 6: a lock is held until the send time of the last acknowledged keepalive + 0.9 lease − 50 ms. */
export const HOLD_FRACTION = 0.9
export const HOLD_MARGIN_MS = 50
export const KEEPALIVES_PER_LEASE = 6
/** A node promises 3 s at least. A session whose lease is shorter than this cannot be kept: it is not taken. */
export const KEPT_LEASE_MIN_MS = 100
/** The shortest keepalive interval, whatever a user asks for. */
export const MIN_KEEPALIVE_INTERVAL_MS = 100
/** The kernel gives the time since boot in hundredths of a second. */
export const BOOT_RESOLUTION_MS = 10
/** A wait for a deadline notices a suspend of the machine at most this late. */
export const DEADLINE_CHECK_INTERVAL_MS = 100

/** Node's timers keep their delay in 31 bits. */
export const MAX_TIMER_MS = 2 ** 31 - 1
/** Usually the node says first that a wait is over; after this margin the client cancels (its deadline is what counts). */
export const WAIT_MARGIN_MS = 250
/** How long the answer to that cancel is waited for before the caller is told. */
export const CANCEL_PATIENCE_MS = 500

/** How often a request goes to another session when a node refuses it because its session has too many locks. */
export const MAX_REFUSALS = 3
/** A session is busy when it made this many requests … */
export const BUSY_REQUESTS = 16
/** … within this time: then a process that dies most likely has answers on their way to it. */
export const BUSY_PERIOD_MS = 1_000
/** A lock that is held for so long is idle: it is worth a connection on which nothing is on its way. */
export const IDLE_HOLD_MS = 500
/** At most one session a client is set aside for idle locks in this time … */
export const SET_ASIDE_INTERVAL_MS = 1_000
/** … and at most so many at a time. */
export const MAX_SESSIONS_SET_ASIDE = 8
/** Sessions of one client in all; requests beyond what they take wait for their turn. */
export const MAX_SESSIONS = 64

/** Names of one request. A node counts the same. */
export const NAMES_PER_REQUEST_MAX_COUNT = 64
/** Permits of a request, and the limit of a semaphore. A node counts the same. */
export const PERMITS_MAX_COUNT = 1_000_000
/** From this feature level on a request can say what its client keeps while it waits, and ask for more than one exclusive lock. */
export const HOLDING_LEVEL = 2
/** Locks that a request says it keeps; a node takes no more. */
export const HOLDING_MAX_COUNT = 256
/** Of a line, for its number and what it acknowledges. */
export const NUMBERS_MAX_BYTES = 64
/** `minHold`: a day. A node refuses more, as it does with the next two. */
export const MIN_HOLD_MAX_MS = 86_400_000
/** `ttl`: 30 days. */
export const TTL_MAX_MS = 30 * 86_400_000
/** `onceTtl`: ten years. */
export const ONCE_TTL_MAX_MS = 3_650 * 86_400_000
/** A request for several names of which some are frozen does not wait: it is asked again this often. */
export const FROZEN_RETRY_INTERVAL_MS = 1_000

/** Watches of one session; a node takes no more. */
export const WATCHES_PER_SESSION_MAX_COUNT = 100
/** Of `match`. A node refuses more. */
export const PATTERN_MAX_CHARS = 1_024
/** Events that nobody has taken from a watch. Past it the watch is ended, and begun again behind them once they are taken. */
export const UNREAD_EVENTS_MAX_COUNT = 1_024
/** A watch, or an election, that no node serves at present is asked for again this often. */
export const OUTAGE_RETRY_INTERVAL_MS = 500

/** A lock of this host is held until it is released. Finite, for tnl-do hands it to its guardian as JSON. */
export const LOCAL_LEASE_MS = 2 ** 52
/** Whoever holds a lock of this host names itself in a millisecond, unless it is stopped. */
export const LOCAL_HOLDER_PATIENCE_MS = 300
export const LOCAL_HOLDER_WORD_MAX_CHARS = 1_024
/** Where its end cannot be waited for, a lock of this host is tried again this often. */
export const LOCAL_RETRY_INTERVAL_MS = 50

/** The hard end of an ephemeral lock, unless its user says otherwise. */
export const EPHEMERAL_LIFESPAN_DEFAULT_MS = 180_000

/** The program's thread shows this often that it runs; the thread of its connections does not speak for it after a lease without. */
export const MAIN_TICK_INTERVAL_MS = 200
/** The thread of the connections ends when they are closed, which they are in good order within this. */
export const THREAD_FINISH_TIMEOUT_MS = 3_000

/** How long `close` waits for the node's `bye`. What is not said by then, the end of the connection says. */
export const BYE_TIMEOUT_MS = 2_000

/** How long the other side may take to end its half of a connection that was ended here. */
export const FINISH_TIMEOUT_MS = 1_000

/** Of a file with a certificate, a key or a token. A list of all public authorities has some 230 KiB. */
export const CREDENTIAL_FILE_MAX_BYTES = 1_048_576
/** Of a token: those that `tnl token new` makes have some 50; it must fit into a line. */
export const TOKEN_MAX_CHARS = 1_024
/** For the function of a program that gives its first token. */
export const FIRST_TOKEN_PATIENCE_MS = 10_000
/** For reading these again before connections are made. A disk that hangs must not cost a session its lease. */
export const CREDENTIALS_PATIENCE_MS = 200

/** An original 0.1.8 server cannot let a client wait: it is asked again this often. */
export const CLASSIC_RETRY_INTERVAL_MS = 1_000
