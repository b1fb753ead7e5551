/** What a running node and its peers send each other: each frame to the room that it is for, and the core's messages out. */
import type { Clock } from '../../platform.js'
import { type Message, MsgType } from '../core/messages.js'
import type { RawNode } from '../core/raw-node.js'
import { NONE, type RaftId } from '../core/types.js'
import type { StoreError } from '../ports/store.js'
import { FrameKind, PeerDownReason, type PeerHello, type Transport } from '../ports/transport.js'
import type { Bounds } from './bounds.js'
import type { LeaderHint } from './leader-hint.js'
import type { MemberAddresses } from './membership/member-addresses.js'
import type { CommandKind } from './options.js'
import { PeerReader } from './peer-reader.js'
import { PeerSender } from './peer-sender.js'
import type { Proposals } from './proposals.js'
import type { MessageSink, RaftDriver } from './raft-driver.js'
import type { Snapshots } from './snapshots/snapshots.js'

/** The rooms of the node that frames are for. They are built after this one. */
export interface Rooms {
  readonly driver: RaftDriver
  readonly proposals: Proposals
  readonly snapshots: Snapshots
  readonly hint: LeaderHint
}

export interface PeerExchangeDeps {
  readonly raftId: RaftId
  readonly raw: RawNode
  readonly addresses: MemberAddresses
  readonly transport: Transport
  readonly clock: Clock
  readonly bounds: Bounds
  readonly rooms: Rooms
  lastHello(nodeId: string): PeerHello | null
  judgeCommand(bytes: Uint8Array): CommandKind
  /** A frame that is not for Raft. */
  onPeerFrame(from: string, kind: FrameKind, payload: Uint8Array): void
  failed(error: StoreError): void
}

export class PeerExchange implements MessageSink {
  readonly reader: PeerReader
  readonly #sender: PeerSender
  #stopped = false

  constructor(private readonly deps: PeerExchangeDeps) {
    const { raftId, raw, addresses, transport, clock, bounds, rooms } = deps
    this.reader = new PeerReader({
      addresses,
      raftId,
      core: raw,
      transport,
      lastHello: (nodeId) => deps.lastHello(nodeId),
      judgeCommand: (bytes) => deps.judgeCommand(bytes),
      admits: (message) => rooms.hint.admits(message) && !this.#mustWait(message),
      onFatal: (error) => deps.failed(error),
    })
    this.#sender = new PeerSender({
      clock,
      transport,
      addresses,
      frameBytes: bounds.bundleFrameBytes,
      onGranted: (to, type) => rooms.hint.granted(to, type),
      onUnreachable: (to) => rooms.driver.act((core) => core.reportUnreachable(to)),
    })
  }

  stop(): void {
    this.#stopped = true
  }

  /** Throws PeerProtocolError. */
  receive(from: string, kind: FrameKind, payload: Uint8Array): void {
    if (this.#stopped) return
    const { driver, proposals, snapshots } = this.deps.rooms
    if (kind === FrameKind.raft) driver.receive(this.reader.messages(from, payload))
    else if (kind === FrameKind.propose) this.#receiveProposals(from, payload)
    else if (kind === FrameKind.busy) proposals.receivedWord(from, payload)
    else if (kind === FrameKind.snapshotBegin) snapshots.inbox.handleBegin(from, this.reader.snapshot(from, payload))
    else if (kind === FrameKind.snapshotChunk) snapshots.inbox.handleChunk(from, payload)
    else if (kind === FrameKind.snapshotAck) snapshots.sender.handleAck(from, payload)
    else this.deps.onPeerFrame(from, kind, payload)
  }

  send(to: RaftId, messages: readonly Message[]): void {
    this.#sender.send(to, messages)
  }

  up({ nodeId, raftId }: PeerHello): void {
    if (raftId !== NONE) this.deps.addresses.connected(nodeId, raftId)
  }

  down(nodeId: string, reason: PeerDownReason): void {
    const { addresses, rooms, clock } = this.deps
    addresses.disconnected(nodeId)
    rooms.snapshots.peerDown(nodeId)
    const raftId = addresses.raftId(nodeId)
    if (raftId === null || this.#stopped) return
    if (rooms.driver.isLeader) rooms.driver.act((raw) => raw.reportUnreachable(raftId))
    else if (reason === PeerDownReason.refused) clock.soon(() => this.#memberIsDead(raftId))
  }

  #receiveProposals(from: string, payload: Uint8Array): void {
    const { driver, proposals } = this.deps.rooms
    const commands = this.reader.commands(payload)
    if (!driver.isLeader) return
    const follower = this.deps.addresses.raftId(from)
    if (follower !== null) this.#sender.proposedBy(follower)
    proposals.received(from, commands)
  }

  /** Entries that would only stay in memory, since the log cannot be cut. Not taken, they are sent again. */
  #mustWait({ type, entries }: Message): boolean {
    return type === MsgType.app && entries.length > 0 && this.deps.rooms.snapshots.maker.isOverdue
  }

  /** After the turn that handles its last messages: they would make it the leader again. */
  #memberIsDead(raftId: RaftId): void {
    const { driver, hint } = this.deps.rooms
    if (!this.#stopped && driver.lead === raftId) hint.leaderIsDead()
  }
}
