/** The node while its log runs: ticks, peers' frames, membership, leadership and snapshots around the driver. */
import { type Message, MsgType } from '../core/messages.js'
import type { RawNode } from '../core/raw-node.js'
import {
  type ConfChangeSingle,
  ConfChangeTransition,
  type ConfState,
  EMPTY_BYTES,
  EMPTY_CONF_STATE,
  type Index,
  membersOf,
  NONE,
  type RaftId,
  Role,
  type SnapshotMetadata,
  type Term,
} from '../core/types.js'
import { FOUNDERS_COUNT, REMOVED_LINGER_MS, SNAPSHOT_INTERVAL_ENTRIES, TRAILING_WINDOW_ENTRIES } from '../limits.js'
import { encodeMessages } from '../net/raft-codec.js'
import { AddressBook } from './address-book.js'
import { type BootState, electionTicks, loadWindow, makeCore } from './boot.js'
import { bundles } from './bundles.js'
import { decodeBatch } from './command-batch.js'
import { CommitNotices } from './commit-notices.js'
import { ForwardQueue } from './forward-queue.js'
import { hintedCore } from './hinted-core.js'
import { FrameKind, type Identity, Lane, type Peer, PeerDownReason, type PeerHello, type Timer } from './interfaces.js'
import { LeaderHint } from './leader-hint.js'
import { LeadershipTransfer } from './leadership-transfer.js'
import { MemberPeers } from './member-peers.js'
import { MembershipChange } from './membership-change.js'
import { NodeRefusal, type NodeStatus } from './node-api.js'
import { describeNode } from './node-status.js'
import type { RaftNodeOptions } from './options.js'
import { PeerReader } from './peer-reader.js'
import { RaftDriver } from './raft-driver.js'
import { SlowDisk } from './slow-disk.js'
import { SnapshotMaker } from './snapshot-maker.js'
import { SnapshotInbox, SnapshotSender, snapshotMessage } from './snapshot-transfer.js'

export class RunningNode {
  readonly #book = new AddressBook()
  readonly #peers: MemberPeers
  readonly #driver: RaftDriver
  readonly #raw: RawNode
  readonly #window: ReturnType<typeof loadWindow>
  readonly #maker: SnapshotMaker
  readonly #sender: SnapshotSender
  readonly #inbox: SnapshotInbox
  readonly #hint: LeaderHint
  readonly reader: PeerReader
  readonly #notices: CommitNotices
  readonly #change: MembershipChange
  readonly #transfer: LeadershipTransfer
  readonly #forward: ForwardQueue
  readonly #disk: SlowDisk
  #tick: Timer | null = null
  #stopped = false
  /** This node has applied its own removal, and will end. */
  removed = false
  #proposals = 0

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
    this.#window = loadWindow(boot)
    this.#raw = makeCore(options, identity.raftId, this.#window, appliedIndex)
    this.#maker = new SnapshotMaker(
      store,
      machine,
      appliedIndex,
      options.snapshotIntervalEntries ?? SNAPSHOT_INTERVAL_ENTRIES,
      (metadata) => this.#compact(metadata),
      onFatal,
    )
    this.#driver = this.#makeDriver(appliedIndex, boot.snapshot?.confState ?? EMPTY_CONF_STATE)
    const report = (to: RaftId, ok: boolean) => this.#driver.act((raw) => raw.reportSnapshot(to, ok))
    this.#sender = new SnapshotSender(store, transport, clock, random.int(2 ** 40), report, onFatal)
    this.#inbox = new SnapshotInbox(
      store,
      transport,
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
      admits: (message) => this.#hint.admits(message),
      onFatal,
    })
    this.#forward = new ForwardQueue(clock, (batches) => this.#forwardAll(batches))
    this.#notices = new CommitNotices(clock, (to, messages) => this.#transmit(to, messages))
    this.#hint = new LeaderHint(clock, random, hintedCore(this.#driver, this.#raw, this.#book, transport, identity))
    this.#change = new MembershipChange(clock)
    this.#transfer = new LeadershipTransfer(clock)
    this.#disk = new SlowDisk({
      electionTicks: electionTicks(options),
      tickMs: options.heartbeatMs,
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
    this.options.beforeTurn()
    if (kind === FrameKind.raft) this.#driver.receive(this.reader.messages(from, payload))
    else if (kind === FrameKind.propose) this.#receiveProposals(from, payload)
    else if (kind === FrameKind.snapshotBegin) this.#inbox.handleBegin(from, this.reader.snapshot(from, payload))
    else if (kind === FrameKind.snapshotChunk) this.#inbox.handleChunk(from, payload)
    else if (kind === FrameKind.snapshotAck) this.#sender.handleAck(from, payload)
    else this.options.observer.onPeerFrame(from, kind, payload)
  }

  #receiveProposals(from: string, payload: Uint8Array): void {
    const commands = this.reader.commands(payload)
    if (!this.isLeader()) return
    const follower = this.#book.raftId(from)
    if (follower !== null) this.#notices.proposedBy(follower)
    for (const command of commands) this.#driver.propose(command)
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
    if (this.#stopped) return false
    this.#proposals++
    if (this.isLeader()) return this.#driver.propose(command)
    return this.#driver.lead !== NONE && this.#forward.push(command)
  }

  /** The leader may have changed meanwhile: then they are proposed here, or lost. */
  #forwardAll(batches: readonly Uint8Array[]): void {
    const leader = this.leader()
    if (this.#stopped || leader === null) return
    for (const batch of batches) {
      if (this.isLeader()) decodeBatch(batch, (command) => void this.#driver.propose(command))
      // What finds no room now is proposed again by whoever waits for it.
      else if (!this.options.transport.send(leader, Lane.bulk, FrameKind.propose, [batch])) return
    }
  }

  proposalCount(): number {
    return this.#proposals
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
    const done = this.#change.begin(context)
    const change = { transition: ConfChangeTransition.auto, changes, context }
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
    const { store, machine, clock, observer, beforeTurn } = this.options
    return new RaftDriver({
      raw: this.#raw,
      window: this.#window,
      store,
      machine,
      clock,
      maker: this.#maker,
      raftId: this.identity.raftId,
      confState,
      appliedIndex,
      firstReadContext: this.options.random.int(2 ** 40),
      send: (to, messages) => this.#send(to, messages),
      sendSnapshot: (message) => this.#sendSnapshot(message),
      beforeTurn,
      onStored: (durationMs) => observer.onStored(durationMs),
      onSoftState: (lead, role, term) => this.#onSoftState(lead, role, term),
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

  #send(to: RaftId, messages: readonly Message[]): void {
    const now = this.#notices.admit(to, messages)
    if (now.length > 0) this.#transmit(to, now)
  }

  #transmit(to: RaftId, messages: readonly Message[]): void {
    const nodeId = this.#book.nodeId(to)
    if (nodeId === null) return
    // Votes, heartbeats and acknowledgements go ahead. Appends stay in their order, empty ones too: one that overtook its
    // predecessor would be rejected, and the leader would fall back to probing.
    const control = messages.filter((message) => message.type !== MsgType.app)
    const bulk = messages.filter((message) => message.type === MsgType.app)
    for (const { type, reject } of control) if (isVoteAnswer(type) && !reject) this.#hint.granted(to, type)
    this.#sendBundles(nodeId, Lane.control, control)
    if (!this.#sendBundles(nodeId, Lane.bulk, bulk)) this.#driver.act((raw) => raw.reportUnreachable(to))
  }

  /** False if the lane had no room for all of them. */
  #sendBundles(nodeId: string, lane: Lane, messages: readonly Message[]): boolean {
    const { transport } = this.options
    return bundles(messages).every((bundle) => transport.send(nodeId, lane, FrameKind.raft, encodeMessages(bundle)))
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
      if (!this.#stopped) this.options.observer.onFatal(new NodeRefusal('this node was removed from the cluster'), 0)
    })
  }

  /** The snapshot is durable; only now the log may be cut (M42), and a window of it stays for slow followers. */
  #compact(metadata: SnapshotMetadata): void {
    if (this.#stopped || metadata.index <= this.#window.snapshot().metadata.index) return
    this.#window.createSnapshot(metadata.index, metadata.confState, EMPTY_BYTES)
    const upTo = metadata.index - (this.options.trailingEntries ?? TRAILING_WINDOW_ENTRIES)
    if (upTo < this.#window.firstIndex()) return
    this.#window.compact(upTo)
    this.options.store.compact(upTo).catch(this.onFatal)
  }

  /** Off the timer's stack: after a pause the sockets are drained before the clock may take anything away (rule 7). */
  #scheduleTick(): void {
    if (this.#stopped) return
    this.#tick = this.options.clock.after(this.options.heartbeatMs, () => {
      this.options.beforeTurn()
      this.options.clock.soon(() => this.#driver.act((raw) => this.#tickCore(raw)))
      this.#scheduleTick()
    })
  }

  #tickCore(raw: RawNode): void {
    this.#disk.tick(raw)
    raw.tick()
  }
}

const isVoteAnswer = (type: MsgType): boolean => type === MsgType.voteResp || type === MsgType.preVoteResp
