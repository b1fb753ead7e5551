/** One node: the server's own composition, over a disk and a network in memory. */
import { pack, unpack } from 'msgpackr'
import { formatHostPort, type HostPort } from '../address.js'
import { FEATURE_LEVEL } from '../feature-level.js'
import { encodeCommand } from '../locks/commands/codec.js'
import { CommandType } from '../locks/commands/commands.js'
import { greet } from '../raft/net/greeting.js'
import { createTransport } from '../raft/net/transport.js'
import { DEFAULT_BOUNDS } from '../raft/node/bounds.js'
import type { LogStore } from '../raft/ports/store.js'
import type { Peer } from '../raft/ports/transport.js'
import { openStore } from '../raft/store/open-store.js'
import { ClientPort } from '../server/clients/client-port.js'
import { memberUidOf } from '../server/records/member-uid.js'
import { NodeComposition, type Surroundings } from '../service/composition.js'
import type { EpochRecord, EpochRecords } from '../service/lock-service.js'
import { MemoryDisk } from '../testing/memory-disk.js'
import type { MemoryNetwork } from '../testing/memory-network.js'
import type { SeededRandom } from '../testing/seeded-random.js'
import {
  ELECTION_TIMEOUT_MS,
  HEARTBEAT_MS,
  MAX_CLIENT_CONNECTIONS,
  MAX_LINE_BYTES,
  MAX_LOCKS_PER_SESSION,
  REQUEST_TIMEOUT_MS,
} from './limits.js'
import type { PacedTime } from './paced-time.js'
import { TestProcess } from './test-process.js'

export interface TestNodeSettings {
  readonly nodeId: string
  readonly founders: readonly Peer[]
  readonly nodeLeaseMs: number
  /** Where clients reach it in this machine's network. */
  readonly advertise: HostPort
  readonly time: PacedTime
  readonly random: SeededRandom
  readonly network: MemoryNetwork
}

const DIRECTORY = '/data'
const EPOCH_RECORD_KEY = 'epochs'
const CLIENT_PORT = 7_654
const PEER_PORT = 7_655
const PEER_TERMS = { allowHalfOpen: false }
const CLIENT_TERMS = { allowHalfOpen: true }
const SILENT = { info: () => undefined, warn: () => undefined }

export const peerOf = (nodeId: string): Peer => ({ nodeId, raftId: 0, address: `${nodeId}:${PEER_PORT}` })

export class TestNode {
  #disk: MemoryDisk
  #process: TestProcess
  #parts: NodeComposition | null = null
  /** Why it has ended by itself. */
  failure: Error | null = null

  constructor(readonly settings: TestNodeSettings) {
    this.#disk = new MemoryDisk((bound) => settings.random.int(bound))
    this.#process = this.#newProcess()
  }

  get nodeId(): string {
    return this.settings.nodeId
  }

  /** Where its clients dial it, in the network in memory. */
  get clientAddress(): HostPort {
    return { host: this.nodeId, port: CLIENT_PORT }
  }

  get isRunning(): boolean {
    return this.#parts !== null && this.#process.isRunning
  }

  get isAlive(): boolean {
    return this.#parts !== null && this.#process.isAlive
  }

  /** It leads, and may say so. */
  get leads(): boolean {
    return this.isRunning && this.#parts?.node.isLeaderReady() === true && this.serves
  }

  /** It may say that a lock is held, and all of its cluster's level is in use. */
  get serves(): boolean {
    const parts = this.#parts
    if (!this.isRunning || parts === null) return false
    return parts.service.stats().speakRemainingMs > 0 && parts.machine.level >= FEATURE_LEVEL
  }

  async start(): Promise<void> {
    if (this.isAlive) return
    const { network, random } = this.settings
    this.failure = null
    this.#process = this.#newProcess()
    const { clock } = this.#process
    const store = await openStore(DIRECTORY, {
      disk: this.#disk,
      after: (delayMs, run) => clock.after(delayMs, run),
    })
    const parts = this.#compose(store, await memberUidOf(store, random))
    this.#parts = parts
    await ClientPort.open({
      listen: this.clientAddress,
      maxConnections: MAX_CLIENT_CONNECTIONS,
      localPlaces: true,
      clock: parts.clock,
      service: parts.service,
      warn: () => undefined,
      network: network.at(this.#process, CLIENT_TERMS),
      sendQueues: async () => null,
    })
    await parts.node.start()
  }

  /** As SIGKILL does: nothing is lost that was written. */
  kill(): void {
    if (!this.isAlive) return
    this.#process.kill()
    this.settings.network.gone(this.#process, false)
    this.#parts = null
    // What the dead process still writes is written to nobody's disk.
    this.#disk = this.#disk.copy()
  }

  pause(): void {
    this.#process.pause()
  }

  resume(): void {
    this.#process.resume()
  }

  /** Null: the session is over, as far as this node knows. */
  hasSession(session: number): boolean {
    return this.#parts?.machine.attachOf(session) !== null
  }

  /** The word with which a leader ends a session that nobody came back to. It does nothing while one is attached. */
  expire(session: number): void {
    const parts = this.#parts
    const attach = parts?.machine.attachOf(session) ?? null
    if (parts === null || attach === null) return
    const wallMs = this.#process.clock.wallNow()
    const command = { type: CommandType.expireSession, session, attach, wallMs } as const
    parts.node.proposals.propose(encodeCommand(command, parts.machine.level))
  }

  #newProcess(): TestProcess {
    return new TestProcess(this.settings.time, this.nodeId, this.nodeId)
  }

  #compose(store: LogStore, memberUid: string): NodeComposition {
    const { nodeId, founders, nodeLeaseMs, advertise } = this.settings
    return new NodeComposition(
      {
        nodeId,
        memberUid,
        advertise: formatHostPort(advertise),
        peerAddress: '',
        founders,
        joinAt: [],
        heartbeatMs: HEARTBEAT_MS,
        electionTimeoutMs: ELECTION_TIMEOUT_MS,
        nodeLeaseMs,
        bounds: DEFAULT_BOUNDS,
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
        maxLineBytes: MAX_LINE_BYTES,
        maxLocksPerSession: MAX_LOCKS_PER_SESSION,
        followers: 'serve',
        allowShutdown: false,
        adminFrom: 'anywhere',
      },
      this.#surroundings(store),
    )
  }

  #surroundings(store: LogStore): Surroundings {
    const { nodeId, network, random } = this.settings
    const process = this.#process
    const peers = network.at(process, PEER_TERMS)
    const { clock } = process
    const listen = peerOf(nodeId).address
    return {
      store,
      transport: createTransport({ nodeId, listen, clock, random, logger: SILENT, network: peers }),
      clock,
      random,
      records: this.#records(store),
      log: () => undefined,
      describe: () => ({}),
      greet: (address) => greet(address, clock, peers),
      shutdown: () => undefined,
      onRunning: () => undefined,
      onLease: () => undefined,
      onLeader: () => undefined,
      onStored: () => undefined,
      onFatal: (error) => {
        if (process !== this.#process) return
        this.failure = error
        this.kill()
      },
    }
  }

  #records(store: LogStore): EpochRecords {
    return {
      // One kernel that never ends, and one directory.
      bootId: this.nodeId,
      lockIdentity: this.nodeId,
      localFs: true,
      load: async () => {
        const bytes = await store.getRecord(EPOCH_RECORD_KEY)
        return bytes === null ? [] : (unpack(bytes) as EpochRecord[])
      },
      store: (records) => store.putRecord(EPOCH_RECORD_KEY, pack(records)),
    }
  }
}
