import type { Clock } from '../../platform.js'
import { type Message, MsgType } from '../core/messages.js'
import type { RaftId } from '../core/types.js'
import { FrameKind, Lane, type Transport } from '../ports/transport.js'
import { encodeMessages } from '../wire/raft-codec.js'
import { bundles } from './bundles.js'
import { CommitNotices } from './commit-notices.js'
import type { MemberAddresses } from './membership/member-addresses.js'

export interface PeerSenderDeps {
  readonly clock: Clock
  readonly transport: Transport
  readonly addresses: MemberAddresses
  readonly frameBytes: number
  /** This node grants its vote, or says that it would. */
  onGranted(to: RaftId, type: MsgType): void
  /** What was to be sent found no room. */
  onUnreachable(to: RaftId): void
}

/** The core's messages on their way to the peers. */
export class PeerSender {
  readonly #notices: CommitNotices

  constructor(private readonly deps: PeerSenderDeps) {
    this.#notices = new CommitNotices(deps.clock, (to, messages) => this.#transmit(to, messages))
  }

  /** The follower sent proposals: it is told of commits at once. */
  proposedBy(follower: RaftId): void {
    this.#notices.proposedBy(follower)
  }

  /** All messages of a turn for one peer, in order. */
  send(to: RaftId, messages: readonly Message[]): void {
    const now = this.#notices.admit(to, messages)
    if (now.length > 0) this.#transmit(to, now)
  }

  #transmit(to: RaftId, messages: readonly Message[]): void {
    const { addresses, onGranted, onUnreachable } = this.deps
    const nodeId = addresses.nodeId(to)
    if (nodeId === null) return
    // Votes, heartbeats and acknowledgements go ahead. Appends stay in their order, empty ones too: one that overtook its
    // predecessor would be rejected, and the leader would fall back to probing.
    const control = messages.filter((message) => message.type !== MsgType.app)
    const bulk = messages.filter((message) => message.type === MsgType.app)
    for (const { type, reject } of control) if (isVoteAnswer(type) && !reject) onGranted(to, type)
    this.#sendBundles(nodeId, Lane.control, control)
    if (!this.#sendBundles(nodeId, Lane.bulk, bulk)) onUnreachable(to)
  }

  /** False if the lane had no room for all of them. */
  #sendBundles(nodeId: string, lane: Lane, messages: readonly Message[]): boolean {
    const { transport, frameBytes } = this.deps
    const frames = bundles(messages, frameBytes)
    return frames.every((bundle) => transport.send(nodeId, lane, FrameKind.raft, encodeMessages(bundle)))
  }
}

const isVoteAnswer = (type: MsgType): boolean => type === MsgType.voteResp || type === MsgType.preVoteResp
