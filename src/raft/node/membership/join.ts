/**
 * How a directory becomes a member: it forms the cluster with the other founders, or asks to join one. Until then the
 * node has no Raft id and takes part in nothing.
 */

import { pack, unpack } from 'msgpackr'
import { sha256 } from '../../../digest.js'
import type { Timer } from '../../../platform.js'
import type { RaftId } from '../../core/types.js'
import { CLAIM_REPEAT_MS } from '../../limits.js'
import type { Identity, LogStore } from '../../ports/store.js'
import { FrameKind, Lane, type Peer, type PeerHello } from '../../ports/transport.js'
import { type BootstrapRecord, isJoinOffer, type JoinOffer, readBootstrapMessage } from '../../wire/control-messages.js'
import { type BootState, NOTHING, writeGenesis } from '../boot.js'
import type { RaftNodeOptions } from '../options.js'
import { Bootstrap, loadBootstrapRecord } from './bootstrap.js'

const JOIN_RECORD_KEY = 'join'

/** Founders get their Raft ids by the order of their node ids: every founder computes the same. */
export function founderIds(founders: readonly Peer[]): Peer[] {
  return [...founders]
    .sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1))
    .map((peer, place) => ({ ...peer, raftId: place + 1 }))
}

export function listHash(founders: readonly Peer[]): string {
  const list = founderIds(founders).map(({ nodeId, address }) => `${nodeId}=${address}`)
  return sha256(list.join(',')).toString('hex').slice(0, 16)
}

/** The way of an empty directory into a cluster. `onMember` is called once, when the identity is durable. */
export class MembershipEntry {
  #bootstrap: Bootstrap | null = null
  #entered = false

  constructor(
    private readonly options: RaftNodeOptions,
    private readonly onMember: (identity: Identity, boot: BootState, members: readonly Peer[]) => void,
    private readonly onError: (error: unknown) => void,
  ) {}

  get phase(): 'forming' | 'joining' {
    return this.options.founders.length > 0 ? 'forming' : 'joining'
  }

  get clusterId(): string {
    return this.#bootstrap?.clusterId ?? ''
  }

  async prepare(): Promise<void> {
    const { options } = this
    if (this.phase === 'joining') return
    const { nodeId, store, clock, random, transport, nodeLeaseMs } = options
    this.#bootstrap = new Bootstrap(
      {
        nodeId,
        members: options.founders.map((peer) => peer.nodeId),
        listHash: listHash(options.founders),
        nodeLeaseMs,
        store,
        clock,
        random,
        send: (to, payload) => void transport.send(to, Lane.control, FrameKind.bootstrap, [payload]),
        onFormed: (record) => void this.#formed(record).catch(this.onError),
        onError: this.onError,
      },
      await loadBootstrapRecord(store),
    )
  }

  start(): void {
    const { transport, founders, joinAt, nodeId } = this.options
    const peers = this.phase === 'forming' ? founders : joinAt
    transport.setPeers(peers.filter((peer) => peer.nodeId !== nodeId))
    this.#bootstrap?.start()
  }

  stop(): void {
    this.#bootstrap?.stop()
  }

  /** Throws PeerProtocolError. */
  handle(from: string, payload: Uint8Array): void {
    if (this.#entered) return
    const said = readBootstrapMessage(payload)
    if (isJoinOffer(said)) {
      if (this.phase === 'joining') void this.#join(said).catch(this.onError)
    } else this.#bootstrap?.handle(from, said)
  }

  async #formed(record: BootstrapRecord): Promise<void> {
    const { options } = this
    const members = founderIds(options.founders)
    const self = members.find((peer) => peer.nodeId === options.nodeId)
    if (self === undefined) throw new Error(`--cluster does not name this node (${options.nodeId})`)
    const voters = members.map((peer) => peer.raftId)
    const boot = await writeGenesis(options.store, voters, options.genesis(record, members))
    await this.#enter({ clusterId: record.clusterId, raftId: self.raftId }, boot, members)
  }

  async #join(offer: JoinOffer): Promise<void> {
    this.#entered = true
    // Until the first snapshot is here, nothing else says who the members are, and a restart may come before it.
    await this.options.store.putRecord(JOIN_RECORD_KEY, pack(offer.members))
    await this.#enter(offer, NOTHING, offer.members)
  }

  async #enter(given: { clusterId: string; raftId: RaftId }, boot: BootState, members: readonly Peer[]): Promise<void> {
    const { nodeId, memberUid, store } = this.options
    const identity: Identity = { clusterId: given.clusterId, nodeId, raftId: given.raftId, memberUid }
    // Last: a directory without an identity has promised nothing to anyone yet and may begin again.
    await store.writeIdentity(identity)
    this.#entered = true
    this.onMember(identity, boot, members)
  }
}

/** The members as they were when this directory joined; empty at a founder. */
export async function loadMembersAtJoin(store: LogStore): Promise<readonly Peer[]> {
  const bytes = await store.getRecord(JOIN_RECORD_KEY)
  return bytes === null ? [] : (unpack(bytes) as Peer[])
}

/** The members' side: tells laggards of the bootstrap, and nodes that were added, that they may come in. */
export class MembershipHost {
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
