/** What the layers above see of a running Raft node. Implemented by `RaftNode`; the server and the simulator use this. */
import type { ConfChangeSingle, ConfState, Index, RaftId, Role, Term } from '../core/types.js'
import type { SnapshotReader } from '../ports/store.js'
import type { FrameKind, Lane, Peer } from '../ports/transport.js'
import type { ReadDone } from './reads/reads.js'

export interface NodeStatus {
  readonly nodeId: string
  readonly raftId: RaftId
  readonly clusterId: string
  readonly role: Role
  readonly term: Term
  /** Node id of the leader, or null. */
  readonly leader: string | null
  readonly commitIndex: Index
  readonly appliedIndex: Index
  readonly firstIndex: Index
  readonly lastIndex: Index
  readonly snapshotIndex: Index
  readonly confState: ConfState
  /** Only at the leader: how far each member has stored the log. */
  readonly progress: readonly {
    readonly nodeId: string
    readonly match: Index
    readonly active: boolean
    readonly learner: boolean
  }[]
}

/** What is told in every turn is a function by itself: the driver calls it, and nobody stands between. */
export interface NodeObserver {
  /** The known leader changed (null: none known), or this node entered a new term as leader. */
  onLeader(leader: string | null, term: Term): void
  /** One entry was applied, all of it: what the state machine has to tell of it is to be taken now. May propose. */
  readonly onEntryApplied: (index: Index) => void
  /** All commands that could be applied in this turn were applied: answers may be flushed, deferred work may run. */
  readonly onApplied: (index: Index) => void
  /** This leader has applied an entry of its own term: leader duties (rule 3) may begin. */
  onLeaderReady(term: Term): void
  /** This leader is about to hand over: what is proposed now is the last of its term. */
  onHandingOver(): void
  /** The state was replaced by a snapshot from the leader (rule 9). */
  onRestored(index: Index): void
  /** A synced write to the log took so long. */
  readonly onStored: (durationMs: number) => void
  /** A frame of kind renew, renewed, admin or adminResult from a peer (node id). */
  onPeerFrame(from: string, kind: FrameKind, payload: Uint8Array): void
  /**
   * The node cannot go on; it has already stopped acknowledging. The class of `error` says why: `RemovedFromCluster`,
   * `StoreError`, `OlderProgramError`, or a broken invariant.
   */
  onFatal(error: Error): void
}

/** The way into the log. Whoever proposes has it in hand, so that nothing stands between. */
export interface CommandSink {
  /**
   * Proposes commands, through the leader when this node does not lead. Fire and forget: a command may be dropped
   * (no leader, leader changed, bounds) or applied, later or twice; the caller watches what is applied and repeats.
   * False if it is certain already that nothing was proposed. What was taken while this node led is appended in that
   * very term or dropped, never forwarded: a deposed leader's `ExpireNode` must not reach its successor (rules.md
   * rule 3).
   */
  propose(command: Uint8Array): boolean
  /**
   * True while new work is to be refused as busy, here or at the leader: too much waits already. What frees or keeps
   * (release, cancel, end, resume, renewal) is proposed all the same.
   */
  isBusy(): boolean
  /** Commands that were proposed, or sent to a leader, since the start of this node. */
  readonly count: number
}

export interface NodeApi {
  readonly nodeId: string
  /** Takes nothing before this node is a member of a cluster. */
  readonly proposals: CommandSink
  /** Null before this node is a member of a cluster. */
  status(): NodeStatus | null
  isLeader(): boolean
  /** True at a leader that has applied an entry of its own term. */
  isLeaderReady(): boolean
  leader(): string | null
  term(): Term
  appliedIndex(): Index
  commitIndex(): Index
  /** A quorum round begun after this call: `done(index)` with the commit index known at its start, or null if leadership was lost. Leader only. */
  confirmLeadership(done: (index: Index | null) => void): void
  /**
   * A linearizable read, on any node and without an entry of the log: when `done('current')` is called, the applied state
   * has all that was acknowledged to anybody before this call, and is to be read within that call. `unavailable`: too many
   * reads wait, or no quorum confirmed it within READ_PATIENCE_MS; nothing may be concluded then. Called once, perhaps at
   * once. Says nothing of the right to speak.
   */
  read(done: ReadDone): void
  /**
   * A snapshot of the state that is applied now, or of a later one, durable on this disk; whoever gets it closes it. Called back
   * once, later; never, if this node ends before or is not a member yet.
   */
  saveSnapshot(done: (reader: SnapshotReader) => void): void
  sendPeer(to: string, lane: Lane, kind: FrameKind, payload: Uint8Array): boolean
  /** Leader only. Throws NodeRefusal. Resolves when applied. */
  changeMembership(changes: readonly ConfChangeSingle[], context: Uint8Array): Promise<void>
  /** Leader only. Resolves when the other node leads; rejects with NodeRefusal. */
  transferLeadership(to: string): Promise<void>
  /** Tells the node who the members are now (after each change, and after a restore). */
  setMembers(members: readonly Peer[]): void
  /** Frames and messages from peers of a kind that this program does not know; they are left alone. */
  droppedFrames(): number
  /** The smallest Raft id that no member, past or present, has used. */
  nextRaftId(): RaftId
}
