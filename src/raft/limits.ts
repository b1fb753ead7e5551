/** Every bound of the Raft shell in one place, with its unit in its name. The core's own are in `RaftConfig`. */

// ------------------------------------------------------------------------------------- peer connections

/** A frame travels in fragments of at most this, so that a big bulk frame never delays a heartbeat by more than one. */
export const FRAGMENT_PAYLOAD_BYTES = 64 * 1024
/** The largest frame that a peer may send; a longer one ends the connection. */
export const PEER_FRAME_BYTES = 16 * 1024 * 1024
/**
 * What is bundled for a peer goes in frames of about this: large enough to cost nothing, small enough that a node far
 * behind is neither sent nor made to decode all that it lacks in one piece. One append of the core is at most half of it.
 */
export const BUNDLE_FRAME_BYTES = 2 * 1024 * 1024
/** Pieces of one frame; those of an honest peer are full, all but the last. */
export const FRAME_FRAGMENTS = 2 * (PEER_FRAME_BYTES / FRAGMENT_PAYLOAD_BYTES)
/** All that may come, fragment headers counted, from whoever has not been accepted yet. */
export const HANDSHAKE_BYTES = 4 * 1024
/** Smaller frames are copied into one buffer: that costs less than a chunk of their own in the write. */
export const COALESCE_BYTES = 4 * 1024
/** Bulk that may wait in the socket's buffer: what a heartbeat has to sit behind at most. */
export const BULK_WINDOW_BYTES = 128 * 1024
/** What waits on each lane for a slow peer before `send` refuses more. */
export const CONTROL_QUEUE_BYTES = 4 * 1024 * 1024
export const BULK_QUEUE_BYTES = 32 * 1024 * 1024

/** Connections that have not said who they are yet. One more, and the oldest from the address with the most is closed. */
export const UNKNOWN_CONNECTIONS = 64
/** Fresh random bytes of each side, so that no proof of a secret fits another connection. */
export const HELLO_NONCE_BYTES = 16
/** Names in a hello, in UTF-16 units. */
export const HELLO_TEXT_LENGTH = 512
/** Refusals that are remembered, so that each is logged once and not at every retry. */
export const REMEMBERED_REFUSALS = 1_000
/** A refusal, or a broken connection, that goes on is told again after this, with how often it happened meanwhile. */
export const REFUSAL_REMINDER_MS = 60_000

/** Of one directory, remembered as let in. Two at a time are the rule: the last one, and a late word of the one before. */
export const KNOWN_PROCESSES = 64
/** Members in one configuration or list of a peer's frame. */
export const MEMBERS_COUNT = 1_000
/** A founder's clock: tokens begin at so many seconds × 2^20 and must stay below 2^53 for as long as anybody counts on. */
export const UNIX_SECONDS_MAX = 2 ** 32
/** As `--lease` allows. */
export const NODE_LEASE_MAX_MS = 86_400_000
/** Terms above this are refused: each election needs a higher one, and they are exact below 2^53 only. */
export const TERM_MAX = 2 ** 52
/** So far ahead of this node a member may be, an election a millisecond for seven weeks. */
export const TERM_JUMP = 2 ** 32

export const CONNECT_TIMEOUT_MS = 1_000
/**
 * So much longer where the connection stands and TLS above it does not yet. The system completes a connection by itself; a
 * handshake needs both processes, and the way there and back once more. A try that is given up begins anew, so where each would
 * take a little too long no try ever succeeded. Less than what who listens allows (`HANDSHAKE_MAX_MS` of `src/sockets`).
 */
export const TLS_TIMEOUT_MS = 5_000
/** From the connection to the peer's verdict. A stopped process accepts connections but never says hello. */
export const HANDSHAKE_TIMEOUT_MS = 1_000
export const RECONNECT_MIN_MS = 20
export const RECONNECT_MAX_MS = 1_000
/** A node of another cluster stands at a peer's address: that seldom changes, and each dial is a line in its log. */
export const RECONNECT_FOREIGN_MS = 10_000
/** Reasons for which one peer cannot be reached that are told while it cannot: `connection refused`, and then `certificate expired`. */
export const UNREACHABLE_REASONS_COUNT = 8
/** The dial by which a lost connection is checked is spread over this, so that two peers seldom dial at once. */
export const PROBE_SPREAD_MS = 5
/** How long that dial may leave open whether the peer is dead. */
export const PROBE_VERDICT_MS = 300
/** A connection that ended younger than this was unstable ... */
export const STABLE_CONNECTION_MS = 1_000
/** ... and after so many unstable ones in a row a lost connection is no longer checked at once. */
export const UNSTABLE_CONNECTIONS = 3
export const LIVENESS_CHECK_MS = 1_000
/** Checks in a row at which we had sent and had heard nothing: first a probe is sent, later the connection is dropped. */
export const SILENT_CHECKS_BEFORE_PROBE = 2
export const SILENT_CHECKS_BEFORE_DROP = 5
export const TCP_KEEPALIVE_IDLE_MS = 5_000
/** For the last words of a connection that is being closed. */
export const CLOSE_GRACE_MS = 1_000

// ---------------------------------------------------------------------------------------- durable store

/** LevelDB collects this much in memory before it writes a table: fewer, larger writes in the background of our syncs. */
export const LEVELDB_WRITE_BUFFER_BYTES = 16 * 1024 * 1024
/** Tables that LevelDB keeps open (its default is 1,000): the server counts on it when it gives descriptors to clients. */
export const LEVELDB_MAX_OPEN_FILES = 128
/** What one step of the scan at start reads from LevelDB. */
export const SCAN_BUFFER_BYTES = 1024 * 1024
export const SCAN_STEP_PAIRS = 1_000
/** Forgotten blocks are deleted so many at a time: a delete costs the event loop some 10 us. */
export const SWEEP_STEP_BLOCKS = 128
/**
 * What one write of the log holds at most, beyond a single entry. More that arrived in one turn becomes several: a longer
 * block would keep the event loop for its checksum and the disk's queue for itself.
 */
export const STORED_BATCH_BYTES = 4 * 1024 * 1024
/** Asked of a snapshot source for each chunk. */
export const SNAPSHOT_SLICE_BYTES = 64 * 1024
/** A longer chunk is refused: a length that was hit by damage must not become an allocation. */
export const SNAPSHOT_CHUNK_LIMIT_BYTES = 8 * 1024 * 1024
export const SNAPSHOT_METADATA_LIMIT_BYTES = 1024 * 1024
/** A snapshot is synced piece by piece, so that the log's syncs never queue behind a whole file of dirty pages. */
export const SNAPSHOT_SYNC_STEP_BYTES = 4 * 1024 * 1024
/** What a saved snapshot says of itself before its contents. */
export const SEALED_HEADER_LIMIT_BYTES = 64 * 1024
/** Read at a time of a saved snapshot that is copied or verified. */
export const SEALED_READ_BYTES = 1024 * 1024
/** Acknowledged batches are collected for this long before LevelDB writes them; the journal has them meanwhile. */
export const WRITE_DELAY_MS = 10
/** The newest one, and the one before it, which a transfer may still be reading. */
export const SNAPSHOTS_KEPT = 2
/**
 * Received and not installed. On a slow disk several leaders' snapshots may wait for one that is being installed, and none
 * of them may go before its turn; what the core did not want goes with the next one that is installed.
 */
export const WAITING_SNAPSHOTS_KEPT = 16

// ------------------------------------------------------------------------------------------- raft node

/** Reads of this node that wait for a quorum or for the log; each is a small object. More are refused. */
export const READS_WAITING_COUNT = 32_768
/** A read that no quorum has confirmed for so long is unavailable: as long as clients wait by default. */
export const READ_PATIENCE_MS = 5_000
/** A question to the leader that was not answered for so long is asked again: it, or the answer, may have been lost. */
export const READ_RETRY_MS = 200

/** One command. A client's longest line is 32 KiB; its command, with what it holds and waits for, stays far below this. */
export const COMMAND_BYTES = 256 * 1024
/** A batch of commands closes at this size ... */
export const ENTRY_BYTES = 512 * 1024
/** ... and at so many commands: an entry is applied in one go (some 2 us a command). */
export const ENTRY_COMMANDS = 1_024
/** Commands waiting for the next turn; more are refused. */
export const PROPOSALS_BYTES = 16 * 1024 * 1024
/** Commands of one turn on their way to a leader elsewhere; more are refused. */
export const FORWARD_BYTES = 16 * 1024 * 1024
/** After so many applied commands a turn yields, so that heartbeats and sockets are not delayed. */
export const APPLY_COMMANDS_PER_TURN = 2_048
/**
 * From here on new work is refused as `busy`: commands of a turn, entries of a leader that are not committed, what waits
 * for a leader elsewhere. Far enough below the bounds that what frees and what keeps still finds room, and so low that a
 * slow disk has it stored within a second or two.
 */
export const BUSY_PROPOSALS_BYTES = 4 * 1024 * 1024
export const BUSY_UNCOMMITTED_BYTES = 8 * 1024 * 1024
export const BUSY_FORWARD_BYTES = 4 * 1024 * 1024
/** A leader's word that it is busy counts for this long, so that a lost message does not keep a node busy forever. */
export const BUSY_WORD_MS = 1_000
/** How often at most a busy leader says so to each node that goes on proposing. */
export const BUSY_WORD_SPACING_MS = 200
/** Bounds of the core. A window of 8 MiB keeps 1 Gbit/s busy over 60 ms; 32 MiB only filled queues. */
export const APPEND_MESSAGE_BYTES = 1024 * 1024
export const INFLIGHT_MESSAGES = 256
export const INFLIGHT_BYTES = 8 * 1024 * 1024
export const UNCOMMITTED_BYTES = 64 * 1024 * 1024
export const COMMITTED_BYTES_PER_READY = 1024 * 1024

/** A snapshot is due after this many applied entries, or this many bytes of log, whichever comes first. */
export const SNAPSHOT_INTERVAL_ENTRIES = 100_000
export const SNAPSHOT_INTERVAL_BYTES = 64 * 1024 * 1024
/**
 * At so many intervals without a durable snapshot it is overdue by two: the log in memory cannot be cut, so a leader takes
 * no new work then, and a follower no entries. Bounds the log in memory, and what a start has to load.
 */
export const SNAPSHOT_OVERDUE_INTERVALS = 3
/** Entries kept below a snapshot, so that a slow follower is not forced to take the snapshot. */
export const TRAILING_WINDOW_ENTRIES = 10_000
/** ... as far as they do not exceed this: 10,000 entries can be 5 GiB. */
export const TRAILING_WINDOW_BYTES = 32 * 1024 * 1024
/**
 * Below a snapshot a log of up to this is kept for members that follow, and behind a snapshot that is on its way: else its
 * receiver would be too late again when it has it. One that needs more gets another snapshot.
 */
export const LOG_HELD_ENTRIES = 300_000
export const LOG_HELD_BYTES = 160 * 1024 * 1024
export const SNAPSHOT_TRANSFER_CHUNK_BYTES = 256 * 1024
/** Chunks sent ahead of the receiver's acknowledgement. */
export const SNAPSHOT_TRANSFER_WINDOW_CHUNKS = 4
/** A receiver that says nothing for this long is given up: it may not have been a member yet when the transfer began. */
export const SNAPSHOT_TRANSFER_STALL_MS = 10_000
/** A receiver whose disk is at work says so this often, or a slow sync would restart the transfer forever. */
export const SNAPSHOT_TRANSFER_WORKING_MS = 2_000

/**
 * A restored cluster's log begins so far behind the entry that was saved: whatever the former cluster did after that has a lower
 * index, so that a watch that asks for what came `since` is told of a gap. That is 68 billion entries, and 2^17 restores in a row.
 */
export const RESTORED_INDEX_STEP = 2 ** 36
export const BOOTSTRAP_ANNOUNCE_MS = 100
/** Founders are numbered from 1; ids of later members lie above this. */
export const FOUNDERS_COUNT = 1_000
/** Longer than an election: a membership change not applied by then met a change of leaders, and its fate is unknown. */
export const MEMBERSHIP_CHANGE_MS = 5_000
/** How often a new node's claim to its Raft id is proposed until it is applied. */
export const CLAIM_REPEAT_MS = 500
/** A removed node goes on, and stays connected, for this long: so that the others learn of the change from it if it led. */
export const REMOVED_LINGER_MS = 1_000
/** After the hint of a dead leader its followers campaign one after the other, by rank, so that they do not split the vote. */
export const HINT_RANK_STEP_MS = 15
export const HINT_JITTER_MS = 5
/** A pre-vote that was not answered is asked for again; that costs nobody anything. */
export const HINT_RETRY_MS = 25
/** Whoever was granted a pre-vote, or a vote, is given this time before the node that granted it campaigns itself. */
export const HINT_GRANTED_WAIT_MS = 60
export const HINT_VOTED_WAIT_MS = 150
/** A candidate waits for the disks of all that vote for it. */
export const HINT_CANDIDATE_PATIENCE_MS = 250
/** Campaigns of one hint; then the election timeouts are left to do it. */
export const HINT_ATTEMPTS = 20
/** A process whose write to the disk is older than this, and than so many node leases, ends if others go on without it. */
export const DISK_HANGS_MS = 60_000
export const DISK_HANGS_LEASES = 6
/** How long the notice of a commit may wait for an append that carries it ... */
export const COMMIT_NOTICE_DELAY_MS = 4
/** ... unless the follower sent proposals within this time: its clients wait for the commit. */
export const PROMPT_NOTICE_MS = 100
