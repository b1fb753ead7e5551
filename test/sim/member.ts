/** A node's process: the server's composition with a simulated disk, network and clock. */
import { pack, unpack } from 'msgpackr'
import { formatHostPort } from '../../src/address.js'
import { FEATURE_LEVEL } from '../../src/feature-level.js'
import type { LockMachine } from '../../src/locks/machine.js'
import { parseLine } from '../../src/protocol/line.js'
import type { Bounds } from '../../src/raft/node/bounds.js'
import type { RaftNode } from '../../src/raft/node/raft-node.js'
import type { LogStore } from '../../src/raft/ports/store.js'
import type { Peer } from '../../src/raft/ports/transport.js'
import type { ClientPort } from '../../src/server/clients/client-port.js'
import { tableKey } from '../../src/server/sockets/tcp-table.js'
import { AccessControl } from '../../src/service/access/access-control.js'
import { nobody } from '../../src/service/access/caller.js'
import type { NodeComposition, Surroundings } from '../../src/service/composition.js'
import type { EpochRecord, EpochRecords, LockService } from '../../src/service/lock-service.js'
import { policyOf } from './accounts.js'
import type { Checks } from './checks/checks.js'
import type { ClassicHold } from './checks/lock-check.js'
import { isPositive } from './checks/lock-check.js'
import { Words } from './checks/loss-check.js'
import { ProcessDisk, type Volume } from './disk.js'
import type { ClientConnection } from './network/client-connection.js'
import type { ClientNetwork } from './network/client-network.js'
import type { PeerNetwork } from './network/peer-network.js'
import { clientAddressOf, peerOf } from './network/station.js'
import { NewerLayout } from './newer-layout.js'
import type { Process } from './process.js'
import { type Program, programOf } from './program.js'
import type { World } from './world.js'

export interface ClusterSettings {
  readonly heartbeatMs: number
  readonly electionTimeoutMs: number
  readonly nodeLeaseMs: number
  readonly bounds: Bounds
}

export interface MemberDeps {
  readonly world: World
  readonly nodeId: string
  readonly process: Process
  readonly volume: Volume
  readonly programLevel: number
  readonly peers: PeerNetwork
  readonly clients: ClientNetwork
  readonly clientPlaces: number
  readonly checks: Checks
  readonly settings: ClusterSettings
  readonly founders: readonly Peer[]
  readonly joinAt: readonly Peer[]
  /** The node has become a member, or is one again. */
  running(raftId: number): void
  /** The process ends by itself. */
  exited(exitCode: number, error: unknown): void
}

const DIRECTORY = '/data/node'
const EPOCH_RECORD_KEY = 'epochs'
const REQUEST_TIMEOUT_MS = 5_000

export class Member {
  readonly clock
  isStopping = false
  readonly #program: Program
  #parts: NodeComposition | null = null
  #clientPort: ClientPort | null = null

  constructor(readonly deps: MemberDeps) {
    this.clock = deps.process.clock
    this.#program = programOf(deps.programLevel)
  }

  async start(): Promise<void> {
    const { deps } = this
    const { openStore, memberUidOf, StoreError, exitStatusOf } = this.#program
    try {
      const plain = new ProcessDisk(deps.process, deps.volume)
      const disk = deps.programLevel > FEATURE_LEVEL ? new NewerLayout(plain) : plain
      const store = await deps.checks.store.tap(
        deps.process,
        deps.volume,
        await openStore(DIRECTORY, {
          disk,
          after: (delayMs, run) => this.clock.after(delayMs, run),
        }),
      )
      const { identity } = store.loaded
      if (identity !== null && identity.nodeId !== deps.nodeId) throw new StoreError('foreign', 'another node')
      this.#compose(store, await memberUidOf(store, deps.world.random))
      await this.#openClientPort()
      await this.node?.start()
    } catch (error) {
      deps.exited(exitStatusOf(error), error)
    }
  }

  /** SIGTERM: what `main.ts` does. */
  async stop(): Promise<void> {
    if (this.isStopping || this.#parts === null) return
    this.isStopping = true
    try {
      await this.#parts.stop(() => this.#clientPort?.stopAccepting())
      await this.#clientPort?.close()
      this.deps.exited(0, null)
    } catch (error) {
      this.deps.exited(this.#program.exitStatusOf(error), error)
    }
  }

  /** An administration line, as an operator sends it to this node. */
  administer(text: string, reply: (text: string) => void): void {
    const line = parseLine(text)
    if (line !== null) this.#parts?.admin.handle({ line, remote: 'operator', caller: nobody(true), reply })
  }

  get service(): LockService | null {
    return this.#parts?.service ?? null
  }

  get node(): RaftNode | null {
    return this.#parts?.node ?? null
  }

  get machine(): LockMachine | null {
    return this.#parts?.machine ?? null
  }

  get isServing(): boolean {
    return this.deps.process.isRunning && (this.service?.stats().speakRemainingMs ?? 0) > 0
  }

  // ----------------------------------------------------------------------------------------------------- clients

  async #openClientPort(): Promise<void> {
    const { service, deps } = this
    const clock = this.#parts?.clock
    const { clients, clientPlaces, nodeId, process, world } = deps
    if (service === null || clock === undefined) return
    this.#clientPort = await this.#program.ClientPort.open({
      listen: clientAddressOf(nodeId),
      maxConnections: clientPlaces,
      localPlaces: true,
      clock,
      service,
      warn: (message) => {
        // Few clients fit on a node here, so that all places are taken now and then. All else has to do with a system that fails.
        if (message.startsWith('a client found no place')) world.count('a client found no place')
        else world.fail(`${nodeId}: ${message}`)
      },
      network: clients.at(process, nodeId, (connection) => this.#watchWords(connection, service)),
      sendQueues: async () => clients.sendQueues(process, tableKey),
    })
  }

  /** Every word to a client is checked when the kernel gets it. */
  #watchWords(connection: ClientConnection, service: LockService): void {
    const { checks, nodeId, process, settings } = this.deps
    let hold: (ClassicHold & { gaveUp: boolean }) | null = null
    const words = new Words(checks.losses)
    connection.onWritten = (text) => {
      // What is decided after a client has ended may be the last that it is told: its connection is closed in the same turn.
      if (!connection.client.hasEnded)
        words.written(nodeId, service.stats().epoch, text, this.node?.appliedIndex() ?? 0)
      if (/^err.*too many connections/m.test(text)) this.#noPlace()
      else if (/^err.*busy/m.test(text)) this.deps.world.count('seen busy')
      const line = text.split('\n').find(isPositive)
      if (line !== undefined) {
        const { epoch } = service.stats()
        checks.locks.spoken(nodeId, epoch, line)
        checks.rights.spoken(process, settings.nodeLeaseMs, epoch, this.node?.appliedIndex() ?? 0, line)
      }
      if (connection.classicLock !== null && line !== undefined) {
        if (line.startsWith('ok,token:')) {
          hold = {
            gaveUp: false,
            name: connection.classicLock,
            token: Number(line.slice('ok,token:'.length)),
            isServed: () => process.isRunning && connection.isNodeOpen,
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

  /** A few of the places are kept for some clients, three quarters are anybody's. */
  #noPlace(): void {
    const { world, nodeId, clientPlaces } = this.deps
    world.count('seen node without a place for a client')
    const others = (this.#clientPort?.connectionCount ?? 0) - 1
    if (others < 0.75 * clientPlaces) world.fail(`${nodeId} has no place for a client beside ${others} others`)
  }

  // ------------------------------------------------------------------------------------------------ composition

  #compose(store: LogStore, memberUid: string): void {
    const { nodeId, settings, checks, process, founders, joinAt } = this.deps
    this.#parts = new this.#program.NodeComposition(
      {
        nodeId,
        memberUid,
        advertise: formatHostPort(clientAddressOf(nodeId)),
        peerAddress: '',
        ...settings,
        founders,
        joinAt,
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
        maxLineBytes: 4_096,
        maxLocksPerSession: 100,
        followers: 'serve',
        allowShutdown: false,
        adminFrom: 'anywhere',
      },
      this.#surroundings(store),
      {
        machine: (real) => checks.log.tap(process, real),
        genesis: (genesis) => checks.log.began(genesis),
      },
    )
    checks.rights.tap(process, this.#parts)
    checks.reads.tap(process, this.#parts)
  }

  #surroundings(store: LogStore): Surroundings {
    const { nodeId, world, peers, checks, process } = this.deps
    const transport = peers.transport(nodeId, process, peerOf(nodeId).address, this.#program)
    const policy = policyOf(world.seed)
    return {
      ...(policy === null ? {} : { access: new AccessControl(policy) }),
      store,
      transport,
      clock: this.clock,
      random: world.random,
      records: this.#records(store),
      log: (level, event, facts) => {
        // Texts with names and numbers in them would be counters without end.
        if (/^[a-z -]+$/.test(event)) world.count(event)
        world.note(`${nodeId} ${level}: ${event} ${JSON.stringify(facts)}`)
      },
      describe: () => ({}),
      greet: async (address) => {
        const greeting = await transport.greet(address)
        world.count(`seen greeting: ${greeting.kind}`)
        return greeting
      },
      shutdown: () => undefined,
      onRunning: ({ raftId }) => this.deps.running(raftId),
      onLease: () => undefined,
      onLeader: (leader, term) => {
        world.note(`${nodeId}: leader ${leader} in term ${term}`)
        const status = this.node?.status()
        if (leader !== nodeId || !status || !process.isAlive) return
        checks.leads(nodeId, term, status.lastIndex)
        if (status.term === term) checks.votes.elected(status)
      },
      onStored: () => {
        const status = this.node?.status()
        if (status && process.isAlive && !process.isCutOff) checks.store.counted(status)
      },
      onFatal: (error) => this.deps.exited(this.#program.exitStatusOf(error), error),
    }
  }

  #records(store: LogStore): EpochRecords {
    const { process, volume } = this.deps
    return {
      bootId: process.machine.bootId,
      lockIdentity: volume.lockIdentity,
      localFs: true,
      load: async () => {
        const bytes = await store.getRecord(EPOCH_RECORD_KEY)
        return bytes === null ? [] : (unpack(bytes) as EpochRecord[])
      },
      store: (records) => store.putRecord(EPOCH_RECORD_KEY, pack(records)),
    }
  }
}
