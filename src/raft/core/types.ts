/** Identifies one Raft member forever: a replaced node gets a new one. 0 is "none"; negative values are local threads. */
export type RaftId = number
export type Term = number
export type Index = number

export const NONE: RaftId = 0
/** Targets of the messages by which asynchronous storage is driven (etcd-raft: LocalAppendThread, LocalApplyThread). */
export const APPEND_THREAD: RaftId = -1
export const APPLY_THREAD: RaftId = -2

export const EntryType = { normal: 0, confChange: 1, confChangeV2: 2 } as const
export type EntryType = (typeof EntryType)[keyof typeof EntryType]

/** One log entry. Never mutated once it was given to the core: arrays and buffers are shared with storage and peers. */
export interface Entry {
  readonly term: Term
  readonly index: Index
  readonly type: EntryType
  readonly data: Uint8Array
}

/** A membership configuration; `votersOutgoing` is not empty while a joint configuration is in force (thesis 4.3). */
export interface ConfState {
  readonly voters: readonly RaftId[]
  readonly learners: readonly RaftId[]
  readonly votersOutgoing: readonly RaftId[]
  readonly learnersNext: readonly RaftId[]
  readonly autoLeave: boolean
}

export interface SnapshotMetadata {
  readonly index: Index
  readonly term: Term
  readonly confState: ConfState
}

/** `data` is opaque to the core; the node puts a reference to a snapshot file there. Index 0 means "no snapshot". */
export interface Snapshot {
  readonly metadata: SnapshotMetadata
  readonly data: Uint8Array
}

/** What must be durable before any message of the same Ready leaves. A change of `commit` alone needs no sync. */
export interface HardState {
  readonly term: Term
  readonly vote: RaftId
  readonly commit: Index
}

export const Role = { follower: 0, preCandidate: 1, candidate: 2, leader: 3 } as const
export type Role = (typeof Role)[keyof typeof Role]

export interface SoftState {
  readonly lead: RaftId
  readonly role: Role
}

/** The answer to a read request: state applied up to `index` may answer the read that was asked with `context`. */
export interface ReadState {
  readonly index: Index
  readonly context: Uint8Array
}

export const ConfChangeType = { addNode: 0, removeNode: 1, updateNode: 2, addLearnerNode: 3 } as const
export type ConfChangeType = (typeof ConfChangeType)[keyof typeof ConfChangeType]

export interface ConfChangeSingle {
  readonly type: ConfChangeType
  readonly nodeId: RaftId
}

export const ConfChangeTransition = { auto: 0, jointImplicit: 1, jointExplicit: 2 } as const
export type ConfChangeTransition = (typeof ConfChangeTransition)[keyof typeof ConfChangeTransition]

/** A membership change. No changes at all means: leave the joint configuration. */
export interface ConfChangeV2 {
  readonly transition: ConfChangeTransition
  readonly changes: readonly ConfChangeSingle[]
  /** Travels with the change and is given to the state machine when it is applied (who the new member is, where it lives). */
  readonly context: Uint8Array
}

export const EMPTY_BYTES: Uint8Array = new Uint8Array(0)
/** All members of a configuration, of both halves, learners too. */
export const membersOf = (confState: ConfState): RaftId[] => [
  ...confState.voters,
  ...confState.learners,
  ...confState.votersOutgoing,
  ...confState.learnersNext,
]

export const EMPTY_CONF_STATE: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
}
export const EMPTY_HARD_STATE: HardState = { term: 0, vote: NONE, commit: 0 }
