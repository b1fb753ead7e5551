/**
 * One node of a cluster, from its empty directory on: entry, then the running log. What happens in a turn is in
 * `raft-driver.ts`, how a directory becomes a member in `join.ts`, who may connect in `admission.ts`.
 */
import type { ConfChangeSingle, Index, RaftId, Term } from '../core/types.js'
import { ForgottenError, type Identity, type LoadedLog, StoreError } from '../ports/store.js'
import type { FrameKind as Kind, Lane } from '../ports/transport.js'
import {
  FrameKind,
  type Held,
  type Peer,
  type PeerDownReason,
  type PeerHello,
  type Refusal,
  RefusalCode,
  type Refuser,
} from '../ports/transport.js'
import { readBootstrapMessage } from '../wire/control-messages.js'
import { type BootState, restoreMachine } from './boot.js'
import { Certainty, isBelieved, judgePeer } from './membership/admission.js'
import { listHash, loadMembersAtJoin, MembershipEntry, MembershipHost } from './membership/join.js'
import { type NodeApi, NodeRefusal, type NodeStatus } from './node-api.js'
import type { RaftNodeOptions } from './options.js'
import { RunningNode } from './running-node.js'

/** One more with each release that adds a command, a field of one, or a record (docs/operations/upgrade.md). */
const FEATURE_LEVEL = 1
const KNOWN_KINDS: ReadonlySet<Kind> = new Set(Object.values(FrameKind))
/** Why this directory may never be started again. */
const FORGOTTEN_RECORD_KEY = 'forgotten'
const PROCESS_ID_BYTES = 12

function heldBy({ hardState: { term, vote }, entries, prevIndex, snapshot }: LoadedLog): Held {
  return { term, vote, lastIndex: Math.max(prevIndex + entries.length, snapshot?.index ?? 0) }
}

export class RaftNode implements NodeApi {
  readonly nodeId: string
  readonly #entry: MembershipEntry
  readonly #certainty = new Certainty(this)
  #running: RunningNode | null = null
  #identity: Identity | null
  #stopped = false
  #memberHost: MembershipHost | null = null
  #members: readonly Peer[] = []
  /** Of whoever is connected, or was last. */
  readonly #lastHellos = new Map<string, PeerHello>()
  #droppedFrames = 0
  #isForgotten = false
  readonly #processId: string
  readonly #held: Held

  constructor(private readonly options: RaftNodeOptions) {
    this.nodeId = options.nodeId
    this.#processId = Buffer.from(options.random.bytes(PROCESS_ID_BYTES)).toString('hex')
    this.#held = heldBy(options.store.loaded)
    this.#identity = options.store.loaded.identity
    this.#entry = new MembershipEntry(
      options,
      (identity, boot, members) => void this.#becomeMember(identity, boot, members),
      (error) => this.#fatal(error),
    )
  }

  /** Resolves when the node listens to its peers; it serves later, see `NodeObserver`. Rejects with a StoreError. */
  async start(): Promise<void> {
    this.options.store.onFailure((error) => this.#fatal(error))
    const { store, transport, machine } = this.options
    const identity = this.#identity
    const forgotten = await store.getRecord(FORGOTTEN_RECORD_KEY)
    if (forgotten !== null) throw new StoreError('damaged', Buffer.from(forgotten).toString())
    if (identity === null) await this.#entry.prepare()
    else {
      const { loaded } = store
      if (loaded.snapshot !== null) await restoreMachine(store, machine, loaded.snapshot.index, loaded.snapshot.term)
      else this.#members = await loadMembersAtJoin(store)
      await this.#run(identity, loaded)
      store.forgetLoaded()
    }
    await transport.start({
      hello: () => this.#hello(),
      judge: (peer, wasDialled) => this.#judge(peer, wasDialled),
      onRefused: (refusal, by) => this.#refused(refusal, by),
      onFrame: (from, kind, payload) => this.#frame(from, kind, payload),
      onUp: (peer) => this.#up(peer),
      onDown: (nodeId, reason) => this.#down(nodeId, reason),
    })
    if (identity === null) this.#entry.start()
    else this.#running?.start(this.#members.map((member) => this.#withListedAddress(member)))
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.#entry.stop()
    this.#memberHost?.stop()
    this.#running?.stop()
    await this.options.transport.close()
    await this.#running?.idle()
    await this.options.store.close()
  }

  // ------------------------------------------------------------------------------------- entering a cluster

  async #becomeMember(identity: Identity, boot: BootState, members: readonly Peer[]): Promise<void> {
    try {
      this.#identity = identity
      this.setMembers(members)
      const { store, machine } = this.options
      if (boot.snapshot !== null) await restoreMachine(store, machine, boot.snapshot.index, boot.snapshot.term)
      await this.#run(identity, boot)
      this.#running?.start(this.#members.map((member) => this.#withListedAddress(member)))
    } catch (error) {
      this.#fatal(error)
    }
  }

  async #run(identity: Identity, boot: BootState): Promise<void> {
    if (this.#stopped) return
    const memberHost = new MembershipHost(this.options, identity.clusterId, () => this.#members)
    await memberHost.prepare()
    this.#memberHost = memberHost
    this.#running = new RunningNode(
      this.options,
      identity,
      boot,
      (error) => this.#fatal(error),
      (nodeId) => this.#lastHellos.get(nodeId) ?? null,
    )
    const members = this.options.members()
    this.setMembers(members.length > 0 ? members : this.#members)
    this.options.onRunning(identity)
  }

  // ---------------------------------------------------------------------------------------------- peers

  #hello(): PeerHello {
    const identity = this.#identity
    const { nodeId, memberUid, founders } = this.options
    return {
      clusterId: identity?.clusterId ?? this.#entry.clusterId,
      nodeId,
      raftId: identity?.raftId ?? 0,
      memberUid,
      listHash: listHash(founders),
      empty: identity === null,
      level: FEATURE_LEVEL,
      processId: this.#processId,
      held: this.#held,
    }
  }

  #judge(peer: PeerHello, wasDialled: boolean) {
    const phase = this.#running !== null ? 'running' : this.#entry.phase
    const { options } = this
    return judgePeer(
      {
        hello: this.#hello(),
        leads: this.isLeader(),
        // Whom this node dialled does not believe a final word, so a quorum need not be asked about it.
        isSure: () => !wasDialled && this.#certainty.about(peer),
        phase,
        member: (id) => options.member(id),
        forgottenBy: (hello) => this.#running?.reader.witnesses.forgottenBy(hello) ?? null,
      },
      peer,
    )
  }

  #refused(refusal: Refusal, by: Refuser): void {
    const clusterId = this.#identity?.clusterId ?? null
    if (!isBelieved({ clusterId, isMember: (nodeId) => this.#isMember(nodeId) }, refusal, by)) return
    // A node that knows of its removal ends in good order; that the others know it too changes nothing.
    if (this.#running?.removed === true) return
    if (refusal.code === RefusalCode.forgotten) this.#fatal(new ForgottenError(`${by.nodeId} says: ${refusal.message}`))
    else this.#fatal(new StoreError('foreign', `${by.nodeId} refused this node: ${refusal.message}`))
  }

  #frame(from: string, kind: Kind, payload: Uint8Array): void {
    if (this.#stopped) return
    if (!KNOWN_KINDS.has(kind)) this.#droppedFrames++
    else if (kind !== FrameKind.bootstrap) this.#running?.receive(from, kind, payload)
    else if (this.#running === null) this.#entry.handle(from, payload)
    else {
      readBootstrapMessage(payload)
      this.#memberHost?.handleBootstrap(from)
    }
  }

  #up(peer: PeerHello): void {
    this.#lastHellos.set(peer.nodeId, peer)
    this.#running?.peerUp(peer)
    this.#memberHost?.peerUp(peer)
  }

  #down(nodeId: string, reason: PeerDownReason): void {
    if (!this.#isMember(nodeId)) this.#lastHellos.delete(nodeId)
    this.#running?.peerDown(nodeId, reason)
    this.#memberHost?.peerDown(nodeId)
  }

  #isKnown(nodeId: string): boolean {
    return this.options.transport.isUp(nodeId) || this.#isMember(nodeId)
  }

  #isMember(nodeId: string): boolean {
    return this.#members.some((member) => member.nodeId === nodeId)
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

  // --------------------------------------------------------------------------------------------- NodeApi

  status(): NodeStatus | null {
    return this.#running?.status() ?? null
  }
  isLeader(): boolean {
    return this.#running?.isLeader() ?? false
  }
  isLeaderReady(): boolean {
    return this.#running?.isLeaderReady() ?? false
  }
  leader(): string | null {
    return this.#running?.leader() ?? null
  }
  term(): Term {
    return this.#running?.term() ?? 0
  }
  appliedIndex(): Index {
    return this.#running?.appliedIndex() ?? 0
  }
  commitIndex(): Index {
    return this.#running?.commitIndex() ?? 0
  }
  propose(command: Uint8Array): boolean {
    return this.#running?.propose(command) ?? false
  }
  droppedFrames(): number {
    return this.#droppedFrames + (this.#running?.reader.droppedMessages ?? 0)
  }
  isBusy(): boolean {
    return this.#running?.isBusy() ?? false
  }
  proposalCount(): number {
    return this.#running?.proposalCount() ?? 0
  }
  confirmLeadership(done: (index: Index | null) => void): void {
    if (this.#running === null) done(null)
    else this.#running.confirmLeadership(done)
  }
  confirmIndex(done: (index: Index | null) => void): void {
    if (this.#running === null) done(null)
    else this.#running.confirmIndex(done)
  }
  sendPeer(to: string, lane: Lane, kind: Kind, payload: Uint8Array): boolean {
    return this.options.transport.send(to, lane, kind, [payload])
  }
  async changeMembership(changes: readonly ConfChangeSingle[], context: Uint8Array): Promise<void> {
    if (this.#running === null) throw new NodeRefusal('this node is not a member of a cluster yet')
    await this.#running.changeMembership(changes, context)
  }
  async transferLeadership(to: string): Promise<void> {
    if (this.#running === null) throw new NodeRefusal('this node is not a member of a cluster yet')
    await this.#running.transferLeadership(to)
  }
  setMembers(members: readonly Peer[]): void {
    this.#members = members
    for (const nodeId of this.#lastHellos.keys()) if (!this.#isKnown(nodeId)) this.#lastHellos.delete(nodeId)
    this.#running?.setMembers(members.map((member) => this.#withListedAddress(member)))
    this.#memberHost?.membersChanged()
  }
  /** Where `--cluster` says that it is: the address that the cluster knows may be of a day when the node was elsewhere. */
  #withListedAddress(member: Peer): Peer {
    const { founders, joinAt } = this.options
    const listed = [...founders, ...joinAt].find(({ nodeId }) => nodeId === member.nodeId)?.address
    return listed === undefined || listed === member.address ? member : { ...member, otherAddress: listed }
  }

  nextRaftId(): RaftId {
    return this.#running?.nextRaftId() ?? 0
  }
}
