import { invariant } from '../../invariant.js'
import { applyConfChange, confChangeError } from './conf-apply.js'
import type { ConfChangeError } from './confchange/changer.js'
import { encodeConfChange } from './confchange/codec.js'
import type { RaftConfig } from './config.js'
import { createRaft } from './create-raft.js'
import { Refusal } from './errors.js'
import { isLocalMsg, isLocalTarget, isResponseMsg, type Message, MsgType, message } from './messages.js'
import type { Raft } from './raft.js'
import { readIndexMessage } from './read-index.js'
import { heirOfStalled } from './stalled-leader.js'
import { type Status, statusOf } from './status.js'
import { step } from './step.js'
import {
  storageAppendMessage,
  storageAppendResponse,
  storageApplyMessage,
  storageApplyResponse,
} from './storage-messages.js'
import { tick } from './tick.js'
import {
  type ConfChangeV2,
  type ConfState,
  type Entry,
  EntryType,
  type HardState,
  type Index,
  NONE,
  type RaftId,
  type ReadState,
  Role,
  type Snapshot,
  type SoftState,
  type Term,
} from './types.js'

/**
 * What has to be done now, in this order: store hardState, entries (they replace everything from the first one's index on)
 * and snapshot, durably if `mustSync`; send the messages; apply snapshot, then committedEntries; `advance`. A leader may
 * send before it stores. With asynchronous storage, `messages` holds the orders for both local threads as well; then the
 * other fields only say what is in them, and there is no `advance`.
 */
export interface Ready {
  /** Null: unchanged. Need not be stored. */
  readonly softState: SoftState | null
  readonly hardState: HardState | null
  readonly readStates: readonly ReadState[]
  readonly entries: readonly Entry[]
  readonly snapshot: Snapshot | null
  readonly committedEntries: readonly Entry[]
  readonly messages: readonly Message[]
  /** False if only the commit index changed: losing that in a crash does no harm. */
  readonly mustSync: boolean
}

/** What a member without work returns; shared, so that an idle one costs nothing. */
const EMPTY_READY: Ready = Object.freeze({
  softState: null,
  hardState: null,
  readStates: Object.freeze([]),
  entries: Object.freeze([]),
  snapshot: null,
  committedEntries: Object.freeze([]),
  messages: Object.freeze([]),
  mustSync: false,
})

/**
 * One Raft member, without threads, clock, disk or network: inputs go in, `ready` says what follows. Inputs that are
 * refused return the reason, otherwise null. An InvariantViolation is final: nothing more is accepted after it.
 *
 *     node.tick(); node.step(message); node.propose(batch)          // inputs, in any order
 *     while (node.hasReady()) {
 *       const ready = node.ready()                                   // what follows from them
 *       await store(ready.hardState, ready.entries, ready.snapshot)  // durable before …
 *       send(ready.messages)                                         // … anything is promised
 *       apply(ready.committedEntries)
 *       node.advance()
 *     }
 */
export class RawNode {
  readonly #raft: Raft
  readonly #asyncStorage: boolean
  /** Set while an input is handled. Nobody may call in from the outside then, and after an exception never again. */
  #busy = false
  #lead: RaftId
  #role: Role
  #hardState: HardState
  /** Synchronous storage: what `advance` is to step. Not null: a Ready is out. */
  #onAdvance: readonly Message[] | null = null

  /** Throws ConfigError, or InvariantViolation if the storage contradicts itself. */
  constructor(config: RaftConfig) {
    this.#raft = createRaft(config)
    this.#asyncStorage = this.#raft.config.asyncStorageWrites
    this.#lead = this.#raft.lead
    this.#role = this.#raft.role
    this.#hardState = this.#raft.hardState()
  }

  get term(): Term {
    return this.#raft.term
  }
  get role(): Role {
    return this.#raft.role
  }
  get lastIndex(): Index {
    return this.#raft.log.lastIndex()
  }
  /** The highest index known to be committed. */
  get committed(): Index {
    return this.#raft.log.committed
  }

  /** One tick of the logical clock that electionTick and heartbeatTick count. */
  tick(): void {
    this.#enter()
    tick(this.#raft)
    this.#busy = false
  }

  /** A message from another member, or the response of a local thread. It is kept and must not be changed afterwards. */
  step(m: Message): Refusal | null {
    if (!isLocalTarget(m.from)) {
      if (isLocalMsg(m.type)) return Refusal.localMessage
      if (isResponseMsg(m.type) && !this.#raft.tracker.progress.has(m.from)) return Refusal.peerNotFound
    }
    return this.#step(m)
  }

  /** Starts an election now, if this member may. */
  campaign(): void {
    this.#step(message(MsgType.hup, NONE))
  }

  /** Each item becomes the data of one entry. At a follower they are passed on to the leader. */
  propose(...data: readonly Uint8Array[]): Refusal | null {
    return this.#propose(data.map((item) => proposal(EntryType.normal, item)))
  }

  /**
   * Proposes a membership change; one that must not be made now leaves an empty entry in its place. Type confChange is
   * for a single change without a joint phase.
   */
  proposeConfChange(change: ConfChangeV2, type: EntryType = EntryType.confChangeV2): Refusal | null {
    return this.#propose([proposal(type, encodeConfChange(change))])
  }

  /**
   * Why this change could not be applied to the membership in force; null: it can. To be asked before it is proposed: an
   * entry in the log that cannot be applied would end every member that comes to it.
   */
  confChangeError(change: ConfChangeV2): ConfChangeError | null {
    return confChangeError(this.#raft, change)
  }

  #propose(entries: readonly Entry[]): Refusal | null {
    return this.#step(message(MsgType.prop, NONE, this.#raft.id, { entries }))
  }

  /** To be called when the entry of a membership change is applied. Returns the membership in force from now on. */
  applyConfChange(change: ConfChangeV2): ConfState {
    this.#enter()
    const confState = applyConfChange(this.#raft, change)
    this.#busy = false
    return confState
  }

  /**
   * Asks for a point in the log behind everything that was acknowledged before this call. The answer comes as a read state
   * with the same context, or never, if leadership changes: then ask again.
   */
  readIndex(context: Uint8Array): void {
    this.#step(readIndexMessage(context))
  }

  /** Hands leadership to `transferee`, if this member leads or knows who does. */
  transferLeader(transferee: RaftId): void {
    this.#step(message(MsgType.transferLeader, NONE, transferee))
  }

  /** While the disk does not answer, this member does not campaign, also not when it is asked to. */
  storageStalled(isStalled: boolean): void {
    this.#raft.storageStalled = isStalled
  }

  /**
   * At a leader, if a quorum without it has entries that its own disk has not stored: the voter of them to hand over to.
   * Otherwise NONE; then nobody would do better.
   */
  heirOfStalled(): RaftId {
    return heirOfStalled(this.#raft)
  }

  /** A leader gives up, in the same term. */
  stepDown(): void {
    this.#enter()
    if (this.#raft.role === Role.leader) this.#raft.becomeFollower(this.#raft.term, NONE)
    this.#busy = false
  }

  /** Above 0: this log has more than one that ends so; 0: they end alike; below 0: it lacks something (thesis 3.6.1). */
  compareLog(lastTerm: Term, lastIndex: Index): number {
    const { log } = this.#raft
    return log.lastTerm() === lastTerm ? log.lastIndex() - lastIndex : log.lastTerm() - lastTerm
  }

  /** A follower stops standing by its leader, which is known to be dead. */
  forgetLeader(): void {
    this.#step(message(MsgType.forgetLeader, NONE))
  }

  /** What was sent to this member last did not arrive. */
  reportUnreachable(id: RaftId): void {
    this.#step(message(MsgType.unreachable, NONE, id))
  }

  /** The transfer of a snapshot has ended. Must be called for each one that was sent. */
  reportSnapshot(id: RaftId, ok: boolean): void {
    this.#step(message(MsgType.snapStatus, NONE, id, { reject: !ok }))
  }

  status(): Status {
    return statusOf(this.#raft)
  }

  /** Bytes of proposals in this leader's log that are not applied yet; 0 at others. */
  uncommittedBytes(): number {
    return this.#raft.uncommittedSize
  }

  /** For scenarios: until the next change of role. */
  setRandomizedElectionTimeout(ticks: number): void {
    this.#raft.randomizedElectionTimeout = ticks
  }

  /** Whether `ready` has anything to say. */
  hasReady(): boolean {
    const { log, messages, messagesAfterAppend, readStates } = this.#raft
    return (
      messages.length > 0 ||
      messagesAfterAppend.length > 0 ||
      log.unstable.hasNextEntries() ||
      log.hasNextCommittedEntries(!this.#asyncStorage) ||
      this.#hardStateChanged() ||
      this.#softStateChanged() ||
      readStates.length > 0 ||
      log.unstable.nextSnapshot() !== null
    )
  }

  /** What is to be done now; each call must be carried out. Synchronous storage: and be followed by `advance`. */
  ready(): Ready {
    invariant(this.#onAdvance === null, 'a Ready was asked for before the one before it was advanced')
    if (!this.hasReady()) {
      if (!this.#asyncStorage) this.#onAdvance = []
      return EMPTY_READY
    }
    this.#enter()
    const raft = this.#raft
    const { log } = raft
    const hardState = this.#hardStateChanged() ? raft.hardState() : null
    const entries = log.unstable.nextEntries()
    const ready = {
      softState: this.#softStateChanged() ? { lead: raft.lead, role: raft.role } : null,
      hardState,
      readStates: raft.readStates,
      entries,
      snapshot: log.unstable.nextSnapshot(),
      committedEntries: log.nextCommittedEntries(!this.#asyncStorage),
      messages: raft.messages,
      mustSync: entries.length > 0 || raft.term !== this.#hardState.term || raft.vote !== this.#hardState.vote,
    }
    if (this.#asyncStorage) this.#addStorageMessages(ready)
    else this.#holdBackUntilAdvance(ready)
    this.#accept(ready)
    raft.emit('ready')
    this.#busy = false
    return ready
  }

  /** Synchronous storage only: the last Ready was carried out. */
  advance(): void {
    invariant(this.#onAdvance !== null, 'advance without a Ready, or with asynchronous storage')
    const messages = this.#onAdvance
    this.#onAdvance = null
    for (const m of messages) this.#step(m)
  }

  #addStorageMessages(ready: Ready & { messages: Message[] }): void {
    const append = storageAppendMessage(this.#raft, ready)
    if (append !== null) ready.messages.push(append)
    if (ready.committedEntries.length > 0) ready.messages.push(storageApplyMessage(this.#raft, ready.committedEntries))
  }

  /** Everything is durable before messages are sent, so they can all go with this Ready; those to itself at `advance`. */
  #holdBackUntilAdvance(ready: Ready & { messages: Message[] }): void {
    const raft = this.#raft
    const onAdvance: Message[] = []
    for (const m of raft.messagesAfterAppend) (m.to === raft.id ? onAdvance : ready.messages).push(m)
    const response = storageAppendResponse(raft, ready.snapshot)
    if (response !== null) onAdvance.push(response)
    if (ready.committedEntries.length > 0) onAdvance.push(storageApplyResponse(raft, ready.committedEntries))
    this.#onAdvance = onAdvance
  }

  #accept(ready: Ready): void {
    const raft = this.#raft
    this.#lead = raft.lead
    this.#role = raft.role
    if (ready.hardState !== null) this.#hardState = ready.hardState
    raft.messages = []
    raft.messagesAfterAppend = []
    raft.readStates = []
    raft.log.unstable.acceptInProgress()
    raft.log.acceptApplying(ready.committedEntries, !this.#asyncStorage)
  }

  #softStateChanged(): boolean {
    return this.#raft.lead !== this.#lead || this.#raft.role !== this.#role
  }

  #hardStateChanged(): boolean {
    const { term, vote, log } = this.#raft
    const before = this.#hardState
    return log.committed !== before.commit || term !== before.term || vote !== before.vote
  }

  #step(m: Message): Refusal | null {
    this.#enter()
    const refusal = step(this.#raft, m)
    this.#busy = false
    return refusal
  }

  #enter(): void {
    invariant(!this.#busy, 'the raft core was called from within itself, or after it failed')
    this.#busy = true
  }
}

function proposal(type: EntryType, data: Uint8Array): Entry {
  return { term: 0, index: 0, type, data }
}
