import { pack } from 'msgpackr'
import type { Timer } from '../../../platform.js'
import { CLAIM_REPEAT_MS } from '../../limits.js'
import { FrameKind, Lane, type Peer, type PeerHello } from '../../ports/transport.js'
import type { BootstrapRecord, JoinOffer } from '../../wire/control-messages.js'
import type { RaftNodeOptions } from '../options.js'
import { Bootstrap, loadBootstrapRecord } from './bootstrap.js'

/** The members' side of bootstrap and join: tells laggards of the one, and nodes that were added, that they may come in. */
export class Admission {
  #record: BootstrapRecord | null = null
  /** Empty peers that are connected and members, by node id, with their directory's uid. */
  readonly #waiting = new Map<string, string>()
  #claimTimer: Timer | null = null

  constructor(
    private readonly options: RaftNodeOptions,
    private readonly clusterId: string,
    private readonly members: () => readonly Peer[],
  ) {}

  async prepare(): Promise<void> {
    this.#record = await loadBootstrapRecord(this.options.store)
  }

  peerUp(peer: PeerHello): void {
    this.#waiting.delete(peer.nodeId)
    if (!peer.empty) return
    if (peer.clusterId === this.clusterId) this.#confirm(peer.nodeId)
    else {
      if (this.options.member(peer.nodeId) === null) return
      this.#waiting.set(peer.nodeId, peer.memberUid)
      this.membersChanged()
      this.#claim()
    }
  }

  peerDown(nodeId: string): void {
    this.#waiting.delete(nodeId)
  }

  stop(): void {
    this.#claimTimer?.cancel()
  }

  /** A claim may be dropped like everything that is proposed: it is made again while the peer waits. */
  #claim(): void {
    this.#claimTimer?.cancel()
    for (const [nodeId, memberUid] of this.#waiting) {
      const member = this.options.member(nodeId)
      if (member?.memberUid === null) this.options.claim(member.raftId, memberUid)
    }
    if (this.#waiting.size > 0) this.#claimTimer = this.options.clock.after(CLAIM_REPEAT_MS, () => this.#claim())
  }

  /** Some claims may have been applied: whoever waits for one is let in. */
  membersChanged(): void {
    for (const [nodeId, memberUid] of this.#waiting) {
      const member = this.options.member(nodeId)
      if (member === null || member.memberUid !== memberUid) continue
      this.#waiting.delete(nodeId)
      const offer: JoinOffer = { join: true, clusterId: this.clusterId, raftId: member.raftId, members: this.members() }
      this.options.transport.send(nodeId, Lane.control, FrameKind.bootstrap, [pack(offer)])
    }
  }

  /** A founder that still announces has not heard from everyone; this node has, so all have stored the id. */
  handleBootstrap(from: string): void {
    this.#confirm(from)
  }

  #confirm(to: string): void {
    if (this.#record === null) return
    this.options.transport.send(to, Lane.control, FrameKind.bootstrap, [Bootstrap.confirmation(this.#record)])
  }
}
