/** The node while its log runs: ticks, peers' frames, membership, leadership and snapshots around the driver. */

import type { Timer } from '../../platform.js'
import { type Message, MsgType } from '../core/messages.js'
import type { RawNode } from '../core/raw-node.js'
import {
  type ConfChangeSingle,
  ConfChangeTransition,
  type ConfState,
  EMPTY_CONF_STATE,
  type Index,
  membersOf,
  NONE,
  type RaftId,
  Role,
  type Term,
} from '../core/types.js'
import { FOUNDERS_COUNT, REMOVED_LINGER_MS } from '../limits.js'
import type { Identity } from '../ports/store.js'
import { FrameKind, type Peer, PeerDownReason, type PeerHello } from '../ports/transport.js'
import { type BootState, electionTicks, loadWindow, makeCore } from './boot.js'
import { type Bounds, DEFAULT_BOUNDS } from './bounds.js'
import { hintedCore } from './hinted-core.js'
import { LeaderHint } from './leader-hint.js'
import { MembershipChange } from './membership/change.js'
import { MemberAddresses } from './membership/member-addresses.js'
import { MemberPeers } from './membership/member-peers.js'
import { LeadershipTransfer } from './membership/transfer.js'
import { NodeRefusal, type NodeStatus } from './node-api.js'
import { RemovedFromCluster } from './node-errors.js'
import { describeNode } from './node-status.js'
import type { RaftNodeOptions } from './options.js'
import { PeerReader } from './peer-reader.js'
import { PeerSender } from './peer-sender.js'
import { Proposals } from './proposals.js'
import { RaftDriver } from './raft-driver.js'
import { SlowDisk } from './slow-disk.js'
import { LogTrimmer } from './snapshots/log-trimmer.js'
import { SnapshotMaker } from './snapshots/snapshot-maker.js'
import { SnapshotInbox, SnapshotSender, snapshotMessage } from './snapshots/snapshot-transfer.js'

export class RunningNode {
  readonly #book = new MemberAddresses()
  readonly #peers: MemberPeers
  readonly #driver: RaftDriver
  readonly #raw: RawNode
  readonly #window: ReturnType<typeof loadWindow>
  readonly #maker: SnapshotMaker
  readonly #sender: SnapshotSender
  readonly #inbox: SnapshotInbox
  readonly #hint: LeaderHint
  readonly reader: PeerReader
  readonly #outgoing: PeerSender
  readonly #change: MembershipChange
  readonly #transfer: LeadershipTransfer
  readonly #proposals: Proposals
  readonly #trimmer: LogTrimmer
  readonly #bounds: Bounds
  readonly #disk: SlowDisk
  #tick: Timer | null = null
  #stopped = false
  /** This node has applied its own removal, and will end. */
  removed = false

  constructor(
    private readonly options: RaftNodeOptions,
    private readonly identity: Identity,
    boot: BootState,
    private readonly onFatal: (error: unknown) => void,
    lastHello: (nodeId: string) => PeerHello | null,
  ) {
    const { store, transport, clock, random, machine } = options
    const appliedIndex = boot.snapshot?.index ?? 0
    this.#peers = new MemberPeers(this.#book, transport, clock, identity.nodeId)
    const bounds = { ...DEFAULT_BOUNDS, ...options.bounds }
    this.#bounds = bounds
    this.#window = loadWindow(boot)
    this.#raw = makeCore(options, identity.raftId, this.#window, appliedIndex)
    this.#maker = new SnapshotMaker(
      store,
      machine,
      appliedIndex,
      bounds,
      (metadata) => {
        if (!this.#stopped) this.#trimmer.snapshotDurable(metadata)
      },
      onFatal,
    )
    this.#trimmer = new LogTrimmer({ raw: this.#raw, window: this.#window, store, bounds, onError: onFatal })
    this.#driver = this.#makeDriver(appliedIndex, boot.snapshot?.confState ?? EMPTY_CONF_STATE)
    const report = (to: RaftId, ok: boolean) => this.#driver.act((raw) => raw.reportSnapshot(to, ok))
    this.#sender = new SnapshotSender(store, transport, clock, random.int(2 ** 40), report, onFatal, (message) =>
      options.warn(message),
    )
    this.#inbox = new SnapshotInbox(
      store,
      transport,
      clock,
      (metadata, begin) => this.#maker.afterCurrent(() => this.#driver.receive([snapshotMessage(metadata, begin)])),
      onFatal,
    )
    this.reader = new PeerReader({
      book: this.#book,
      raftId: identity.raftId,
      core: this.#raw,
      transport,
      lastHello,
      isCommand: options.isCommand,
      admits: (message) => this.#hint.admits(message) && !this.#mustWait(message),
      onFatal,
    })
    this.#proposals = new Proposals({
      clock,
      transport,
      raw: this.#raw,
      driver: this.#driver,
      maker: this.#maker,
      bounds,
      isLeader: () => this.isLeader(),
      leader: () => this.leader(),
    })
    this.#outgoing = new PeerSender({
      clock,
      transport,
      book: this.#book,
      frameBytes: bounds.bundleFrameBytes,
      onGranted: (to, type) => this.#hint.granted(to, type),
      onUnreachable: (to) => this.#driver.act((raw) => raw.reportUnreachable(to)),
    })
    this.#hint = new LeaderHint(clock, random, hintedCore(this.#driver, this.#raw, this.#book, transport, identity))
    this.#change = new MembershipChange(clock)
    this.#transfer = new LeadershipTransfer(clock)
    this.#disk = new SlowDisk({
      electionTicks: electionTicks(options),
      tickMs: options.heartbeatMs,
      hangsMs: bounds.diskHangsMs,
      writeUnderWay: () => this.#driver.writeUnderWay,
      nodeLeaseMs: () => options.currentLeaseMs(),
      warn: (message) => options.warn(message),
      onHanging: (error) => onFatal(error),
    })
  }

  start(members: readonly Peer[]): void {
    this.setMembers(members)
    this.#scheduleTick()
    this.#driver.schedule()
    // Alone, there is nobody whose heartbeat could be missed.
    const { voters } = this.#driver.confState
    if (voters.length === 1 && voters[0] === this.identity.raftId) this.#driver.act((raw) => raw.campaign())
  }

  stop(): void {
    this.#stopped = true
    this.#peers.stop()
    this.#tick?.cancel()
    this.#hint.stop()
    this.#transfer.stop()
    this.#change.leadershipLost()
    this.#sender.stop()
    this.#inbox.stop()
    this.#driver.stop()
  }

  /** Resolves when nothing uses the store any more. */
  idle(): Promise<void> {
    return new Promise((resolve) => this.#maker.afterCurrent(resolve))
  }

  setMembers(members: readonly Peer[]): void {
    this.#peers.set(members)
  }

  // --------------------------------------------------------------------------------------------- frames

  /** Throws PeerProtocolError. */
  receive(from: string, kind: FrameKind, payload: Uint8Array): void {
    if (this.#stopped) return
    if (kind === FrameKind.raft) this.#driver.receive(this.reader.messages(from, payload))
    else if (kind === FrameKind.propose) this.#receiveProposals(from, payload)
    else if (kind === FrameKind.busy) this.#proposals.receivedWord(from, payload)
    else if (kind === FrameKind.snapshotBegin) this.#inbox.handleBegin(from, this.reader.snapshot(from, payload))
    else if (kind === FrameKind.snapshotChunk) this.#inbox.handleChunk(from, payload)
    else if (kind === FrameKind.snapshotAck) this.#sender.handleAck(from, payload)
    else this.options.observer.onPeerFrame(from, kind, payload)
  }

  #receiveProposals(from: string, payload: Uint8Array): void {
    const commands = this.reader.commands(payload)
    if (!this.isLeader()) return
    const follower = this.#book.raftId(from)
    if (follower !== null) this.#outgoing.proposedBy(follower)
    this.#proposals.received(from, commands)
  }

  /** Entries that would only stay in memory, since the log cannot be cut. Not taken, they are sent again. */
  #mustWait({ type, entries }: Message): boolean {
    return type === MsgType.app && entries.length > 0 && this.#maker.isOverdue
  }

  peerUp({ nodeId, raftId }: PeerHello): void {
    if (raftId !== NONE) this.#book.connected(nodeId, raftId)
  }

  peerDown(nodeId: string, reason: PeerDownReason): void {
    this.#book.disconnected(nodeId)
    this.#sender.peerDown(nodeId)
    this.#inbox.peerDown(nodeId)
    const raftId = this.#book.raftId(nodeId)
    if (raftId === null || this.#stopped) return
    if (this.isLeader()) this.#driver.act((raw) => raw.reportUnreachable(raftId))
    else if (reason === PeerDownReason.refused) this.options.clock.soon(() => this.#memberIsDead(raftId))
  }

  /** After the turn that handles its last messages: they would make it the leader again. */
  #memberIsDead(raftId: RaftId): void {
    if (!this.#stopped && this.#driver.lead === raftId) this.#hint.leaderIsDead()
  }

  // -------------------------------------------------------------------------------------------- NodeApi

  isLeader(): boolean {
    return this.#driver.role === Role.leader
  }
  isLeaderReady(): boolean {
    return this.#driver.isLeaderReady
  }
  leader(): string | null {
    return this.#driver.lead === NONE ? null : this.#book.nodeId(this.#driver.lead)
  }
  term(): Term {
    return this.#driver.term
  }
  appliedIndex(): Index {
    return this.#driver.appliedIndex
  }
  commitIndex(): Index {
    return this.#raw.status().commit
  }

  propose(command: Uint8Array): boolean {
    return !this.#stopped && this.#proposals.propose(command)
  }

  isBusy(): boolean {
    return this.#proposals.isBusy()
  }

  proposalCount(): number {
    return this.#proposals.count
  }

  confirmLeadership(done: (index: Index | null) => void): void {
    if (this.#stopped || !this.isLeader()) done(null)
    else this.#driver.confirmLeadership(done)
  }

  confirmIndex(done: (index: Index | null) => void): void {
    this.#driver.confirmIndex(done)
  }

  async changeMembership(changes: readonly ConfChangeSingle[], context: Uint8Array): Promise<void> {
    if (!this.isLeaderReady()) throw new NodeRefusal('this node does not lead, or not for long enough yet')
    if (this.#driver.confState.votersOutgoing.length > 0) throw new NodeRefusal('a joint configuration is in force')
    const change = { transition: ConfChangeTransition.auto, changes, context }
    const problem = this.#raw.confChangeError(change)
    if (problem !== null) throw new NodeRefusal(problem.message)
    const done = this.#change.begin(context)
    this.#driver.act((raw) => {
      if (raw.proposeConfChange(change) !== null) this.#change.leadershipLost()
    })
    await done
  }

  async transferLeadership(to: string): Promise<void> {
    if (!this.isLeader()) throw new NodeRefusal('this node does not lead')
    const raftId = this.#book.raftId(to)
    if (raftId === null) throw new NodeRefusal(`${to} is not a member`)
    if (raftId === this.identity.raftId) return
    if (!this.#driver.confState.voters.includes(raftId)) throw new NodeRefusal(`${to} is not a voter`)
    if (!this.options.transport.isUp(to)) throw new NodeRefusal(`${to} cannot be reached`)
    const done = this.#transfer.begin(to, this.options.electionTimeoutMs)
    this.options.observer.onHandingOver()
    // After the turn that appends what was proposed just now; from then on nothing is appended any more.
    this.options.clock.soon(() => this.#driver.act((raw) => this.isLeader() && raw.transferLeader(raftId)))
    await done
  }

  /** Indexes only grow, and one change at a time is under way: an id taken from the log is never given twice. */
  nextRaftId(): RaftId {
    return FOUNDERS_COUNT + this.#window.lastIndex() + 1
  }

  status(): NodeStatus {
    const parts = { book: this.#book, driver: this.#driver, raw: this.#raw, window: this.#window }
    return describeNode({ identity: this.identity, ...parts }, this.#maker.snapshotIndex)
  }

  // ------------------------------------------------------------------------------------------- building

  #makeDriver(appliedIndex: Index, confState: ConfState): RaftDriver {
    const { store, machine, clock, observer } = this.options
    return new RaftDriver({
      raw: this.#raw,
      window: this.#window,
      store,
      machine,
      clock,
      maker: this.#maker,
      bounds: this.#bounds,
      raftId: this.identity.raftId,
      confState,
      appliedIndex,
      firstReadContext: this.options.random.int(2 ** 40),
      send: (to, messages) => this.#outgoing.send(to, messages),
      sendSnapshot: (message) => this.#sendSnapshot(message),
      onStored: (durationMs) => observer.onStored(durationMs),
      onSoftState: (lead, role, term) => this.#onSoftState(lead, role, term),
      onEntryApplied: (index) => observer.onEntryApplied(index),
      onApplied: (index) => observer.onApplied(index),
      onOwnTermApplied: (term) => this.#onOwnTermApplied(term),
      onTermApplied: () => this.#hint.stop(),
      onRestored: (index) => {
        this.reader.witnesses.retain(this.#driver.confState)
        observer.onRestored(index)
      },
      onMembership: (applied, context) => this.#onMembership(applied, context),
      onFatal: this.onFatal,
    })
  }

  #sendSnapshot(message: Message): void {
    const nodeId = this.#book.nodeId(message.to)
    const known = message.snapshot !== null && membersOf(message.snapshot.metadata.confState).includes(message.to)
    if (nodeId !== null && known && this.options.transport.isUp(nodeId)) {
      this.#sender.start(nodeId, message)
      return
    }
    // A node ignores a snapshot that does not name it as a member: one that was added later needs a newer one.
    if (!known) this.#snapshotNow()
    this.options.clock.soon(() => this.#driver.act((raw) => raw.reportSnapshot(message.to, false)))
  }

  #snapshotNow(): void {
    const { appliedIndex: index, confState } = this.#driver
    const term = this.#window.term(index)
    if (term !== null) this.#maker.make({ index, term, confState })
  }

  #onSoftState(lead: RaftId, role: Role, term: Term): void {
    if (role !== Role.leader) this.#change.leadershipLost()
    const leader = lead === NONE ? null : this.#book.nodeId(lead)
    this.#hint.changed()
    this.#transfer.leaderIs(leader)
    this.options.observer.onLeader(leader, term)
  }

  #onOwnTermApplied(term: Term): void {
    this.#peers.turnAwayStrangers()
    this.options.observer.onLeaderReady(term)
  }

  #onMembership(confState: ConfState, context: Uint8Array): void {
    this.reader.witnesses.retain(confState)
    this.#change.applied(context, confState.votersOutgoing.length > 0)
    if (membersOf(confState).includes(this.identity.raftId)) return
    this.removed = true
    this.options.warn('this node was removed from the cluster')
    this.options.clock.after(REMOVED_LINGER_MS, () => {
      if (!this.#stopped) this.options.observer.onFatal(new RemovedFromCluster())
    })
  }

  /** Off the timer's stack: after a pause the sockets are drained before the clock may take anything away (rule 7). */
  #scheduleTick(): void {
    if (this.#stopped) return
    this.#tick = this.options.clock.after(this.options.heartbeatMs, () => {
      this.#driver.tick((raw) => this.#tickCore(raw))
      this.#scheduleTick()
    })
  }

  #tickCore(raw: RawNode): void {
    this.#proposals.tick()
    this.#trimmer.tick()
    this.#disk.tick(raw)
    raw.tick()
  }
}
