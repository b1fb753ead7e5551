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
export const DUE_PER_TURN_COUNT = 1_000
/** What a new leader begins to count in one turn, of the holds whose times it counts. */
export const BEGUN_PER_TURN_COUNT = 2_000
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

// ------------------------------------------------------------------------------------------------ clean stop
/** A leader that stops waits this long for another to take over. */
export const HANDOVER_MS = 1_000
