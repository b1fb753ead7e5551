/** The node while its log runs: the rooms that it consists of, wired with each other, and the ticks that all of them live by. */

import type { Timer } from '../../platform.js'
import type { MemoryStorage } from '../core/log/memory-storage.js'
import type { RawNode } from '../core/raw-node.js'
import { type ConfState, EMPTY_CONF_STATE, type Index, NONE, type RaftId, Role, type Term } from '../core/types.js'
import type { Identity } from '../ports/store.js'
import type { Peer, PeerHello } from '../ports/transport.js'
import { type BootState, electionTicks, loadWindow, makeCore } from './boot.js'
import { type Bounds, boundsOf } from './bounds.js'
import { hintedCore } from './hinted-core.js'
import { LeaderHint } from './leader-hint.js'
import { MemberAddresses } from './membership/member-addresses.js'
import { Membership } from './membership/membership.js'
import type { NodeStatus } from './node-api.js'
import { describeNode } from './node-status.js'
import type { RaftNodeOptions } from './options.js'
import { PeerExchange, type Rooms } from './peer-exchange.js'
import type { Proposals } from './proposals.js'
import { type DriverEvents, RaftDriver } from './raft-driver.js'
import { SlowDisk } from './slow-disk.js'
import { Snapshots } from './snapshots/snapshots.js'

/** What a running node needs of the life around it. */
export interface NodeLife {
  readonly proposals: Proposals
  /** What the process said of itself that is connected under this node id, or was last. */
  lastHello(nodeId: string): PeerHello | null
  failed(error: unknown): void
}

export class RunningNode implements Rooms {
  readonly driver: RaftDriver
  readonly proposals: Proposals
  readonly snapshots: Snapshots
  readonly membership: Membership
  readonly exchange: PeerExchange
  readonly hint: LeaderHint
  readonly #addresses = new MemberAddresses()
  readonly #raw: RawNode
  readonly #window: MemoryStorage
  readonly #bounds: Bounds
  readonly #disk: SlowDisk
  #tick: Timer | null = null
  #stopped = false

  constructor(
    private readonly options: RaftNodeOptions,
    private readonly identity: Identity,
    boot: BootState,
    private readonly life: NodeLife,
  ) {
    const { clock, random, transport } = options
    const appliedIndex = boot.snapshot?.index ?? 0
    this.#bounds = boundsOf(options)
    this.#window = loadWindow(boot)
    this.#raw = makeCore(options, identity.raftId, this.#window, appliedIndex)
    this.proposals = life.proposals
    this.snapshots = this.#makeSnapshots(appliedIndex)
    this.exchange = this.#makeExchange()
    this.driver = this.#makeDriver(appliedIndex, boot.snapshot?.confState ?? EMPTY_CONF_STATE)
    this.membership = this.#makeMembership()
    this.proposals.begin({
      raw: this.#raw,
      driver: this.driver,
      maker: this.snapshots.maker,
      leader: () => this.leader,
    })
    this.hint = new LeaderHint(clock, random, hintedCore(this.driver, this.#raw, this.#addresses, transport, identity))
    this.#disk = this.#makeSlowDisk()
  }

  /** Node id of the leader, or null. */
  get leader(): string | null {
    return this.driver.lead === NONE ? null : this.#addresses.nodeId(this.driver.lead)
  }
  get commitIndex(): Index {
    return this.#raw.committed
  }

  start(members: readonly Peer[]): void {
    this.membership.set(members)
    this.#scheduleTick()
    this.driver.schedule()
    // Alone, there is nobody whose heartbeat could be missed.
    const { voters } = this.driver.confState
    if (voters.length === 1 && voters[0] === this.identity.raftId) this.driver.act((raw) => raw.campaign())
  }

  stop(): void {
    this.#stopped = true
    this.#tick?.cancel()
    this.exchange.stop()
    this.proposals.stop()
    this.hint.stop()
    this.membership.stop()
    this.snapshots.stop()
    this.driver.stop()
  }

  status(): NodeStatus {
    const { identity, driver } = this
    const parts = { identity, addresses: this.#addresses, driver, raw: this.#raw, window: this.#window }
    return describeNode(parts, this.snapshots.maker.snapshotIndex)
  }

  // ------------------------------------------------------------------------------------------------- ticks

  /** After a pause the sockets are drained before the clock may take anything away (rule 7): see `RaftDriver.tick`. */
  #scheduleTick(): void {
    if (this.#stopped) return
    this.#tick = this.options.clock.after(this.options.heartbeatMs, () => {
      this.driver.tick((raw) => this.#tickCore(raw))
      this.#scheduleTick()
    })
  }

  #tickCore(raw: RawNode): void {
    this.proposals.tick()
    this.snapshots.trimmer.tick()
    this.#disk.tick(raw)
    raw.tick()
  }

  // ------------------------------------------------------------------------------------ what the driver tells

  #events(): DriverEvents {
    const { observer } = this.options
    return {
      stored: observer.onStored,
      leaderChanged: (lead, role, term) => this.#leaderChanged(lead, role, term),
      entryApplied: observer.onEntryApplied,
      turnApplied: observer.onApplied,
      termApplied: (term) => this.#termApplied(term),
      membershipApplied: (confState, context) => {
        this.exchange.reader.witnesses.retain(confState)
        this.membership.applied(confState, context)
      },
      restored: (index) => {
        this.exchange.reader.witnesses.retain(this.driver.confState)
        observer.onRestored(index)
      },
      failed: (error) => this.life.failed(error),
    }
  }

  #leaderChanged(lead: RaftId, role: Role, term: Term): void {
    const leader = lead === NONE ? null : this.#addresses.nodeId(lead)
    this.hint.changed()
    this.membership.leaderIs(leader, role === Role.leader)
    this.options.observer.onLeader(leader, term)
  }

  #termApplied(term: Term): void {
    this.hint.stop()
    if (!this.driver.isLeader) return
    this.membership.membersAreKnown()
    this.options.observer.onLeaderReady(term)
  }

  // ------------------------------------------------------------------------------------------------- rooms

  #makeSnapshots(appliedIndex: Index): Snapshots {
    const { store, machine, transport, clock, random } = this.options
    return new Snapshots({
      store,
      machine,
      transport,
      clock,
      raw: this.#raw,
      window: this.#window,
      bounds: this.#bounds,
      addresses: this.#addresses,
      appliedIndex,
      firstTransfer: random.int(2 ** 40),
      applied: () => ({ index: this.driver.appliedIndex, confState: this.driver.confState }),
      transferEnded: (to, ok) => this.driver.act((raw) => raw.reportSnapshot(to, ok)),
      received: (message) => this.driver.receive([message]),
      warn: (message) => this.options.warn(message),
      failed: (error) => this.life.failed(error),
    })
  }

  #makeExchange(): PeerExchange {
    const { options, life } = this
    return new PeerExchange({
      raftId: this.identity.raftId,
      raw: this.#raw,
      addresses: this.#addresses,
      transport: options.transport,
      clock: options.clock,
      bounds: this.#bounds,
      rooms: this,
      lastHello: (nodeId) => life.lastHello(nodeId),
      judgeCommand: (bytes) => options.judgeCommand(bytes),
      onPeerFrame: (from, kind, payload) => options.observer.onPeerFrame(from, kind, payload),
      failed: (error) => life.failed(error),
    })
  }

  #makeDriver(appliedIndex: Index, confState: ConfState): RaftDriver {
    const { store, machine, clock, random } = this.options
    return new RaftDriver({
      raw: this.#raw,
      window: this.#window,
      store,
      machine,
      clock,
      maker: this.snapshots.maker,
      raftId: this.identity.raftId,
      confState,
      appliedIndex,
      firstReadContext: random.int(2 ** 40),
      commands: this.proposals.waiting,
      peers: this.exchange,
      snapshots: this.snapshots,
      events: this.#events(),
    })
  }

  #makeMembership(): Membership {
    const { transport, clock, electionTimeoutMs, observer, warn } = this.options
    return new Membership({
      identity: this.identity,
      addresses: this.#addresses,
      raw: this.#raw,
      transport,
      clock,
      electionTimeoutMs,
      driver: this.driver,
      lastIndex: () => this.#window.lastIndex(),
      handingOver: () => observer.onHandingOver(),
      warn,
      ended: (error) => observer.onFatal(error),
    })
  }

  #makeSlowDisk(): SlowDisk {
    const { options } = this
    return new SlowDisk({
      electionTicks: electionTicks(options),
      tickMs: options.heartbeatMs,
      hangsMs: this.#bounds.diskHangsMs,
      writeUnderWay: () => this.driver.writeUnderWay,
      nodeLeaseMs: () => options.currentLeaseMs(),
      warn: (message) => options.warn(message),
      onHanging: (error) => this.life.failed(error),
    })
  }
}
