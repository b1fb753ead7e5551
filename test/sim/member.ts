/** A node's process: the composition of `src/server/main.ts` with a simulated disk, network and clock. */
import type { Socket } from 'node:net'
import { pack, unpack } from 'msgpackr'
import { encodeCommand } from '../../src/locks/codec.js'
import { CommandType } from '../../src/locks/commands.js'
import type { EffectSink } from '../../src/locks/effects.js'
import { LockMachine } from '../../src/locks/machine.js'
import { FrameKind, type LogStore, type Peer, StoreError } from '../../src/raft/node/interfaces.js'
import type { NodeObserver } from '../../src/raft/node/node-api.js'
import { RaftNode } from '../../src/raft/node/raft-node.js'
import { openStore } from '../../src/raft/store/open-store.js'
import { Admin } from '../../src/server/admin.js'
import { ClientSocket, type ClientSocketOwner } from '../../src/server/client-socket.js'
import { parseLine } from '../../src/server/dialects/line.js'
import { type EpochRecord, type EpochRecords, Front } from '../../src/server/front.js'
import { memberReports, successor } from '../../src/server/member-reports.js'
import { memberUidOf } from '../../src/server/member-uid.js'
import type { Checks } from './checks/checks.js'
import type { ClassicHold } from './checks/lock-check.js'
import { isPositive } from './checks/lock-check.js'
import type { TcpConnection } from './client-network.js'
import { ProcessDisk, type Volume } from './disk.js'
import type { PeerNetwork } from './peer-network.js'
import type { Process } from './process.js'
import type { World } from './world.js'

export interface ClusterSettings {
  readonly heartbeatMs: number
  readonly electionTimeoutMs: number
  readonly nodeLeaseMs: number
  readonly snapshotIntervalEntries: number
  readonly trailingEntries: number
}

export interface MemberDeps {
  readonly world: World
  readonly nodeId: string
  readonly process: Process
  readonly volume: Volume
  readonly peers: PeerNetwork
  readonly checks: Checks
  readonly settings: ClusterSettings
  readonly founders: readonly Peer[]
  readonly joinAt: readonly Peer[]
  /** The node has become a member, or is one again. */
  running(): void
  /** The process ends by itself. */
  exited(exitCode: number, error: unknown): void
}

const DIRECTORY = '/data/node'
const EPOCH_RECORD_KEY = 'epochs'
const HANDOVER_MS = 1_000
const REQUEST_TIMEOUT_MS = 5_000

export class Member implements ClientSocketOwner {
  readonly clock
  front: Front | null = null
  node: RaftNode | null = null
  machine: LockMachine | null = null
  isStopping = false
  #admin: Admin | null = null
  #toWrite: ClientSocket[] = []
  readonly #connections = new Set<TcpConnection>()

  constructor(readonly deps: MemberDeps) {
    this.clock = deps.process.clock
    deps.process.onKilled(() => {
      for (const connection of this.#connections) connection.node.processDied(deps.process.diedSilently)
    })
  }

  async start(): Promise<void> {
    const { deps } = this
    try {
      const disk = new ProcessDisk(deps.process, deps.volume)
      const store = deps.checks.store.tap(
        deps.process,
        deps.volume.id,
        await openStore(DIRECTORY, { disk, after: (delayMs, run) => this.clock.after(delayMs, run) }),
      )
      const { identity } = store.loaded
      if (identity !== null && identity.nodeId !== deps.nodeId) throw new StoreError('foreign', 'another node')
      this.#compose(store, await memberUidOf(store, deps.world.random))
      await this.node?.start()
    } catch (error) {
      const damaged = error instanceof StoreError && (error.kind === 'damaged' || error.kind === 'foreign')
      deps.exited(damaged ? 4 : 3, error)
    }
  }

  /** A client's connection reached this node. */
  accept(connection: TcpConnection): void {
    const { front, deps } = this
    if (front === null || this.isStopping || !deps.process.isAlive) {
      connection.node.resetAndDestroy()
      return
    }
    this.#connections.add(connection)
    this.#watchWords(connection, front)
    front.turn()
    const socket = new ClientSocket(connection.node as unknown as Socket, this)
    socket.serve(front.connected(socket))
  }

  /** SIGTERM: what `main.ts` does. */
  async stop(): Promise<void> {
    const { front, node } = this
    if (this.isStopping || front === null || node === null) return
    this.isStopping = true
    const status = node.status()
    const heir = status === null ? null : successor(status)
    if (heir !== null && node.isLeader()) {
      const bound = new Promise<void>((resolve) => this.clock.after(HANDOVER_MS, resolve))
      await Promise.race([node.transferLeadership(heir).catch(() => undefined), bound])
    }
    front.closeClients()
    await new Promise<void>((resolve) => front.signOff(resolve))
    await node.stop()
    this.deps.exited(0, null)
  }

  /** An administration line, as an operator sends it to this node. */
  administer(text: string, reply: (text: string) => void): void {
    const line = parseLine(text)
    if (line !== null) this.#admin?.handle({ line, remote: 'operator', loopback: true, reply })
  }

  get isServing(): boolean {
    return this.deps.process.isRunning && (this.front?.stats().speakRemainingMs ?? 0) > 0
  }

  // ------------------------------------------------------------------------------------------ ClientSocketOwner

  turn(): void {
    this.front?.turn()
  }
  writeSoon(socket: ClientSocket): void {
    if (this.#toWrite.length === 0) this.clock.soon(() => this.#flush())
    this.#toWrite.push(socket)
  }
  heard(): void {}
  closed(): void {
    for (const connection of this.#connections) if (!connection.node.isOpen) this.#connections.delete(connection)
  }

  /** As `ClientPort` does. */
  #flush(): void {
    this.turn()
    const due = this.#toWrite
    this.#toWrite = []
    for (const socket of due) {
      if (this.deps.process.pass('before client write')) return
      socket.flush()
    }
    this.deps.process.pass('after client write')
  }

  /** Every word to a client is checked when the kernel gets it. */
  #watchWords(connection: TcpConnection, front: Front): void {
    const { checks, nodeId, process } = this.deps
    let hold: (ClassicHold & { gaveUp: boolean }) | null = null
    connection.onWritten = (text) => {
      checks.locks.spoken(nodeId, front.stats().epoch, text)
      const line = text.split('\n').find(isPositive)
      if (connection.classicLock !== null && line !== undefined) {
        if (line.startsWith('ok,token:')) {
          hold = {
            gaveUp: false,
            name: connection.classicLock,
            token: Number(line.slice('ok,token:'.length)),
            isServed: () => process.isRunning && connection.node.isOpen,
            isGivenUp: () => connection.isGivenUp,
          }
          checks.locks.holds.add(hold)
        }
        if (hold !== null) checks.locks.affirmed(nodeId, hold, line)
      }
    }
    connection.onNodeClosed = () => {
      if (hold !== null) checks.locks.holds.delete(hold)
    }
  }

  // ------------------------------------------------------------------------------------------------ composition

  #compose(store: LogStore, memberUid: string): void {
    const { nodeId, world, settings } = this.deps
    const { clock } = this
    const sink = {} as EffectSink
    const nothingYet = { clusterId: '', nodeLeaseMs: settings.nodeLeaseMs, createdUnixSeconds: 0, members: [] }
    const machine = new LockMachine(nothingYet, sink)
    const node = this.#makeNode(store, memberUid, machine)
    const admin = new Admin({
      node,
      clock,
      allowRemote: true,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      members: () => memberReports(machine, node.status()),
      log: () => undefined,
    })
    const front = new Front({
      nodeId,
      advertise: `${nodeId}:7654`,
      clock,
      random: world.random,
      node,
      state: machine,
      records: this.#records(store),
      options: {
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
        maxLineBytes: 4_096,
        maxLocksPerSession: 100,
        followers: 'serve',
        allowShutdown: false,
      },
      log: (level, event, facts) => {
        world.count(event)
        world.note(`${nodeId} ${level}: ${event} ${JSON.stringify(facts)}`)
      },
      describe: () => ({}),
      shutdown: () => undefined,
      admin: (request) => admin.handle(request),
      onFatal: (error, exitCode) => this.deps.exited(exitCode, error),
    })
    Object.assign(sink, front.sink, { membersChanged: () => node.setMembers(peersOf(machine)) })
    this.machine = machine
    this.node = node
    this.front = front
    this.#admin = admin
  }

  #makeNode(store: LogStore, memberUid: string, machine: LockMachine): RaftNode {
    const { nodeId, world, settings, checks, peers, process, founders, joinAt } = this.deps
    const node: RaftNode = new RaftNode({
      nodeId,
      memberUid,
      store,
      transport: peers.transport(nodeId, process),
      clock: this.clock,
      random: world.random,
      machine: checks.log.tap(process, machine),
      observer: this.#observer(),
      heartbeatMs: settings.heartbeatMs,
      electionTimeoutMs: settings.electionTimeoutMs,
      snapshotIntervalEntries: settings.snapshotIntervalEntries,
      trailingEntries: settings.trailingEntries,
      founders,
      joinAt,
      nodeLeaseMs: settings.nodeLeaseMs,
      member: (id) => machine.members().find((member) => member.nodeId === id) ?? null,
      members: () => peersOf(machine),
      genesis: (record, all) => {
        const members = all.map(({ raftId, nodeId: id, address }) => ({ raftId, nodeId: id, peerAddress: address }))
        const { clusterId, nodeLeaseMs, createdUnixSeconds } = record
        const genesis = { clusterId, nodeLeaseMs, createdUnixSeconds, members }
        checks.log.began(genesis)
        return new LockMachine(genesis, {} as EffectSink).snapshot()
      },
      claim: (raftId, uid) => {
        node.propose(encodeCommand({ type: CommandType.claimMember, raftId, memberUid: uid }))
      },
      beforeTurn: () => this.front?.turn(),
      warn: (message) => world.note(`${nodeId} warns: ${message}`),
      onRunning: () => {
        this.deps.running()
        this.front?.start()
      },
    })
    return node
  }

  #observer(): NodeObserver {
    const { nodeId, world, checks, process } = this.deps
    return {
      onLeader: (leader, term) => {
        world.note(`${nodeId}: leader ${leader} in term ${term}`)
        const status = this.node?.status()
        if (leader === nodeId && status && process.isAlive) checks.leads(nodeId, term, status.lastIndex)
        this.front?.onLeader(leader)
      },
      onApplied: (index) => this.front?.onApplied(index),
      onLeaderReady: (term) => this.front?.onLeaderReady(term),
      onRestored: (index) => {
        if (this.machine !== null) this.node?.setMembers(peersOf(this.machine))
        this.front?.onRestored(index)
      },
      onStored: () => undefined,
      onPeerFrame: (from, kind, payload) => {
        if (kind === FrameKind.admin || kind === FrameKind.adminResult) this.#admin?.onPeerFrame(from, kind, payload)
        else this.front?.onPeerFrame(from, kind, payload)
      },
      onFatal: (error, exitCode) => this.deps.exited(exitCode, error),
    }
  }

  #records(store: LogStore): EpochRecords {
    const { process, volume } = this.deps
    return {
      bootId: process.machine.bootId,
      lockIdentity: volume.id,
      localFs: true,
      load: async () => {
        const bytes = await store.getRecord(EPOCH_RECORD_KEY)
        return bytes === null ? [] : (unpack(bytes) as EpochRecord[])
      },
      store: (records) => store.putRecord(EPOCH_RECORD_KEY, pack(records)),
    }
  }
}

const peersOf = (machine: LockMachine): Peer[] =>
  machine.members().map(({ nodeId, raftId, peerAddress }) => ({ nodeId, raftId, address: peerAddress }))
