/** Every limit of the service ring, with its unit in its name. */

/** Reading from a connection pauses when this many of its lines wait for an answer to an earlier one. */
export const BACKLOG_MAX_LINES = 64
/** Reading from a session's connection pauses when this many of its commands are not applied yet. */
export const SESSION_IN_FLIGHT_MAX_COMMANDS = 1024

// ---------------------------------------------------------------------------------- leases (rules.md)
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
/** Deadlines that run in one turn: 100,000 holds may end in the same millisecond. */
export const DUE_PER_TURN_COUNT = 500
/** What a new leader begins to count in one turn: some milliseconds of work. */
export const BEGUN_PER_TURN_COUNT = 500
/** Ends of one kind that a node has proposed and not seen applied: some thousand a second at the delay of a disk. */
export const OVERDUE_UNDER_WAY_COUNT = 256
/** The wall clock is looked at so often: it may be set at any time, and nothing tells. */
export const WALL_CLOCK_LOOK_MS = 1_000
/** What ended without its count being told stays behind, and is looked for when there is twice as much, and so much at least. */
export const LEFTOVERS_LEAST_COUNT = 1_000
/** Longest single timer: runtimes keep delays in 31 bits. */
export const TIMER_MAX_MS = 3_600_000
/** A clean stop waits this long for its `NodeDown` to be applied, then goes without: rule 3 ends the epoch. */
export const SIGN_OFF_MAX_MS = 2_000

// ---------------------------------------------------------------------------------------------------- readiness
/** `/readyz`: a node has caught up that lacks fewer entries than this of what it knows to be committed. */
export const CAUGHT_UP_ENTRIES = 1_000

// ------------------------------------------------------------------------------------------ administration
/** A learner may be promoted when it lacks fewer entries than this: a voter far behind would hold up commits. */
export const PROMOTION_MAX_LAG_ENTRIES = 1_000
/** The leader's answer to a forwarded administration line is waited for no longer than this. */
export const ADMIN_ANSWER_MS = 10_000
/** A member that the leader has not heard of for this long, since it was asked to change the membership, is out of reach. */
export const CONTACT_MS = 1_000
export const CONTACT_POLL_MS = 20
/** A hold on the feature level is committed within this, or the operator hears that nobody knows; looked at so often. */
export const LEVEL_HOLD_MS = 5_000
export const LEVEL_HOLD_POLL_MS = 20

// ----------------------------------------------------------------------------------------------------- access
/** Whoever shows a wrong token is answered after this. */
export const FAILED_ATTEMPT_MS = 1_000
/** As many wait for that answer at once; the oldest has it sooner when there are more. */
export const FAILED_ATTEMPTS_MAX_COUNT = 1_000

// ------------------------------------------------------------------------------------------------ clean stop
/** A leader that stops waits this long for another to take over. */
export const HANDOVER_MS = 1_000

// ----------------------------------------------------------------------------------------------------- reads
/** Answers to reads, other than listings and `check`, take this share of a node's time, of which so much may be spent in one go. */
export const PACED_SHARE_OF_TIME = 1 / 4
export const PACED_CREDIT_MAX_MS = 4
/** Further ones are told that there is no quorum, as those are that wait for it. */
export const PACED_WAITING_MAX_COUNT = 32_768
/** Lines of one answer to `locks`; `after` asks for the next ones. */
export const LISTING_PAGE_LINES = 1_000
/**
 * A listing is written in slices, so that one of a hundred thousand locks costs others nothing that they notice. A slice ends
 * after so much work, or so much time where the work is harder than it looks (a pattern), and then others have their turn.
 */
export const LISTING_SLICE_UNITS = 2_048
export const LISTING_LINE_UNITS = 4
export const LISTING_SLICE_MS = 1
/** It rests for so long, and for so many times as long as the slice took: listings have a fifth of a node's time at most. */
export const LISTING_REST_MS = 2
export const LISTING_REST_TIMES = 4
/** A listing goes on when its reader has taken what it got, looked at so often. */
export const LISTING_POLL_MS = 20
export const LISTING_UNSENT_MAX_BYTES = 256 * 1024
/** Queues that `queues` tells of, in each of its two orders: more than a screen shows. */
export const TOP_QUEUES_COUNT = 50
/** Queues that a walk over all of them visits between two looks at the clock: some ten microseconds. */
export const QUEUES_PER_LOOK_AT_CLOCK = 64
/** Names in one block of the index: a block is what an insertion moves. */
export const NAME_BLOCK_MAX_COUNT = 512
/** Names that one slice puts into the index while it is made: about a millisecond. */
export const INDEXED_NAMES_PER_SLICE = 1_024
/** Nobody has listed anything for so long: the index of the names is dropped, since every grant and release costs it a little. */
export const NAME_INDEX_KEPT_MS = 600_000
/** `match`: a longer pattern, or one that compiles to more instructions, could hold up everybody with a single name. */
export const PATTERN_MAX_CHARS = 1_024
export const PATTERN_MAX_INSTRUCTIONS = 1_000
/** `info` fits into a line that clients take (`ANSWER_LINE_MAX_BYTES`), with room for its head. */
export const INFO_MAX_BYTES = 60_000
/** Items of one `info`; the counts in it say how many there are. */
export const INFO_MAX_ITEMS = 1_000
export const WHO_MAX_ITEMS = 100
export const WHO_MAX_FREEZES = 10
/** Requests that `why` explains, what it shows in the way of each, and how far it follows who waits for whom. */
export const WHY_MAX_REQUESTS = 20
export const WHY_MAX_BLOCKERS = 10
export const WHY_MAX_CHAIN = 16
/** Of one request. With 64 names of 255 bytes (17,000) and its sentences (12,000) it still has room in one line. */
export const WHY_BLOCKERS_MAX_BYTES = 16_000
export const WHY_CHAIN_MAX_BYTES = 12_000
/** Snapshots on their way to operators at once: each makes the node write its whole state, and keeps a file open. */
export const SNAPSHOT_SENDS_MAX_COUNT = 2
/** Of one part: in base64 it fits into a line that clients take. */
export const SNAPSHOT_PART_BYTES = 32 * 1024
/** More parts are sent when the reader has taken all but this of what it was sent, looked at so often ... */
export const SNAPSHOT_UNSENT_MAX_BYTES = 128 * 1024
export const SNAPSHOT_POLL_MS = 10
/** ... and one that has taken nothing for so long has gone away, whatever its keepalives say. */
export const SNAPSHOT_STALLED_MS = 30_000
export const WATCHES_PER_CONNECTION_MAX_COUNT = 100
export const WATCHES_MAX_COUNT = 2_000
/** A watcher that has taken less than all but this is told of a gap instead, once it has read. */
export const WATCH_UNSENT_MAX_BYTES = 1024 * 1024
export const WATCH_POLL_MS = 50
/** Events that wait to be told to one watch: what happens to what a gap's listing has shown already, or behind `since`. More: a gap. */
export const WATCH_KEPT_MAX_EVENTS = 16_384
/** Events that a node remembers for `since`: some seconds of a busy cluster, days of a quiet one; about 3 MiB. */
export const EVENTS_REMEMBERED_COUNT = 16_384
/** Told in one slice to a watch that catches up. */
export const EVENTS_PER_SLICE = 256
