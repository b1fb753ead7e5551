/**
 * One node put together: state machine, Raft node, administration and service, over a disk, a network and a clock that are
 * given. `main.ts` gives it the machine's; the simulator gives it its own, and so runs this very composition.
 */
import { BASE_LEVEL, FEATURE_LEVEL } from '../feature-level.js'
import { decodeCommand, encodeCommand, levelOfCommand } from '../locks/commands/codec.js'
import { CommandType } from '../locks/commands/commands.js'
import { type Genesis, LockMachine } from '../locks/machine.js'
import type { Clock, Random } from '../platform.js'
import type { Term } from '../raft/core/types.js'
import type { NodeObserver } from '../raft/node/node-api.js'
import type { CommandKind, RaftNodeOptions } from '../raft/node/options.js'
import { RaftNode } from '../raft/node/raft-node.js'
import {
  awaited,
  clockThatLooks,
  type LooksFirst,
  storeThatLooks,
  transportThatLooks,
} from '../raft/ports/looks-first.js'
import type { StateMachine } from '../raft/ports/state-machine.js'
import type { Identity, LogStore } from '../raft/ports/store.js'
import type { Greeting } from '../raft/ports/transport.js'
import { FrameKind, type Peer, type Transport } from '../raft/ports/transport.js'
import { AccessControl } from './access/access-control.js'
import { type Audit, NO_AUDIT } from './access/audit.js'
import { type AdminFrom, openPolicy } from './access/open-policy.js'
import { Administration } from './administration/administration.js'
import { memberReports, successor } from './administration/member-reports.js'
import { recordsThatLook } from './leases/epoch-records.js'
import { HANDOVER_MS } from './limits.js'
import { type LockObserver, NOBODY } from './lock-observer.js'
import { type EpochRecords, LockService, type LockServiceOptions, type ServiceLog } from './lock-service.js'
import type { MemberReport } from './status.js'

type RaftSettings = Pick<
  RaftNodeOptions,
  | 'nodeId'
  | 'memberUid'
  | 'heartbeatMs'
  | 'electionTimeoutMs'
  | 'bounds'
  | 'arePeersVerified'
  | 'founders'
  | 'joinAt'
  | 'nodeLeaseMs'
>

export interface NodeSettings extends RaftSettings, LockServiceOptions {
  /** HOST:PORT that redirects to this node name. */
  readonly advertise: string
  /** HOST:PORT at which peers reach this node now; empty: the settings do not say. */
  readonly peerAddress: string
  /** The feature level of the program, if it is not that of this one: for tests. */
  readonly programLevel?: number
  readonly adminFrom: AdminFrom
}

/** The world of a node. */
export interface Surroundings {
  readonly store: LogStore
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly records: EpochRecords
  readonly log: ServiceLog
  /** Nobody counts: left out. */
  readonly observer?: LockObserver
  /** Who may what; left out: everybody may lock and see, and `adminFrom` says who administers. */
  readonly access?: AccessControl
  readonly audit?: Audit
  /** `maxrss` (KiB) and the cluster's status, for `.stats`. */
  describe(): Readonly<Record<string, unknown>>
  /** Who answers at this HOST:PORT. Never rejects. */
  greet(address: string): Promise<Greeting>
  /** A client asked for `.server-shutdown`, and may. */
  shutdown(): void
  onRunning(identity: Identity): void
  /** L, as the cluster was formed with it; the flag counts no more (rules.md rule 0). */
  onLease(nodeLeaseMs: number): void
  onLeader(leader: string | null, term: Term): void
  onStored(durationMs: number): void
  /** The node cannot go on; the class of `error` says why. */
  onFatal(error: Error): void
}

/** How the simulator watches: what Raft drives is the machine it gets back, and it is told in what state a cluster began. */
export interface Probe {
  machine(machine: LockMachine): StateMachine
  genesis(genesis: Genesis): void
}

const UNPROBED: Probe = { machine: (machine) => machine, genesis: () => undefined }

export class NodeComposition {
  readonly machine: LockMachine
  readonly node: RaftNode
  readonly service: LockService
  readonly admin: Administration
  /** For whatever else wakes this node: timers and the end of a turn begin with a look at the clock. */
  readonly clock: LooksFirst<Clock>
  /** Rule 7: what every event begins with. */
  readonly #look = (): void => this.service.turn()
  readonly #programLevel: number
  /** As far as this process knows. */
  #levelOfDirectory = BASE_LEVEL

  constructor(
    private readonly settings: NodeSettings,
    private readonly world: Surroundings,
    private readonly watch: Probe = UNPROBED,
  ) {
    const { random, log } = world
    this.clock = clockThatLooks(world.clock, this.#look)
    const { clock } = this
    const nothingYet = { clusterId: '', nodeLeaseMs: settings.nodeLeaseMs, createdUnixSeconds: 0, members: [] }
    this.#programLevel = settings.programLevel ?? FEATURE_LEVEL
    this.machine = new LockMachine(nothingYet, { programLevel: this.#programLevel })
    this.node = this.#makeNode()
    const { audit = NO_AUDIT } = world
    this.admin = new Administration({
      node: this.node,
      clock,
      requestTimeoutMs: settings.requestTimeoutMs,
      audit,
      members: () => this.memberReports(),
      levels: this.machine,
      greet: (address) => awaited(this.#look, world.greet(address)),
      log: (message) => log('info', message, {}),
    })
    this.service = new LockService({
      nodeId: settings.nodeId,
      advertise: settings.advertise,
      peerAddress: settings.peerAddress,
      programLevel: this.#programLevel,
      clock,
      random,
      node: this.node,
      state: this.machine,
      records: recordsThatLook(world.records, this.#look),
      options: settings,
      log,
      observer: world.observer ?? NOBODY,
      access: world.access ?? new AccessControl(openPolicy(settings.adminFrom, settings.allowShutdown)),
      audit,
      describe: () => world.describe(),
      shutdown: () => world.shutdown(),
      admin: (request) => this.admin.handle(request),
      membersChanged: () => this.node.setMembers(this.#members()),
      levelRaised: (level) => {
        // Also when the log is applied again at a start: it says what is in force.
        log('info', 'feature level of the cluster', { featureLevel: level })
        this.#followLevel()
      },
      onFatal: (error) => world.onFatal(error),
    })
  }

  /**
   * A clean stop: leadership first, while clients are still served; then the clients; last the word that this epoch is
   * over. `stopAccepting` is called before the clients are closed.
   */
  async stop(stopAccepting: () => void): Promise<void> {
    await this.#handOver()
    stopAccepting()
    this.service.closeClients()
    await new Promise<void>((resolve) => this.service.signOff(resolve))
    await this.node.stop()
  }

  memberReports(): MemberReport[] {
    return memberReports(this.machine, this.node.status())
  }

  async #handOver(): Promise<void> {
    const status = this.node.status()
    const heir = status === null ? null : successor(status)
    if (heir === null || !this.node.isLeader()) return
    const bound = new Promise<void>((resolve) => this.clock.after(HANDOVER_MS, resolve))
    // A cluster that cannot take over now elects a leader later: nothing is lost, the stop goes on.
    await Promise.race([this.node.transferLeadership(heir).catch(() => undefined), bound])
  }

  #makeNode(): RaftNode {
    const { settings, world, watch, machine } = this
    return new RaftNode({
      ...settings,
      programLevel: this.#programLevel,
      store: storeThatLooks(world.store, this.#look),
      transport: transportThatLooks(world.transport, this.#look),
      clock: this.clock,
      random: world.random,
      machine: watch.machine(machine),
      observer: this.#observer(),
      member: (nodeId) => machine.members().find((member) => member.nodeId === nodeId) ?? null,
      members: () => this.#members(),
      currentLeaseMs: () => machine.nodeLeaseMs,
      genesis: async ({ clusterId, nodeLeaseMs, createdUnixSeconds }, founders, saved) => {
        const members = founders.map(({ raftId, nodeId, address }) => ({ raftId, nodeId, peerAddress: address }))
        const genesis = { clusterId, nodeLeaseMs, createdUnixSeconds, members }
        watch.genesis(genesis)
        const first = new LockMachine(genesis, { programLevel: this.#programLevel })
        if (saved !== null) await this.#takeOver(first, saved, genesis)
        return first.snapshot()
      },
      claim: (raftId, memberUid) => {
        const claim = { type: CommandType.claimMember, raftId, memberUid } as const
        this.node.proposals.propose(encodeCommand(claim, machine.level))
      },
      judgeCommand: (bytes) => this.#judgeCommand(bytes),
      warn: (message) => world.log('warn', message, {}),
      onRunning: (identity) => {
        world.onRunning(identity)
        this.#tellLease()
        this.#followLevel()
        this.service.start()
      },
    })
  }

  /** What a restored cluster begins with. */
  async #takeOver(first: LockMachine, saved: AsyncIterable<Uint8Array>, genesis: Genesis): Promise<void> {
    const restorer = first.beginRestore()
    for await (const chunk of saved) restorer.push(chunk)
    restorer.end()
    restorer.finish(0)
    first.beginAgain(genesis)
    this.world.log('info', 'the state is taken over from the saved snapshot; all sessions have ended', {})
  }

  #observer(): NodeObserver {
    const { world } = this
    return {
      onLeader: (leader, term) => {
        world.onLeader(leader, term)
        this.service.onLeader(leader)
        this.admin.onLeadership()
      },
      onEntryApplied: () => this.service.effects.route(this.machine.takeEffects()),
      onApplied: (index) => this.service.onApplied(index),
      onLeaderReady: (term) => {
        this.service.onLeaderReady(term)
        this.admin.onLeadership()
      },
      onHandingOver: () => this.service.onHandingOver(),
      onRestored: (index) => {
        world.log('info', 'state taken from a snapshot of the leader', { index })
        this.node.setMembers(this.#members())
        this.#tellLease()
        this.#followLevel()
        this.service.onRestored(index)
      },
      onStored: (durationMs) => world.onStored(durationMs),
      onPeerFrame: (from, kind, payload) => {
        if (kind === FrameKind.admin || kind === FrameKind.adminResult) this.admin.onPeerFrame(from, kind, payload)
        else this.service.onPeerFrame(from, kind, payload)
      },
      onFatal: (error) => world.onFatal(error),
    }
  }

  /** A joiner knows it from its first snapshot on. */
  #tellLease(): void {
    const { clusterId, nodeLeaseMs } = this.machine
    if (clusterId !== '') this.world.onLease(nodeLeaseMs)
  }

  /**
   * The directory names the level of the state, at each start too: the process before may have ended first. An older program
   * would find out by the log or the snapshot, which name the level; by FORMAT it refuses the directory before it reads them.
   */
  #followLevel(): void {
    const { level } = this.machine
    if (level <= this.#levelOfDirectory) return
    this.#levelOfDirectory = level
    const fail = (error: unknown) => this.world.onFatal(error instanceof Error ? error : new Error(String(error)))
    awaited(this.#look, this.world.store.raiseLevel(level)).catch(fail)
  }

  #judgeCommand(bytes: Uint8Array): CommandKind {
    if (levelOfCommand(bytes) > this.#programLevel) return 'newer'
    try {
      decodeCommand(bytes, this.#programLevel)
      return 'command'
    } catch {
      return 'garbage'
    }
  }

  #members(): Peer[] {
    return this.machine.members().map(({ nodeId, raftId, peerAddress }) => ({ nodeId, raftId, address: peerAddress }))
  }
}
