import { Role } from '../raft/core/types.js'
import type { NodeStatus } from '../raft/node/node-api.js'
import { VERSION } from '../version.js'
import { CAUGHT_UP_ENTRIES } from './limits.js'

/** Words for people and JSON; `forming` before the node is a member of a cluster. */
export const ROLE_WORDS = {
  [Role.follower]: 'follower',
  [Role.preCandidate]: 'candidate',
  [Role.candidate]: 'candidate',
  [Role.leader]: 'leader',
} as const

export interface NodeCounts {
  /** Of the cluster. */
  readonly locks: number
  readonly sessions: number
  readonly waiters: number
  /** Of this node since its start. */
  readonly requests: number
  readonly granted: number
  readonly refused: number
  /** Requests that this node saw wait although the search for a deadlock was given up at its bound. */
  readonly unexamined: number
  /** Of this node now. */
  readonly connections: number
}

export interface MemberReport {
  readonly node: string
  readonly raftId: number
  /** HOST:PORT of its peer port. */
  readonly peer: string
  /** HOST:PORT of its client port, once it was up. */
  readonly address: string | null
  readonly role: 'voter' | 'learner'
  readonly leader: boolean
  /** The feature level of the program under its current epoch; null while it is down (rules.md, Versions). */
  readonly knows: number | null
}

/** Where the cluster stands between two feature levels, as this node has applied it. */
export interface LevelReport {
  /** The cluster's: what may be used. */
  readonly level: number
  /** What this node's program knows. */
  readonly knows: number
  /** An operator wants the level to stay (`tnl upgrade hold`). */
  readonly held: boolean
}

/** Where the reports come from; the composition root supplies it. */
export interface StatusSources {
  maxRssKib(): number
  /** Since this process started. */
  uptimeSeconds(): number
  readonly nodeId: string
  node(): NodeStatus | null
  counts(): NodeCounts
  /** Milliseconds for which this node still has the right to speak; 0 when it has none (rules.md rule 2). */
  leaseRemainingMs(): number
  levels(): LevelReport
  /** Of the auth file in force; null: there is none. */
  authHash(): string | null
  /** Whether another client would find a place here. */
  hasPlaces(): boolean
  members(): readonly MemberReport[]
}

export interface ProgressReport {
  readonly node: string
  readonly match: number
  /** Entries that the member has not stored yet. */
  readonly lag: number
  readonly active: boolean
  readonly learner: boolean
}

/** What `.stats`, `/v1/status` and `tnl status` show of one node. The first five keys are the original's. */
export interface StatusReport {
  readonly lock_count: number
  /** KiB. */
  readonly maxrss: number
  readonly requests_count: number
  readonly lock_acquired_count: number
  readonly lock_not_acquired_count: number
  readonly version: string
  /** The feature level of the cluster, the one that this program knows, and whether an operator holds the former. */
  readonly level: number
  readonly knows: number
  readonly held: boolean
  /** The beginning of the SHA-256 of the auth file in force; null: there is none. */
  readonly auth: string | null
  readonly node: string
  readonly cluster: string | null
  readonly role: 'forming' | (typeof ROLE_WORDS)[Role]
  readonly leader: string | null
  readonly term: number
  readonly commit: number
  readonly applied: number
  /** Seconds for which this node may speak for its clients. */
  readonly lease: number
  readonly sessions: number
  readonly waiters: number
  readonly connections: number
  /** Seconds since this process started. */
  readonly uptime: number
  /** Only at the leader. */
  readonly progress: readonly ProgressReport[]
  readonly members: readonly MemberReport[]
}

export function buildStatus(sources: StatusSources): StatusReport {
  const node = sources.node()
  const counts = sources.counts()
  return {
    lock_count: counts.locks,
    maxrss: sources.maxRssKib(),
    requests_count: counts.requests,
    lock_acquired_count: counts.granted,
    lock_not_acquired_count: counts.refused,
    version: VERSION,
    ...sources.levels(),
    auth: sources.authHash(),
    node: sources.nodeId,
    cluster: node?.clusterId ?? null,
    role: node === null ? 'forming' : ROLE_WORDS[node.role],
    leader: node?.leader ?? null,
    term: node?.term ?? 0,
    commit: node?.commitIndex ?? 0,
    applied: node?.appliedIndex ?? 0,
    lease: Math.round(sources.leaseRemainingMs()) / 1000,
    sessions: counts.sessions,
    waiters: counts.waiters,
    connections: counts.connections,
    uptime: Math.round(sources.uptimeSeconds()),
    progress: node === null ? [] : progressOf(node),
    members: sources.members(),
  }
}

function progressOf(node: NodeStatus): readonly ProgressReport[] {
  return node.progress.map(({ nodeId, match, active, learner }) => {
    return { node: nodeId, match, lag: Math.max(0, node.lastIndex - match), active, learner }
  })
}

/** Why this node should get no clients now, or null if it is ready: a leader is known, it has caught up, its lease is in force. */
export function whyNotReady(sources: StatusSources): string | null {
  const node = sources.node()
  if (node === null) return 'the cluster is not formed yet'
  if (node.leader === null) return 'no leader is known'
  const behind = node.commitIndex - node.appliedIndex
  if (behind >= CAUGHT_UP_ENTRIES) return `${behind} entries behind`
  if (sources.leaseRemainingMs() <= 0) return "this node's lease is not in force"
  if (!sources.hasPlaces()) return 'all places for clients are taken'
  return null
}
