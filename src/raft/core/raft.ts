import { invariant } from '../../invariant.js'
import type { ResolvedConfig, TraceEvent } from './config.js'
import { payloadsSize } from './log/entries.js'
import { RaftLog } from './log/raft-log.js'
import { type Message, MsgType, message } from './messages.js'
import { ReadOnly } from './read-only.js'
import { ProgressTracker } from './tracker/tracker.js'
import {
  EMPTY_BYTES,
  type Entry,
  EntryType,
  type HardState,
  type Index,
  NONE,
  type RaftId,
  type ReadState,
  Role,
  type Term,
} from './types.js'

/** What every new leader appends first: entries of earlier terms commit with it, never by themselves (thesis 3.6.2). */
const EMPTY_PROPOSAL: Entry = { term: 0, index: 0, type: EntryType.normal, data: EMPTY_BYTES }

/**
 * The state of one member and the changes of role. What a member does with messages is in step.ts and its neighbours;
 * `createRaft` builds one, `RawNode` is the interface to it.
 */
export class Raft {
  readonly id: RaftId
  readonly config: ResolvedConfig
  readonly log: RaftLog
  readonly tracker: ProgressTracker

  term: Term = 0
  vote: RaftId = NONE
  lead: RaftId = NONE
  role: Role = Role.follower
  isLearner = false
  /** The member that leadership is being handed to; no proposals are taken meanwhile (thesis 3.10). */
  leadTransferee: RaftId = NONE
  /**
   * At or above the index of the last membership change in the log. Another one may be proposed only when this index is
   * applied: one change at a time.
   */
  pendingConfIndex: Index = 0
  /** Bytes proposed and not applied yet, at a leader. Never too high, so that it cannot refuse forever. */
  uncommittedSize = 0
  /** Its disk does not answer: it must not be elected, for it could acknowledge nothing. Never set in etcd's scenarios. */
  storageStalled = false

  /** Ticks since the election timer was last reset. */
  electionElapsed = 0
  /** Ticks since the last heartbeat, at a leader. */
  heartbeatElapsed = 0
  /** In [electionTick, 2 electionTick); redrawn at every change of role, so that split votes do not repeat. */
  randomizedElectionTimeout = 0

  /** To be sent at once. */
  messages: Message[] = []
  /** To be sent when everything that is unstable now is durable; some go to this member itself. */
  messagesAfterAppend: Message[] = []
  readStates: ReadState[] = []
  readOnly: ReadOnly
  /** Reads from before this leader committed an entry of its term: it cannot know the commit index yet (mutant M52). */
  pendingReads: Message[] = []

  constructor(config: ResolvedConfig) {
    this.id = config.id
    this.config = config
    this.log = new RaftLog(config.storage, config.maxCommittedSizePerReady)
    this.tracker = new ProgressTracker({
      maxInflight: config.maxInflightMsgs,
      maxInflightBytes: config.maxInflightBytes,
    })
    this.readOnly = new ReadOnly()
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed }
  }

  /** Takes over what was stored. The stored commit index may be old, since it is not synced: what is applied is committed. */
  loadState({ term, vote, commit }: HardState, applied: Index): void {
    this.term = term
    this.vote = vote
    this.log.commitTo(Math.max(commit, applied))
  }

  /**
   * Queues a message. What a member may be held to (votes, acknowledged entries) waits until what it is based on
   * is durable (thesis 3.8). Rejections wait too: they may be based on a vote or on entries that a crash would undo.
   */
  send(m: Message): void {
    if (m.from === NONE) m.from = this.id
    switch (m.type) {
      case MsgType.vote:
      case MsgType.voteResp:
      case MsgType.preVote:
      case MsgType.preVoteResp:
        // Not always the current term: a pre-vote is about the next one.
        invariant(m.term !== 0, 'a vote message without a term')
        break
      case MsgType.prop:
      case MsgType.readIndex:
        // Passed on to the leader, whatever its term is.
        invariant(m.term === 0, 'a forwarded request with a term')
        break
      default:
        invariant(m.term === 0, 'a message whose term was set before it was sent')
        m.term = this.term
    }
    this.#queueFor(m).push(m)
    this.emit('send', m)
  }

  #queueFor(m: Message): Message[] {
    if (this.#awaitsStorage(m.type)) return this.messagesAfterAppend
    invariant(m.to !== this.id, 'a message to itself that needs no durable state')
    return this.messages
  }

  #awaitsStorage(type: MsgType): boolean {
    switch (type) {
      case MsgType.appResp:
      case MsgType.voteResp:
      case MsgType.preVoteResp:
        return true
      case MsgType.vote:
        // A vote is asked for with a term that the candidate will still know after a crash, and for a log that it will
        // still have. Otherwise it could win a term that it has led before, or by entries that it has lost. Synchronous
        // storage needs no care: there all messages leave after the write.
        return this.config.asyncStorageWrites && !this.config.eagerVoteRequests
      default:
        return false
    }
  }

  // ----------------------------------------------------------------------------------------------- roles

  becomeFollower(term: Term, lead: RaftId): void {
    this.#reset(term)
    this.lead = lead
    this.role = Role.follower
    this.emit('follower')
    this.config.logger.info(`${this.id} became follower at term ${this.term}`)
  }

  becomeCandidate(): void {
    invariant(this.role !== Role.leader, 'invalid transition from leader to candidate')
    this.#reset(this.term + 1)
    this.vote = this.id
    this.role = Role.candidate
    this.emit('candidate')
    this.config.logger.info(`${this.id} became candidate at term ${this.term}`)
  }

  /** Asks whether it could win. Neither term nor vote change, so nothing has to be durable and nobody is disturbed. */
  becomePreCandidate(): void {
    invariant(this.role !== Role.leader, 'invalid transition from leader to pre-candidate')
    this.tracker.resetVotes()
    this.lead = NONE
    this.role = Role.preCandidate
    this.emit('pre-candidate')
    this.config.logger.info(`${this.id} became pre-candidate at term ${this.term}`)
  }

  becomeLeader(): void {
    invariant(this.role !== Role.follower, 'invalid transition from follower to leader')
    this.#reset(this.term)
    this.lead = this.id
    this.role = Role.leader
    const own = this.tracker.progress.get(this.id)
    invariant(own !== undefined, 'a leader that is not a member')
    own.becomeReplicate()
    own.recentActive = true
    // A membership change may lie anywhere in the log that is not applied yet. Waiting for all of it is safe, and cheaper
    // than a search (mutant M61).
    this.pendingConfIndex = this.log.lastIndex()
    this.emit('leader')
    invariant(this.appendEntries([EMPTY_PROPOSAL]), 'the empty entry of a new leader was dropped')
    this.config.logger.info(`${this.id} became leader at term ${this.term}`)
  }

  #reset(term: Term): void {
    if (this.term !== term) {
      // Only a new term frees the vote: forgetting it within a term would allow to vote twice (mutant M04).
      this.term = term
      this.vote = NONE
    }
    this.lead = NONE
    this.electionElapsed = 0
    this.heartbeatElapsed = 0
    this.randomizedElectionTimeout = this.config.electionTick + this.config.randomInt(this.config.electionTick)
    this.leadTransferee = NONE
    this.tracker.resetVotes()
    const lastIndex = this.log.lastIndex()
    this.tracker.visit((id, progress) => progress.reset(id === this.id ? lastIndex : 0, lastIndex + 1))
    this.pendingConfIndex = 0
    this.uncommittedSize = 0
    this.readOnly = new ReadOnly()
    this.pendingReads = []
  }

  // ------------------------------------------------------------------------------------------- leader's log

  /** Appends proposals with the leader's term. False if they were dropped, since too much is not applied yet. */
  appendEntries(proposals: readonly Entry[]): boolean {
    const bytes = payloadsSize(proposals)
    // Anything fits into an empty tail. Empty entries always fit: they are a leader's first entry and the end of a joint
    // configuration, without which the group would be stuck.
    const exceeds = this.uncommittedSize + bytes > this.config.maxUncommittedEntriesSize
    if (this.uncommittedSize > 0 && bytes > 0 && exceeds) return false
    this.uncommittedSize += bytes

    let index = this.log.lastIndex()
    const term = this.term
    const entries = proposals.map(({ type, data }) => ({ term, index: ++index, type, data }))
    this.log.append(entries)
    this.emit('append')
    // The leader counts its own copy only when it is durable, like everybody's (mutant M34).
    this.send(message(MsgType.appResp, this.id, this.id, { index }))
    return true
  }

  /** Entries were applied: they no longer count against the limit. The count starts at zero in each term, hence max. */
  reduceUncommittedSize(bytes: number): void {
    this.uncommittedSize = Math.max(0, this.uncommittedSize - bytes)
  }

  /** Commits what a quorum has. True if there was something; then all should be told. */
  maybeCommit(): boolean {
    const advanced = this.log.maybeCommit(this.tracker.committed(), this.term)
    if (advanced) this.emit('commit')
    return advanced
  }

  committedEntryInCurrentTerm(): boolean {
    return this.log.matchTerm(this.log.committed, this.term)
  }

  // ----------------------------------------------------------------------------------------------- tracing

  emit(kind: TraceEvent['kind'], m: Message | null = null): void {
    const { trace } = this.config
    if (trace === null) return
    const { id, term, vote, role, log } = this
    trace({ kind, id, term, vote, role, commit: log.committed, lastIndex: log.lastIndex(), message: m })
  }
}
