/**
 * The front of a node: its clients, its sessions and its right to speak. Free of I/O: sockets, clock, disk records, Raft
 * node and state machine are injected, so that the simulator runs this very code (engine.md §1, §4).
 */
import type { Epoch, NodeId } from '../locks/commands.js'
import type { EffectSink } from '../locks/effects.js'
import type { Index, Term } from '../raft/core/types.js'
import { type Clock, FrameKind, Lane, PeerProtocolError, type Random } from '../raft/node/interfaces.js'
import type { NodeApi } from '../raft/node/node-api.js'
import { Connection, type ConnectionHandler } from './dialects/connection.js'
import {
  type AdminRequest,
  addressFor,
  type ClientConnection,
  type Counters,
  type FrontOptions,
  type Services,
} from './dialects/services.js'
import { DeadlineQueue } from './rules/deadline-queue.js'
import type { EpochRecords } from './rules/epoch-records.js'
import type { FrontLog } from './rules/front-log.js'
import { LeaseKeeper } from './rules/lease-keeper.js'
import { NodeLease } from './rules/node-lease.js'
import { decodeRenewal, decodeRenewalAnswer, encodeRenewalAnswer } from './rules/renewal.js'
import { SessionBook } from './rules/session-book.js'
import type { StateView } from './rules/state-view.js'

export type { ConnectionHandler } from './dialects/connection.js'
export type { AdminRequest, ClientConnection, FrontOptions } from './dialects/services.js'
export type { EpochRecord, EpochRecords } from './rules/epoch-records.js'
export type { FrontLog } from './rules/front-log.js'
export type { StateView } from './rules/state-view.js'

export interface FrontDeps {
  readonly nodeId: NodeId
  /** HOST:PORT that redirects to this node name. */
  readonly advertise: string
  /** HOST:PORT at which peers reach this node now; empty: the settings do not say. */
  readonly peerAddress: string
  readonly clock: Clock
  readonly random: Random
  readonly node: NodeApi
  readonly state: StateView
  readonly records: EpochRecords
  readonly options: FrontOptions
  readonly log: FrontLog
  /** `maxrss` (KiB) and the cluster's status, for `.stats`. */
  describe(): Readonly<Record<string, unknown>>
  /** `.server-shutdown` was accepted. */
  shutdown(): void
  /** False: no such action. */
  admin(request: AdminRequest): boolean
  onFatal(error: Error, exitCode: number): void
}

export interface FrontStats {
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
  readonly counters: Readonly<Counters>
}

export class Front {
  /** To be told every effect of every applied command. */
  readonly sink: EffectSink
  readonly #connections = new Set<Connection>()
  readonly #lease: NodeLease
  readonly #keeper: LeaseKeeper
  readonly #book: SessionBook
  readonly #deadlines: DeadlineQueue<() => void>
  readonly #services: Services
  #stopping = false

  constructor(private readonly deps: FrontDeps) {
    const { nodeId, clock, random, node, state, log } = deps
    this.#deadlines = new DeadlineQueue(clock, (run) => run())
    this.#book = new SessionBook({ nodeId, clock, node, state })
    this.#keeper = new LeaseKeeper({
      clock,
      node,
      state,
      log,
      answer: (to, epoch, number, commitIndex) => this.#answerRenewal(to, epoch, number, commitIndex),
    })
    this.#lease = new NodeLease({
      nodeId,
      address: deps.advertise,
      peer: deps.peerAddress,
      clock,
      random,
      node,
      state,
      records: deps.records,
      log,
      renewHere: (epoch, number) => this.#keeper.renewalArrived(nodeId, epoch, number),
      holdingCount: () => this.#services.holding,
      onBegin: (epoch) => this.#book.begin(epoch),
      onOver: () => this.#cutAll(),
      onJeopardy: (remainingMs) => this.#each((connection) => connection.dialect?.jeopardy(remainingMs)),
      onSafe: () => this.#each((connection) => connection.dialect?.safe()),
      onFatal: (error, exitCode) => deps.onFatal(error, exitCode),
    })
    this.#services = this.#makeServices()
    this.sink = this.#makeSink()
  }

  // ------------------------------------------------------------------------------------------------------ life

  start(): void {
    this.#lease.start()
  }

  /**
   * First step of a clean stop: no more clients; classic connections are closed, session clients are told where to resume.
   * Leadership may be handed over before or after. `signOff` follows.
   */
  closeClients(): void {
    this.#stopping = true
    const address = this.#refuge()
    this.#each((connection) => {
      if (connection.dialect === null) connection.close()
      else connection.dialect.moved(addressFor(connection, address))
    })
    this.#deadlines.clear()
  }

  /** Last step: commits the end of this node's epoch, which frees the locks of its classic clients. Bounded in time. */
  signOff(done: () => void): void {
    this.#lease.signOff(() => {
      this.#book.begin(0)
      this.#keeper.stop()
      done()
    })
  }

  /** Both steps. */
  stop(done: () => void): void {
    this.closeClients()
    this.signOff(done)
  }

  /** The address of another live node, of the leader if possible. */
  #refuge(): string | null {
    const { state, node, nodeId } = this.deps
    const leader = node.leader()
    const others: NodeId[] = []
    for (const { node: other } of state.liveEpochs()) if (other !== nodeId) others.push(other)
    const [first] = others
    const to = leader !== null && others.includes(leader) ? leader : first
    return to === undefined ? null : state.nodeAddress(to)
  }

  // --------------------------------------------------------------------------------------------------- clients

  connected(socket: ClientConnection): ConnectionHandler {
    const connection = new Connection(socket, this.#services)
    this.#connections.add(connection)
    if (this.#stopping) connection.close()
    return connection
  }

  /** Rule 7: called first in every turn of the event loop, and before anything is written at its end. */
  turn(): void {
    this.#lease.turn()
  }

  stats(): FrontStats {
    return {
      epoch: this.#lease.epoch,
      speakRemainingMs: this.#lease.remainingMs(),
      connections: this.#connections.size,
      sessions: this.#book.seatCount,
      unsettled: this.#book.unsettledCount,
      classicHolding: this.#services.holding,
      countedSessions: this.#keeper.countedSessions,
      counters: this.#services.counters,
    }
  }

  /**
   * Rule 2: the right to speak has ended. Classic connections that hold go first, because their clients know of a loss by
   * nothing else; then all others.
   */
  #cutAll(): void {
    this.#each((connection) => {
      if (connection.dialect?.holds) connection.cut()
    })
    this.#each((connection) => connection.cut())
    this.#deadlines.clear()
    this.#book.begin(0)
  }

  /** The set shrinks while connections are closed, which its iteration allows. */
  #each(act: (connection: Connection) => void): void {
    for (const connection of this.#connections) act(connection)
  }

  // --------------------------------------------------------------------------------------- hooks of the Raft node

  onLeader(leader: NodeId | null): void {
    this.#keeper.onLeader()
    this.#book.onLeader(leader)
    if (leader !== null) this.#lease.onLeader()
  }

  onHandingOver(): void {
    this.#keeper.handingOver()
  }

  onLeaderReady(term: Term): void {
    this.#keeper.onLeaderReady(term)
  }

  onApplied(index: Index): void {
    this.#lease.onApplied(index)
    this.#keeper.onApplied()
  }

  onRestored(index: Index): void {
    this.#lease.restored()
    this.#book.restored()
    this.#lease.onApplied(index)
  }

  /** A frame of kind renew or renewed; others are not for the front. */
  onPeerFrame(from: NodeId, kind: FrameKind, payload: Uint8Array): void {
    if (kind === FrameKind.renew) {
      const renewal = decodeRenewal(payload)
      if (renewal === null) throw new PeerProtocolError('malformed renewal')
      this.#keeper.renewalArrived(from, renewal.epoch, renewal.number)
    } else if (kind === FrameKind.renewed) {
      const answer = decodeRenewalAnswer(payload)
      if (answer === null) throw new PeerProtocolError('malformed answer to a renewal')
      this.#lease.onAnswer(answer.epoch, answer.number, answer.commitIndex)
    }
  }

  #answerRenewal(to: NodeId, epoch: Epoch, number: number, commitIndex: Index): void {
    if (to === this.deps.nodeId) {
      this.#lease.onAnswer(epoch, number, commitIndex)
      return
    }
    const payload = encodeRenewalAnswer({ epoch, number, commitIndex })
    this.deps.node.sendPeer(to, Lane.control, FrameKind.renewed, payload)
  }

  // ------------------------------------------------------------------------------------------------ composition

  #makeServices(): Services {
    const { deps } = this
    return {
      nodeId: deps.nodeId,
      options: deps.options,
      clock: deps.clock,
      random: deps.random,
      node: deps.node,
      state: deps.state,
      book: this.#book,
      deadlines: this.#deadlines,
      counters: { requests: 0, acquired: 0, notAcquired: 0 },
      holding: 0,
      serving: () => !this.#stopping && this.#lease.maySpeak(),
      maySpeak: () => this.#lease.maySpeak(),
      describe: () => deps.describe(),
      shutdown: () => deps.shutdown(),
      admin: (request) => deps.admin(request),
      forget: (connection) => this.#connections.delete(connection),
    }
  }

  /** Sends each effect to whom it concerns: the lease, the leader's duties, or the connections of this node and epoch. */
  #makeSink(): EffectSink {
    const book = this.#book
    const keeper = this.#keeper
    const lease = this.#lease
    return {
      nodeUp: (node, epoch) => {
        keeper.nodeUp(epoch)
        lease.nodeUp(node, epoch)
      },
      epochEnded: (node, epoch) => {
        keeper.epochEnded(epoch)
        lease.epochEnded(node, epoch)
      },
      opened: (where, session, attach) => {
        if (book.isHere(where)) book.opened(where, session, attach)
      },
      openRefused: (where) => {
        if (book.isHere(where)) book.refused(where, { kind: 'full' })
      },
      resumed: (where, session, attach) => {
        keeper.resumed(session, attach)
        if (book.isHere(where)) book.resumed(where, session, attach)
      },
      resumeRefused: (where) => {
        if (book.isHere(where)) book.refused(where, { kind: 'expired' })
      },
      resumeOutdated: (where, _session, attempt) => {
        if (book.isHere(where)) book.refused(where, { kind: 'outdated', attempt })
      },
      superseded: (where) => {
        if (book.isHere(where)) book.superseded(where)
      },
      applied: (where, _session, attach, n) => {
        if (book.isHere(where)) book.applied(where, attach, n)
      },
      queued: (where, _session, request, name, position) => {
        if (book.isHere(where)) book.queued(where, request, name, position)
      },
      answered: (where, _session, request, answer) => {
        if (book.isHere(where)) book.answered(where, request, answer)
      },
      waitLeft: (where, session, request, leftMs) => {
        if (where === null) keeper.waitLeft(session, request, leftMs)
        else if (book.isHere(where)) book.waitLeft(where, request, leftMs)
      },
      lost: (where, _session, name, token, reason) => {
        if (book.isHere(where)) book.lost(where, name, token, reason)
      },
      ended: (where, session) => {
        if (where === null) keeper.settled(session)
        else if (book.isHere(where)) book.ended(where)
      },
      detached: (session, attach, forMs) => {
        book.detached(session, attach)
        keeper.detached(session, attach, forMs)
      },
      delayed: (name, token, forMs) => keeper.delayed(name, token, forMs),
      membersChanged: () => {},
    }
  }
}
