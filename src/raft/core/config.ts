import { ConfigError } from './errors.js'
import type { Storage } from './log/storage.js'
import type { Message } from './messages.js'
import { type Index, NONE, type RaftId, type Role, type Term } from './types.js'

/**
 * How a leader makes sure that it still leads before it answers a read. Lease-based trusts clocks (thesis 6.4.1) and is
 * here for etcd's scenarios only; the node never sets it.
 */
export const ReadOnlyOption = { safe: 'safe', leaseBased: 'lease-based' } as const
export type ReadOnlyOption = (typeof ReadOnlyOption)[keyof typeof ReadOnlyOption]

/** Rare events only: role changes, snapshots, refused membership changes. */
export interface Logger {
  debug(text: string): void
  info(text: string): void
  warn(text: string): void
  error(text: string): void
}

export const SILENT_LOGGER: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** One step of the protocol, as it happened, for checkers that watch from outside. */
export interface TraceEvent {
  readonly kind:
    | 'init'
    | 'follower'
    | 'pre-candidate'
    | 'candidate'
    | 'leader'
    | 'append'
    | 'commit'
    | 'config'
    | 'ready'
    | 'send'
    | 'receive'
  readonly id: RaftId
  readonly term: Term
  readonly vote: RaftId
  readonly role: Role
  readonly commit: Index
  readonly lastIndex: Index
  /** Only of send and receive. */
  readonly message: Message | null
}

export interface RaftConfig {
  readonly id: RaftId
  /** Ticks without a leader before an election; the real timeout is drawn from [electionTick, 2 electionTick). */
  readonly electionTick: number
  /** Ticks between two heartbeats of a leader. */
  readonly heartbeatTick: number
  readonly storage: Storage
  /** A uniform integer in [0, bound). The only source of chance. */
  readonly randomInt: (bound: number) => number
  /** What the state machine holds already at the start; 0: nothing beyond the snapshot. */
  readonly applied?: Index
  /** Storage is driven by messages to APPEND_THREAD and APPLY_THREAD; there is no `advance` then. */
  readonly asyncStorageWrites?: boolean
  /**
   * With asynchronous storage, vote requests leave at once, as in etcd-raft, not when the term, the own vote and the log
   * that they tell are durable. For etcd's scenarios only: a member that crashes in between may, by answers that outlive
   * the crash, lead the same term twice, or win with entries that it has lost.
   */
  readonly eagerVoteRequests?: boolean
  /** Bytes in one append message; unlimited if absent, one entry at a time if 0. */
  readonly maxSizePerMsg?: number
  /** Bytes handed out to be applied and not yet acknowledged; as `maxSizePerMsg` if absent. */
  readonly maxCommittedSizePerReady?: number
  /** Bytes of proposals in the leader's log that are not applied yet; more are dropped. Unlimited if absent. */
  readonly maxUncommittedEntriesSize?: number
  /** Append messages under way to one follower. */
  readonly maxInflightMsgs: number
  /** Bytes of entries under way to one follower; bounds bandwidth times delay. Unlimited if absent. */
  readonly maxInflightBytes?: number
  /** A leader without contact to a quorum for an election timeout steps down, and followers of a live leader ignore candidates. */
  readonly checkQuorum?: boolean
  /** A candidate asks first whether it could win, without touching terms (thesis 9.6). */
  readonly preVote?: boolean
  readonly readOnlyOption?: ReadOnlyOption
  /** Followers drop proposals instead of passing them on to the leader. */
  readonly disableProposalForwarding?: boolean
  /** For callers that serialise and check membership changes themselves. */
  readonly disableConfChangeValidation?: boolean
  /** A leader that is removed or demoted becomes a follower when the change is applied. */
  readonly stepDownOnRemoval?: boolean
  readonly logger?: Logger
  readonly trace?: (event: TraceEvent) => void
}

export type ResolvedConfig = Required<Omit<RaftConfig, 'trace'>> & {
  readonly trace: ((event: TraceEvent) => void) | null
}

const UNLIMITED = Number.POSITIVE_INFINITY

/** Checks a configuration and fills in what is absent. Throws ConfigError. */
export function validateConfig(config: RaftConfig): ResolvedConfig {
  const maxSizePerMsg = config.maxSizePerMsg ?? UNLIMITED
  const resolved: ResolvedConfig = {
    applied: 0,
    asyncStorageWrites: false,
    eagerVoteRequests: false,
    maxSizePerMsg,
    // At least one byte: with no room at all nothing would ever be applied.
    maxCommittedSizePerReady: Math.max(1, maxSizePerMsg),
    maxUncommittedEntriesSize: UNLIMITED,
    maxInflightBytes: UNLIMITED,
    checkQuorum: false,
    preVote: false,
    readOnlyOption: ReadOnlyOption.safe,
    disableProposalForwarding: false,
    disableConfChangeValidation: false,
    stepDownOnRemoval: false,
    logger: SILENT_LOGGER,
    trace: null,
    ...config,
  }
  const problem = findProblem(resolved)
  if (problem !== null) throw new ConfigError(problem)
  return resolved
}

function findProblem(config: ResolvedConfig): string | null {
  if (config.id === NONE) return 'cannot use none as id'
  if (!Number.isSafeInteger(config.id) || config.id < 0) return `id ${config.id} is not usable`
  if (!(config.heartbeatTick > 0)) return 'heartbeat tick must be greater than 0'
  if (!(config.electionTick > config.heartbeatTick)) return 'election tick must be greater than heartbeat tick'
  if (!(config.maxInflightMsgs > 0)) return 'max inflight messages must be greater than 0'
  if (!(config.maxInflightBytes >= config.maxSizePerMsg)) return 'max inflight bytes must be >= max message size'
  if (!(config.maxCommittedSizePerReady > 0)) return 'max committed size per ready must be greater than 0'
  if (!(config.maxUncommittedEntriesSize > 0)) return 'max uncommitted entries size must be greater than 0'
  if (config.readOnlyOption === ReadOnlyOption.leaseBased && !config.checkQuorum) {
    return 'check quorum must be enabled when read-only option is lease-based'
  }
  return null
}
