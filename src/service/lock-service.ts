/**
 * The service of a node: its clients, its sessions and its right to speak. Free of I/O: sockets, clock, disk records, Raft
 * node and state machine are injected, so that the simulator runs this very code.
 */
import type { Epoch, NodeId } from '../locks/commands/commands.js'
import type { Clock, Random } from '../platform.js'
import type { Index, Term } from '../raft/core/types.js'
import type { NodeApi } from '../raft/node/node-api.js'
import type { LooksFirst } from '../raft/ports/looks-first.js'
import { FrameKind, Lane, PeerProtocolError } from '../raft/ports/transport.js'
import type { AccessControl } from './access/access-control.js'
import type { Audit } from './access/audit.js'
import { FailedAttempts } from './access/failed-attempts.js'
import { Counters, type CountersReport } from './counters.js'
import { DeadlineQueue } from './deadline-queue.js'
import type { ClientProtocol, ClientSocket } from './dialects/client-socket.js'
import { Connection, type ConnectionOwner } from './dialects/connection.js'
import type { ConnectionContext, LockServiceOptions, NodeOperations } from './dialects/connection-context.js'
import { addressFor } from './dialects/redirects.js'
import { EffectRouter } from './effect-router.js'
import type { EpochRecords } from './leases/epoch-records.js'
import { LeaderDuties } from './leases/leader-duties.js'
import { NodeEpoch } from './leases/node-epoch.js'
import { decodeRenewal, decodeRenewalAnswer, encodeRenewalAnswer } from './leases/renewal-frames.js'
import { RightToSpeak } from './leases/right-to-speak.js'
import { type LockObserver, NOBODY } from './lock-observer.js'
import { ClientReads } from './reads/client-reads.js'
import type { ServiceLog } from './service-log.js'
import { Attachments } from './sessions/attachments.js'
import type { StateView } from './state-view.js'

export type { ClientProtocol, ClientSocket } from './dialects/client-socket.js'
export type { AdminRequest, LockServiceOptions } from './dialects/connection-context.js'
export type { EpochRecord, EpochRecords } from './leases/epoch-records.js'
export type { ServiceLog } from './service-log.js'
export type { StateView } from './state-view.js'

export interface LockServiceDeps extends NodeOperations {
  readonly nodeId: NodeId
  /** HOST:PORT that redirects to this node name. */
  readonly advertise: string
  /** HOST:PORT at which peers reach this node now; empty: the settings do not say. */
  readonly peerAddress: string
  /** The feature level of this program. */
  readonly programLevel: number
  readonly clock: LooksFirst<Clock>
  readonly random: Random
  readonly node: NodeApi
  readonly state: StateView
  readonly records: LooksFirst<EpochRecords>
  readonly options: LockServiceOptions
  readonly log: ServiceLog
  readonly observer?: LockObserver
  readonly access: AccessControl
  readonly audit: Audit
  /** The state has other members than before, or at other addresses. */
  membersChanged(): void
  /** The cluster's feature level. */
  levelRaised(level: number): void
  onFatal(error: Error): void
}

export interface LockServiceStats {
  readonly epoch: Epoch
  /** How long the right to speak lasts; 0 without one. */
  readonly speakRemainingMs: number
  readonly connections: number
  /** Connections with a session, or about to have one. */
  readonly sessions: number
  /** Connections with proposals that are not applied. */
  readonly unsettled: number
  readonly classicHolding: number
  /** Detached sessions whose time this node counts, as the leader. */
  readonly countedSessions: number
  readonly counters: CountersReport
}

export class LockService implements ConnectionOwner {
  readonly #connections = new Set<Connection>()
  /** Classic connections that hold a lock: first to be closed when the right to speak ends, which they move (rule 2). */
  readonly #holders = new Set<Connection>()
  readonly #counters: Counters
  readonly #epoch: NodeEpoch
  readonly #right: RightToSpeak
  readonly #duties: LeaderDuties
  readonly #attachments: Attachments
  readonly #deadlines: DeadlineQueue<() => void>
  readonly #context: ConnectionContext
  /** For what an entry meant, once it is applied. */
  readonly effects: EffectRouter
  readonly #reads: ClientReads
  /** Wrong tokens, whatever they were shown to. */
  readonly failedAttempts: FailedAttempts
  readonly #endRightsWatch: () => void
  #stopping = false

  constructor(private readonly deps: LockServiceDeps) {
    const { nodeId, clock, random, node, state, log, observer = NOBODY } = deps
    this.#counters = new Counters(observer)
    this.#deadlines = new DeadlineQueue(clock, (run) => run())
    this.#attachments = new Attachments({ nodeId, clock, node, state })
    this.#duties = new LeaderDuties({
      clock,
      node,
      state,
      log,
      programLevel: deps.programLevel,
      answer: (to, epoch, number, commitIndex) => this.#answerRenewal(to, epoch, number, commitIndex),
    })
    this.#epoch = new NodeEpoch({
      nodeId,
      address: deps.advertise,
      peer: deps.peerAddress,
      programLevel: deps.programLevel,
      clock,
      random,
      node,
      state,
      records: deps.records,
      log,
      onBegin: (epoch) => {
        this.#attachments.begin(epoch)
        this.#right.begin(epoch)
      },
      onOver: () => {
        this.#right.end()
        this.#cutAll()
      },
      onFatal: (error) => deps.onFatal(error),
    })
    this.#right = new RightToSpeak({
      nodeId,
      clock,
      node,
      state,
      log,
      renewHere: (epoch, number) => this.#duties.epochs.renewalArrived(nodeId, epoch, number),
      holdingCount: () => this.#holders.size,
      onLapsed: () => this.#epoch.lapsed(),
      onJeopardy: (remainingMs) => this.#each((connection) => connection.dialect?.jeopardy(remainingMs)),
      onSafe: () => this.#each((connection) => connection.dialect?.safe()),
    })
    this.#reads = new ClientReads({ clock, node, reports: state.reports })
    this.failedAttempts = new FailedAttempts(clock)
    this.#context = this.#makeContext()
    this.#endRightsWatch = deps.access.onChange(() => this.#rightsChanged())
    this.effects = new EffectRouter({
      attachments: this.#attachments,
      duties: this.#duties,
      epoch: this.#epoch,
      membersChanged: () => deps.membersChanged(),
      unexamined: (session, lock) => {
        this.#counters.unexamined()
        log('warn', 'a request waits unexamined: the search for a deadlock met its bound', { session, lock })
      },
      levelRaised: (level) => deps.levelRaised(level),
      event: (event) => {
        this.#reads.event(event)
        if (node.isLeader()) observer.event(event)
        else observer.heardOf(event.name)
      },
    })
  }

  // ------------------------------------------------------------------------------------------------------ life

  start(): void {
    this.#reads.start()
    this.#epoch.start()
  }

  /**
   * First step of a clean stop: no more clients; classic connections are closed, session clients are told where to resume.
   * Leadership may be handed over before or after. `signOff` follows.
   */
  closeClients(): void {
    this.#stopping = true
    const address = this.#resumeAddress()
    this.#each((connection) => {
      if (connection.dialect === null) connection.close()
      else connection.dialect.moved(addressFor(connection, address))
    })
    this.#deadlines.clear()
    this.#reads.stop()
    this.#endRightsWatch()
  }

  /** Last step: commits the end of this node's epoch, which frees the locks of its classic clients. Bounded in time. */
  signOff(done: () => void): void {
    this.#epoch.signOff(() => {
      this.#right.end()
      this.#attachments.begin(0)
      this.#duties.stop()
      done()
    })
  }

  /** Both steps. */
  stop(done: () => void): void {
    this.closeClients()
    this.signOff(done)
  }

  /** The address of another live node, of the leader if possible. */
  #resumeAddress(): string | null {
    const { state, node, nodeId } = this.deps
    const leader = node.leader()
    const others: NodeId[] = []
    for (const { node: other } of state.liveEpochs()) if (other !== nodeId) others.push(other)
    const [first] = others
    const to = leader !== null && others.includes(leader) ? leader : first
    return to === undefined ? null : state.nodeAddress(to)
  }

  // --------------------------------------------------------------------------------------------------- clients

  connected(socket: ClientSocket): ClientProtocol {
    const connection = new Connection(socket, this.#context, this)
    this.#connections.add(connection)
    if (this.#stopping) connection.close()
    return connection
  }

  holding(connection: Connection, holds: boolean): void {
    if (holds) this.#holders.add(connection)
    else this.#holders.delete(connection)
  }

  closed(connection: Connection): void {
    this.#connections.delete(connection)
  }

  /** Rule 7: called first in every turn of the event loop, and before anything is written at its end. */
  turn(): void {
    this.#right.turn()
  }

  /** Another policy is in force: whoever has lost what it has proven goes, the others are judged by it from their next ask on. */
  #rightsChanged(): void {
    this.turn()
    this.#each((connection) => connection.rightsChanged())
  }

  get reads(): ClientReads {
    return this.#reads
  }

  stats(): LockServiceStats {
    return {
      epoch: this.#epoch.epoch,
      speakRemainingMs: this.#right.remainingMs(),
      connections: this.#connections.size,
      sessions: this.#attachments.attachmentCount,
      unsettled: this.#attachments.unsettledCount,
      classicHolding: this.#holders.size,
      countedSessions: this.#duties.sessions.count,
      counters: this.#counters.report(),
    }
  }

  /**
   * Rule 2: the right to speak has ended. Classic connections that hold go first, because their clients know of a loss by
   * nothing else; then all others.
   */
  #cutAll(): void {
    for (const connection of this.#holders) connection.cut()
    this.#each((connection) => connection.cut())
    this.#deadlines.clear()
    this.#attachments.begin(0)
  }

  /** The set shrinks while connections are closed, which its iteration allows. */
  #each(act: (connection: Connection) => void): void {
    for (const connection of this.#connections) act(connection)
  }

  // --------------------------------------------------------------------------------------- hooks of the Raft node

  onLeader(leader: NodeId | null): void {
    this.#duties.onLeader()
    this.#attachments.onLeader(leader)
    if (leader === null) return
    this.#epoch.onLeader()
    this.#right.renew()
  }

  onHandingOver(): void {
    this.#duties.handingOver()
  }

  onLeaderReady(term: Term): void {
    this.#duties.onLeaderReady(term)
  }

  onApplied(index: Index): void {
    this.#right.onApplied(index)
    this.#duties.onApplied()
    this.#reads.applied()
  }

  onRestored(index: Index): void {
    this.#epoch.restored()
    this.#attachments.restored()
    this.#reads.restored()
    this.#right.onApplied(index)
  }

  /** A frame of kind renew or renewed; others are not for the service. */
  onPeerFrame(from: NodeId, kind: FrameKind, payload: Uint8Array): void {
    if (kind === FrameKind.renew) {
      const renewal = decodeRenewal(payload)
      if (renewal === null) throw new PeerProtocolError('malformed renewal')
      this.#duties.epochs.renewalArrived(from, renewal.epoch, renewal.number)
    } else if (kind === FrameKind.renewed) {
      const answer = decodeRenewalAnswer(payload)
      if (answer === null) throw new PeerProtocolError('malformed answer to a renewal')
      this.#right.onAnswer(answer.epoch, answer.number, answer.commitIndex)
    }
  }

  #answerRenewal(to: NodeId, epoch: Epoch, number: number, commitIndex: Index): void {
    if (to === this.deps.nodeId) {
      this.#right.onAnswer(epoch, number, commitIndex)
      return
    }
    const payload = encodeRenewalAnswer({ epoch, number, commitIndex })
    this.deps.node.sendPeer(to, Lane.control, FrameKind.renewed, payload)
  }

  // ------------------------------------------------------------------------------------------------ composition

  #makeContext(): ConnectionContext {
    const { deps } = this
    return {
      nodeId: deps.nodeId,
      options: deps.options,
      clock: deps.clock,
      random: deps.random,
      state: deps.state,
      attachments: this.#attachments,
      deadlines: this.#deadlines,
      counters: this.#counters,
      reads: this.#reads,
      right: {
        serving: () => !this.#stopping && this.#right.maySpeak(),
        maySpeak: () => this.#right.maySpeak(),
      },
      operations: deps,
      access: deps.access,
      failedAttempts: this.failedAttempts,
      audit: deps.audit,
      log: deps.log,
      leader: () => deps.node.leader(),
    }
  }
}
