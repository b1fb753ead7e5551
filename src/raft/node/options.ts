import type { Clock, Random } from '../../platform.js'
import type { RaftId } from '../core/types.js'
import type { LooksFirst } from '../ports/looks-first.js'
import type { StateMachine } from '../ports/state-machine.js'
import type { Identity, LogStore, SnapshotSource } from '../ports/store.js'
import type { Peer, Transport } from '../ports/transport.js'
import type { BootstrapRecord } from '../wire/control-messages.js'
import type { Bounds } from './bounds.js'
import type { Member } from './membership/peer-verdict.js'
import type { NodeObserver } from './node-api.js'

/** `newer`: of a program of a higher feature level, which this one cannot read. */
export type CommandKind = 'command' | 'newer' | 'garbage'

export interface RaftNodeOptions {
  readonly nodeId: string
  /** Random, kept in the directory from its first start on. */
  readonly memberUid: string
  /** The feature level of this program; the hello says it. */
  readonly programLevel: number
  readonly store: LooksFirst<LogStore>
  readonly transport: LooksFirst<Transport>
  readonly clock: LooksFirst<Clock>
  readonly random: Random
  readonly machine: StateMachine
  readonly observer: NodeObserver
  readonly heartbeatMs: number
  /** The shortest one; the longest is nearly twice as long. */
  readonly electionTimeoutMs: number
  /** Other amounts than those of a server, for tests. */
  readonly bounds?: Partial<Bounds>
  /** Peers have certificates that were verified (`--peer-tls required`). */
  readonly arePeersVerified?: boolean
  /** `--cluster`: the founding members with their peer addresses, this node among them. Empty at a joiner. */
  readonly founders: readonly Peer[]
  /** `--join`: members to ask. */
  readonly joinAt: readonly Peer[]
  /** The node lease with which a new cluster is formed. */
  readonly nodeLeaseMs: number
  /** The node lease that is in force. */
  currentLeaseMs(): number
  /** The member table of the replicated state; empty as long as a joiner has received nothing. */
  members(): readonly Peer[]
  member(nodeId: string): Member | null
  /** The state in which a new cluster begins: an empty one, or what is taken over of the one that was `saved`, in chunks. */
  genesis(
    record: BootstrapRecord,
    members: readonly Peer[],
    saved: AsyncIterable<Uint8Array> | null,
  ): Promise<SnapshotSource>
  /** Proposes that the directory `memberUid` claims the Raft id. */
  claim(raftId: RaftId, memberUid: string): void
  /** What these bytes are to the state machine; asked of what other nodes want to have proposed. */
  judgeCommand(bytes: Uint8Array): CommandKind
  warn(message: string): void
  /** The node is a member now and its log runs. */
  onRunning(identity: Identity): void
}
