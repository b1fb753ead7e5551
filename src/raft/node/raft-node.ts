/**
 * One node of a cluster, from its empty directory to its end: first a newcomer (membership/newcomer.ts), then a running log
 * (running-node.ts). What layers above see is `NodeApi`; before the log runs it answers for a node that is nobody yet.
 */
import type { ConfChangeSingle, Index, RaftId, Term } from '../core/types.js'
import { ForgottenError, type Identity, type SnapshotReader, StoreError } from '../ports/store.js'
import { FrameKind, type Lane, type Peer, type PeerDownReason, type PeerHello } from '../ports/transport.js'
import { readBootstrapMessage } from '../wire/control-messages.js'
import { type BootState, restoreMachine } from './boot.js'
import { boundsOf } from './bounds.js'
import { Admission } from './membership/admission.js'
import { Certainty } from './membership/certainty.js'
import { Founder } from './membership/founder.js'
import { Introductions, type Standing } from './membership/introductions.js'
import { Joiner, loadMembersAtJoin } from './membership/joiner.js'
import type { Newcomer, NewMember } from './membership/newcomer.js'
import type { NodeApi, NodeStatus } from './node-api.js'
import { NodeRefusal, NodeRefusalReason } from './node-errors.js'
import type { RaftNodeOptions } from './options.js'
import { Proposals } from './proposals.js'
import type { ReadDone } from './reads/reads.js'
import { RunningNode } from './running-node.js'

const KNOWN_KINDS: ReadonlySet<FrameKind> = new Set(Object.values(FrameKind))
/** Why this directory may never be started again. */
export const FORGOTTEN_RECORD_KEY = 'forgotten'

export class RaftNode implements NodeApi {
  readonly nodeId: string
  readonly proposals: Proposals
  readonly #newcomer: Newcomer
  readonly #introductions: Introductions
  readonly #certainty = new Certainty(this, () => this.#running?.membership.membersAreKnown())
  #identity: Identity | null
  #running: RunningNode | null = null
  #admission: Admission | null = null
  #members: readonly Peer[] = []
  #droppedFrames = 0
  #stopped = false
  #isForgotten = false

  constructor(private readonly options: RaftNodeOptions) {
    this.nodeId = options.nodeId
    this.proposals = new Proposals(options.clock, options.transport, boundsOf(options))
    this.#identity = options.store.loaded.identity
    this.#introductions = new Introductions(options, () => this.#standing())
    const onMember = (member: NewMember): void => void this.#becomeMember(member)
    const onError = (error: unknown): void => this.#fatal(error)
    // `--cluster` forms a cluster, `--join` waits to be added to one.
    const isFounder = options.founders.length > 0
    this.#newcomer = isFounder ? new Founder(options, onMember, onError) : new Joiner(options, onMember, onError)
  }

  // ----------------------------------------------------------------------------------------------- life

  /** Resolves when the node listens to its peers; it serves later, see `NodeObserver`. Rejects with a StoreError. */
  async start(): Promise<void> {
    this.options.store.onFailure((error) => this.#fatal(error))
    const { store, transport, machine } = this.options
    const identity = this.#identity
    const forgotten = await store.getRecord(FORGOTTEN_RECORD_KEY)
    if (forgotten !== null) throw new StoreError('damaged', Buffer.from(forgotten).toString())
    if (store.seed !== null && this.options.founders.length === 0) throw seedOfJoiner()
    if (identity === null) await this.#newcomer.prepare()
    else {
      const { loaded } = store
      if (loaded.snapshot !== null) await restoreMachine(store, machine, loaded.snapshot.index, loaded.snapshot.term)
      else this.#members = await loadMembersAtJoin(store)
      await this.#run(identity, loaded)
      store.forgetLoaded()
    }
    await transport.start({
      hello: () => this.#introductions.hello(),
      judge: (peer, wasDialled) => this.#introductions.judge(peer, wasDialled),
      onRefused: (refusal, by) => this.#refused(this.#introductions.verdictOf(refusal, by)),
      onFrame: (from, kind, payload) => this.#frame(from, kind, payload),
      onUp: (peer) => this.#up(peer),
      onDown: (nodeId, reason) => this.#down(nodeId, reason),
    })
    if (identity === null) this.#newcomer.start()
    else this.#running?.start(this.#addressed(this.#members))
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.#newcomer.stop()
    this.#admission?.stop()
    this.#running?.stop()
    await this.options.transport.close()
    await this.#running?.snapshots.maker.idle()
    await this.options.store.close()
  }

  async #becomeMember({ identity, boot, members }: NewMember): Promise<void> {
    try {
      this.#identity = identity
      this.setMembers(members)
      const { store, machine } = this.options
      if (boot.snapshot !== null) await restoreMachine(store, machine, boot.snapshot.index, boot.snapshot.term)
      await this.#run(identity, boot)
      this.#running?.start(this.#addressed(this.#members))
    } catch (error) {
      this.#fatal(error)
    }
  }

  async #run(identity: Identity, boot: BootState): Promise<void> {
    if (this.#stopped) return
    const admission = new Admission(this.options, identity.clusterId, () => this.#members)
    await admission.prepare()
    this.#admission = admission
    this.#running = new RunningNode(this.options, identity, boot, {
      proposals: this.proposals,
      lastHello: (nodeId) => this.#introductions.lastHello(nodeId),
      failed: (error) => this.#fatal(error),
    })
    const members = this.options.members()
    this.setMembers(members.length > 0 ? members : this.#members)
    this.options.onRunning(identity)
  }

  #fatal(error: unknown): void {
    if (this.#stopped || this.#isForgotten) return
    this.#running?.stop()
    if (error instanceof ForgottenError) {
      this.#isForgotten = true
      void this.#recordForgotten(error)
      return
    }
    this.#end(error)
  }

  /** First of all on disk: whoever remembers may be gone when the next process starts. */
  async #recordForgotten(error: ForgottenError): Promise<void> {
    await this.options.store.putRecord(FORGOTTEN_RECORD_KEY, Buffer.from(error.message)).catch(() => undefined)
    if (!this.#stopped) this.#end(error)
  }

  #end(error: unknown): void {
    this.options.observer.onFatal(error instanceof Error ? error : new Error(String(error)))
  }

  // ---------------------------------------------------------------------------------------------- peers

  #standing(): Standing {
    const running = this.#running
    return {
      identity: this.#identity,
      clusterId: this.#identity?.clusterId ?? this.#newcomer.clusterId,
      phase: running === null ? this.#newcomer.phase : 'running',
      leads: this.isLeader(),
      isMember: (nodeId) => this.#members.some((member) => member.nodeId === nodeId),
      knowledgeOf: (peer) => this.#certainty.about(peer),
      forgottenBy: (peer) => running?.exchange.reader.witnesses.forgottenBy(peer) ?? null,
    }
  }

  #refused(verdict: StoreError | null): void {
    // A node that knows of its removal ends in good order; that the others know it too changes nothing.
    if (verdict !== null && this.#running?.membership.isRemoved !== true) this.#fatal(verdict)
  }

  #frame(from: string, kind: FrameKind, payload: Uint8Array): void {
    if (this.#stopped) return
    if (!KNOWN_KINDS.has(kind)) this.#droppedFrames++
    else if (kind !== FrameKind.bootstrap) this.#running?.exchange.receive(from, kind, payload)
    else if (this.#running === null) this.#newcomer.handle(from, payload)
    else {
      readBootstrapMessage(payload)
      this.#admission?.handleBootstrap(from)
    }
  }

  #up(peer: PeerHello): void {
    this.#introductions.up(peer)
    this.#running?.exchange.up(peer)
    this.#admission?.peerUp(peer)
  }

  #down(nodeId: string, reason: PeerDownReason): void {
    this.#introductions.down(nodeId)
    this.#running?.exchange.down(nodeId, reason)
    this.#admission?.peerDown(nodeId)
  }

  /** Where `--cluster` says that they are, too: the address that the cluster knows may be of a day when one was elsewhere. */
  #addressed(members: readonly Peer[]): Peer[] {
    const { founders, joinAt } = this.options
    return members.map((member) => {
      const listed = [...founders, ...joinAt].find(({ nodeId }) => nodeId === member.nodeId)?.address
      return listed === undefined || listed === member.address ? member : { ...member, otherAddress: listed }
    })
  }

  // --------------------------------------------------------------------------------------------- NodeApi

  status(): NodeStatus | null {
    return this.#running?.status() ?? null
  }
  isLeader(): boolean {
    return this.#running?.driver.isLeader ?? false
  }
  isLeaderReady(): boolean {
    return this.#running?.driver.isLeaderReady ?? false
  }
  leader(): string | null {
    return this.#running?.leader ?? null
  }
  term(): Term {
    return this.#running?.driver.term ?? 0
  }
  appliedIndex(): Index {
    return this.#running?.driver.appliedIndex ?? 0
  }
  commitIndex(): Index {
    return this.#running?.commitIndex ?? 0
  }
  droppedFrames(): number {
    return this.#droppedFrames + (this.#running?.exchange.reader.droppedMessages ?? 0)
  }
  confirmLeadership(done: (index: Index | null) => void): void {
    if (this.#running === null) done(null)
    else this.#running.driver.confirmLeadership(done)
  }
  read(done: ReadDone): void {
    if (this.#running === null) done('unavailable')
    else this.#running.driver.read(done)
  }
  saveSnapshot(done: (reader: SnapshotReader) => void): void {
    this.#running?.snapshots.save(done)
  }
  sendPeer(to: string, lane: Lane, kind: FrameKind, payload: Uint8Array): boolean {
    return this.options.transport.send(to, lane, kind, [payload])
  }
  async changeMembership(changes: readonly ConfChangeSingle[], context: Uint8Array): Promise<void> {
    await this.#member().membership.change(changes, context)
  }
  async transferLeadership(to: string): Promise<void> {
    await this.#member().membership.transfer(to)
  }
  setMembers(members: readonly Peer[]): void {
    this.#members = members
    this.#introductions.membersChanged()
    this.#running?.membership.set(this.#addressed(members))
    this.#admission?.membersChanged()
  }
  nextRaftId(): RaftId {
    return this.#running?.membership.nextRaftId() ?? 0
  }

  #member(): RunningNode {
    if (this.#running !== null) return this.#running
    throw new NodeRefusal(NodeRefusalReason.notLeader, 'this node is not a member of a cluster yet')
  }
}

/** It would be sent the state of the cluster that it joins, and what was restored here would be gone without a word. */
function seedOfJoiner(): StoreError {
  return new StoreError(
    'foreign',
    'a saved snapshot was restored into this directory: a restored cluster is formed by --cluster on every node, not joined (--join)',
  )
}
