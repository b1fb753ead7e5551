/** The snapshots of a running node: when one is made, what of the log it makes needless, and their way to and from peers. */
import { invariant } from '../../../invariant.js'
import type { Clock } from '../../../platform.js'
import type { MemoryStorage } from '../../core/log/memory-storage.js'
import type { Message } from '../../core/messages.js'
import type { RawNode } from '../../core/raw-node.js'
import { type ConfState, type Index, membersOf, type RaftId } from '../../core/types.js'
import type { StateMachine } from '../../ports/state-machine.js'
import type { LogStore, SnapshotReader } from '../../ports/store.js'
import type { Transport } from '../../ports/transport.js'
import type { Bounds } from '../bounds.js'
import type { MemberAddresses } from '../membership/member-addresses.js'
import { LogTrimmer } from './log-trimmer.js'
import { SnapshotMaker } from './snapshot-maker.js'
import { SnapshotInbox, SnapshotSender, snapshotMessage } from './snapshot-transfer.js'

export interface SnapshotsDeps {
  readonly store: LogStore
  readonly machine: StateMachine
  readonly transport: Transport
  readonly clock: Clock
  readonly raw: RawNode
  readonly window: MemoryStorage
  readonly bounds: Bounds
  readonly addresses: MemberAddresses
  /** Of the snapshot from which the state was restored at the start. */
  readonly appliedIndex: Index
  /** Random: transfers are numbered from here on. */
  readonly firstTransfer: number
  /** What the state machine has applied. */
  applied(): { readonly index: Index; readonly confState: ConfState }
  /** The core is to hear how the transfer to this member ended. */
  transferEnded(to: RaftId, ok: boolean): void
  /** One of the leader is durable here: the core is to take it. */
  received(message: Message): void
  warn(message: string): void
  failed(error: unknown): void
}

export class Snapshots {
  readonly maker: SnapshotMaker
  readonly trimmer: LogTrimmer
  /** Told what peers answer to it. */
  readonly sender: SnapshotSender
  /** Told what peers send of one. */
  readonly inbox: SnapshotInbox
  #stopped = false

  constructor(private readonly deps: SnapshotsDeps) {
    const { store, machine, transport, clock, raw, window, bounds } = deps
    const failed = (error: unknown): void => deps.failed(error)
    this.trimmer = new LogTrimmer({ raw, window, store, bounds, onError: failed })
    this.maker = new SnapshotMaker(
      store,
      machine,
      deps.appliedIndex,
      bounds,
      (metadata) => {
        if (!this.#stopped) this.trimmer.snapshotDurable(metadata)
      },
      failed,
    )
    this.sender = new SnapshotSender(
      store,
      transport,
      clock,
      deps.firstTransfer,
      (to, ok) => deps.transferEnded(to, ok),
      failed,
      (message) => deps.warn(message),
    )
    this.inbox = new SnapshotInbox(
      store,
      transport,
      clock,
      () => machine.beginRestore(),
      (metadata, begin) => this.maker.afterCurrent(() => deps.received(snapshotMessage(metadata, begin))),
      failed,
    )
  }

  /** The core wants this member to have one. */
  send(message: Message): void {
    const { addresses, transport, clock } = this.deps
    const nodeId = addresses.nodeId(message.to)
    const known = message.snapshot !== null && membersOf(message.snapshot.metadata.confState).includes(message.to)
    if (nodeId !== null && known && transport.isUp(nodeId)) {
      this.sender.start(nodeId, message)
      return
    }
    // A node ignores a snapshot that does not name it as a member: one that was added later needs a newer one.
    if (!known) this.#makeNow()
    clock.soon(() => this.deps.transferEnded(message.to, false))
  }

  /**
   * One that has all that is applied now: it is made if there is none yet. Calls back once, with what can be read as long as it
   * is open, though newer ones take its place; or never, if this node ends.
   */
  save(done: (reader: SnapshotReader) => void): void {
    const { index: wanted } = this.deps.applied()
    this.maker.afterCurrent(() => {
      this.#makeNow()
      this.maker.afterCurrent(() => {
        if (this.#stopped) return
        const { index, term } = this.deps.window.snapshot().metadata
        invariant(index >= wanted, () => `snapshots: one of ${index} was made for ${wanted}`)
        this.deps.store.openSnapshot(index, term).then(done, (error: unknown) => this.deps.failed(error))
      })
    })
  }

  peerDown(nodeId: string): void {
    this.sender.peerDown(nodeId)
    this.inbox.peerDown(nodeId)
  }

  stop(): void {
    this.#stopped = true
    this.sender.stop()
    this.inbox.stop()
  }

  #makeNow(): void {
    const { index, confState } = this.deps.applied()
    const term = this.deps.window.term(index)
    if (term !== null) this.maker.make({ index, term, confState })
  }
}
