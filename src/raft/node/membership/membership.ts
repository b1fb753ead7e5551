/** Who the members are while the log runs, and how a leader changes that: the conditions, the one change under way, its end. */
import type { Clock } from '../../../platform.js'
import type { RawNode } from '../../core/raw-node.js'
import {
  type ConfChangeSingle,
  ConfChangeTransition,
  type ConfState,
  type Index,
  membersOf,
  type RaftId,
} from '../../core/types.js'
import { FOUNDERS_COUNT, REMOVED_LINGER_MS } from '../../limits.js'
import type { Identity } from '../../ports/store.js'
import type { Peer, Transport } from '../../ports/transport.js'
import { NodeRefusal, NodeRefusalReason, RemovedFromCluster } from '../node-errors.js'
import type { RaftDriver } from '../raft-driver.js'
import { MembershipChange } from './change.js'
import type { MemberAddresses } from './member-addresses.js'
import { MemberPeers } from './member-peers.js'
import { LeadershipTransfer } from './transfer.js'

export interface MembershipDeps {
  readonly identity: Identity
  readonly addresses: MemberAddresses
  readonly raw: RawNode
  readonly transport: Transport
  readonly clock: Clock
  readonly electionTimeoutMs: number
  readonly driver: RaftDriver
  /** The last index of the log. */
  lastIndex(): Index
  /** This leader is about to hand over: what is proposed now is the last of its term. */
  handingOver(): void
  warn(message: string): void
  /** This node was removed, and those that had to hear of it from here have. */
  ended(error: RemovedFromCluster): void
}

export class Membership {
  readonly #peers: MemberPeers
  readonly #change: MembershipChange
  readonly #transfer: LeadershipTransfer
  #stopped = false
  /** This node has applied its own removal, and will end. */
  isRemoved = false

  constructor(private readonly deps: MembershipDeps) {
    const { addresses, transport, clock, identity } = deps
    this.#peers = new MemberPeers(addresses, transport, clock, identity.nodeId)
    this.#change = new MembershipChange(clock)
    this.#transfer = new LeadershipTransfer(clock)
  }

  set(members: readonly Peer[]): void {
    this.#peers.set(members)
  }

  stop(): void {
    this.#stopped = true
    this.#peers.stop()
    this.#transfer.stop()
    this.#change.leadershipLost()
  }

  /** Resolves when applied. Rejects with NodeRefusal. */
  async change(changes: readonly ConfChangeSingle[], context: Uint8Array): Promise<void> {
    const { driver } = this.deps
    if (!driver.isLeaderReady) {
      throw new NodeRefusal(NodeRefusalReason.notLeader, 'this node does not lead, or not for long enough yet')
    }
    if (driver.confState.votersOutgoing.length > 0) {
      throw new NodeRefusal(NodeRefusalReason.changeUnderWay, 'a joint configuration is in force')
    }
    const change = { transition: ConfChangeTransition.auto, changes, context }
    const problem = this.deps.raw.confChangeError(change)
    if (problem !== null) throw new NodeRefusal(NodeRefusalReason.impossibleChange, problem.message)
    const done = this.#change.begin(context)
    driver.act((raw) => {
      if (raw.proposeConfChange(change) !== null) this.#change.leadershipLost()
    })
    await done
  }

  /** Resolves when the other node leads. Rejects with NodeRefusal. */
  async transfer(to: string): Promise<void> {
    const { addresses, transport, identity, clock, electionTimeoutMs } = this.deps
    const { driver } = this.deps
    if (!driver.isLeader) throw new NodeRefusal(NodeRefusalReason.notLeader, 'this node does not lead')
    const raftId = addresses.raftId(to)
    if (raftId === null) throw new NodeRefusal(NodeRefusalReason.notMember, `${to} is not a member`)
    if (raftId === identity.raftId) return
    if (!driver.confState.voters.includes(raftId))
      throw new NodeRefusal(NodeRefusalReason.notVoter, `${to} is not a voter`)
    if (!transport.isUp(to)) throw new NodeRefusal(NodeRefusalReason.unreachable, `${to} cannot be reached`)
    const done = this.#transfer.begin(to, electionTimeoutMs)
    this.deps.handingOver()
    // After the turn that appends what was proposed just now; from then on nothing is appended.
    clock.soon(() => driver.act((raw) => driver.isLeader && raw.transferLeader(raftId)))
    await done
  }

  /** Indexes only grow, and one change at a time is under way: an id taken from the log is never given twice. */
  nextRaftId(): RaftId {
    return FOUNDERS_COUNT + this.deps.lastIndex() + 1
  }

  leaderIs(leader: string | null, isSelf: boolean): void {
    if (!isSelf) this.#change.leadershipLost()
    this.#transfer.leaderIs(leader)
    if (leader !== null && !isSelf) this.#peers.askAboutStrangers(this.deps.driver)
  }

  /** This node knows who is a member: it leads, by an entry of its own term, or a quorum has told it. */
  membersAreKnown(): void {
    this.#peers.turnAwayStrangers()
  }

  applied(confState: ConfState, context: Uint8Array): void {
    const { identity, clock, warn, ended } = this.deps
    this.#change.applied(context, confState.votersOutgoing.length > 0)
    if (membersOf(confState).includes(identity.raftId)) return
    this.isRemoved = true
    warn('this node was removed from the cluster')
    clock.after(REMOVED_LINGER_MS, () => {
      if (!this.#stopped) ended(new RemovedFromCluster())
    })
  }
}
