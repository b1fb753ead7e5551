/** The composition root: the only place where disk, network, Raft node, state machine and front are put together. */
import type { Logger } from 'pino'
import { formatHostPort } from '../address.js'
import { encodeCommand } from '../locks/codec.js'
import type { NodeId } from '../locks/commands.js'
import { CommandType } from '../locks/commands.js'
import type { EffectSink } from '../locks/effects.js'
import { LockMachine } from '../locks/machine.js'
import { BindError } from '../raft/net/network.js'
import { createTransport } from '../raft/net/transport.js'
import { FrameKind, type LogStore, type Peer, StoreError } from '../raft/node/interfaces.js'
import type { NodeObserver } from '../raft/node/node-api.js'
import { RaftNode } from '../raft/node/raft-node.js'
import { openStore } from '../raft/store/open-store.js'
import { Admin } from './admin.js'
import { ClientPort } from './client-port.js'
import type { ServerConfig } from './config/config.js'
import { openEpochRecords } from './epoch-record-file.js'
import { ExitCode, UsageError } from './exit-codes.js'
import { type EpochRecords, Front } from './front.js'
import { HttpPort } from './http.js'
import { HANDOVER_MS } from './limits.js'
import { memberReports, successor } from './member-reports.js'
import { memberUidOf } from './member-uid.js'
import { ServerMetrics } from './metrics.js'
import { buildStatus, type StatusSources } from './status.js'
import { SystemClock } from './system-clock.js'
import { systemRandom } from './system-random.js'

export interface RunningServer {
  /** The exit status, once the server has ended for whatever reason. */
  readonly ended: Promise<number>
  /** A clean stop (contract §5); more calls change nothing. */
  stop(): void
}

/** Never rejects: a start that fails is logged, and `ended` has the exit status. */
export async function startServer(config: ServerConfig, log: Logger): Promise<RunningServer> {
  let end: (exitCode: number) => void = () => undefined
  const ended = new Promise<number>((resolve) => {
    end = resolve
  })
  let server: Server | null = null
  try {
    const store = await openStore(config.dataDir)
    server = await Server.compose(config, log, store, end)
    await server.start()
  } catch (error) {
    log.error(describe(error))
    end(exitCodeOf(error))
  }
  return { ended, stop: () => server?.stop() }
}

class Server {
  readonly #clock = new SystemClock()
  readonly #node: RaftNode
  readonly #machine: LockMachine
  readonly #front: Front
  readonly #admin: Admin
  readonly #sources: StatusSources
  readonly #metrics: ServerMetrics
  #clientPort: ClientPort | null = null
  #http: HttpPort | null = null
  #leader: NodeId | null = null
  #stopping = false

  static async compose(
    config: ServerConfig,
    log: Logger,
    store: LogStore,
    end: (code: number) => void,
  ): Promise<Server> {
    const { identity } = store.loaded
    if (identity !== null && identity.nodeId !== config.nodeId) {
      throw new StoreError(
        'foreign',
        `${config.dataDir} is the directory of node ${identity.nodeId}, not of ${config.nodeId}: start that node here, or use another --data-dir`,
      )
    }
    const memberUid = await memberUidOf(store, systemRandom)
    return new Server(config, log, store, end, memberUid, await openEpochRecords(config.dataDir, store))
  }

  private constructor(
    private readonly config: ServerConfig,
    private readonly log: Logger,
    store: LogStore,
    private readonly end: (exitCode: number) => void,
    memberUid: string,
    records: EpochRecords,
  ) {
    const { nodeId } = config
    // The machine tells effects to the front, and the front reads the machine: the sink is filled in below.
    const sink = {} as EffectSink
    const nothingYet = { clusterId: '', nodeLeaseMs: config.leaseMs, createdUnixSeconds: 0, members: [] }
    this.#machine = new LockMachine(nothingYet, sink)
    this.#node = this.#makeNode(store, memberUid)
    this.#sources = this.#makeSources()
    this.#metrics = new ServerMetrics(this.#sources, () => this.#node.proposalCount())
    this.#admin = new Admin({
      node: this.#node,
      clock: this.#clock,
      allowRemote: config.allowAdmin,
      requestTimeoutMs: config.requestTimeoutMs,
      members: () => this.#sources.members(),
      log: (message) => log.info(message),
    })
    this.#front = new Front({
      nodeId,
      advertise: config.advertise,
      clock: this.#clock,
      random: systemRandom,
      node: this.#node,
      state: this.#machine,
      records,
      options: config,
      log: (level, event, facts) => log[level](facts, event),
      describe: () => ({ ...buildStatus(this.#sources) }),
      shutdown: () => this.stop(),
      admin: (request) => this.#admin.handle(request),
      onFatal: (error, exitCode) => this.#fatal(error, exitCode),
    })
    Object.assign(sink, this.#front.sink, { membersChanged: () => this.#node.setMembers(this.#members()) })
  }

  async start(): Promise<void> {
    const { config, log } = this
    const { listen, maxConnections } = config
    this.#clientPort = await ClientPort.open({
      listen,
      maxConnections,
      clock: this.#clock,
      front: this.#front,
      warn: (message) => log.warn(message),
    })
    if (config.http !== null) {
      this.#http = await HttpPort.open({
        listen: config.http,
        sources: this.#sources,
        metrics: this.#metrics,
        locks: () => this.#lockReports(),
        warn: (message) => log.warn(message),
      })
    }
    await this.#node.start()
    log.info(
      {
        listen: formatHostPort({ host: listen.host, port: this.#clientPort.port }),
        http: this.#http === null ? 'off' : this.#http.port,
        peers: formatHostPort(config.peerListen),
        dataDir: config.dataDir,
      },
      'listening',
    )
  }

  /** Leadership first, while clients are still served; then the clients; last the word that this epoch is over. */
  stop(): void {
    if (this.#stopping) return
    this.#stopping = true
    this.log.info('stopping')
    this.#shutDown().then(
      () => this.end(ExitCode.ok),
      (error: unknown) => this.#fatal(error, ExitCode.failed),
    )
  }

  async #shutDown(): Promise<void> {
    await this.#handOver()
    this.#clientPort?.stopAccepting()
    this.#front.closeClients()
    await new Promise<void>((resolve) => this.#front.signOff(resolve))
    await Promise.all([this.#clientPort?.close(), this.#http?.close()])
    await this.#node.stop()
    this.log.info('stopped')
  }

  async #handOver(): Promise<void> {
    const status = this.#node.status()
    const heir = status === null ? null : successor(status)
    if (heir === null || !this.#node.isLeader()) return
    const bound = new Promise<void>((resolve) => this.#clock.after(HANDOVER_MS, resolve))
    // A cluster that cannot take over now elects a leader later: nothing is lost, the stop goes on.
    await Promise.race([this.#node.transferLeadership(heir).catch(() => undefined), bound])
  }

  #fatal(error: unknown, exitCode: number): void {
    if (exitCode === ExitCode.ok) this.log.info(describe(error))
    else this.log.error({ err: error }, describe(error))
    this.end(exitCode)
  }

  // --------------------------------------------------------------------------------------------- building

  #makeNode(store: LogStore, memberUid: string): RaftNode {
    const { config, log } = this
    const members = config.cluster.map(({ nodeId, peerAddress }) => ({ nodeId, raftId: 0, address: peerAddress }))
    const transport = createTransport({
      nodeId: config.nodeId,
      listen: formatHostPort(config.peerListen),
      clock: this.#clock,
      random: systemRandom,
      logger: log,
    })
    return new RaftNode({
      nodeId: config.nodeId,
      memberUid,
      store,
      transport,
      clock: this.#clock,
      random: systemRandom,
      machine: this.#machine,
      observer: this.#observer(),
      heartbeatMs: config.heartbeatMs,
      electionTimeoutMs: config.electionTimeoutMs,
      founders: config.join ? [] : members,
      joinAt: config.join ? members : [],
      nodeLeaseMs: config.leaseMs,
      member: (nodeId) => this.#machine.members().find((member) => member.nodeId === nodeId) ?? null,
      members: () => this.#members(),
      genesis: (record, founders) =>
        new LockMachine(
          {
            clusterId: record.clusterId,
            nodeLeaseMs: record.nodeLeaseMs,
            createdUnixSeconds: record.createdUnixSeconds,
            members: founders.map(({ raftId, nodeId, address }) => ({ raftId, nodeId, peerAddress: address })),
          },
          {} as EffectSink,
        ).snapshot(),
      claim: (raftId, uid) => {
        this.#node.propose(encodeCommand({ type: CommandType.claimMember, raftId, memberUid: uid }))
      },
      beforeTurn: () => this.#front.turn(),
      warn: (message) => log.warn(message),
      onRunning: (identity) => {
        log.info({ cluster: identity.clusterId, raftId: identity.raftId }, 'member of the cluster')
        this.#front.start()
      },
    })
  }

  #observer(): NodeObserver {
    return {
      onLeader: (leader, term) => {
        if (leader !== this.#leader) {
          this.log.info({ leader, term }, leader === null ? 'no leader' : 'leader')
          if (leader !== null) this.#metrics.leaderChanged()
        }
        this.#leader = leader
        this.#front.onLeader(leader)
      },
      onApplied: (index) => this.#front.onApplied(index),
      onLeaderReady: (term) => this.#front.onLeaderReady(term),
      onRestored: (index) => {
        this.log.info({ index }, 'state taken from a snapshot of the leader')
        this.#node.setMembers(this.#members())
        this.#front.onRestored(index)
      },
      onStored: (durationMs) => this.#metrics.appended(durationMs),
      onPeerFrame: (from, kind, payload) => {
        if (kind === FrameKind.admin || kind === FrameKind.adminResult) this.#admin.onPeerFrame(from, kind, payload)
        else this.#front.onPeerFrame(from, kind, payload)
      },
      onFatal: (error, exitCode) => this.#fatal(error, exitCode),
    }
  }

  #makeSources(): StatusSources {
    return {
      nodeId: this.config.nodeId,
      node: () => this.#node.status(),
      counts: () => {
        const { counters, connections } = this.#front.stats()
        const { lockCount, sessionCount, waiterCount } = this.#machine
        return {
          locks: lockCount,
          sessions: sessionCount,
          waiters: waiterCount,
          requests: counters.requests,
          granted: counters.acquired,
          refused: counters.notAcquired,
          connections,
        }
      },
      leaseRemainingMs: () => this.#front.stats().speakRemainingMs,
      members: () => memberReports(this.#machine, this.#node.status()),
    }
  }

  #members(): Peer[] {
    return this.#machine.members().map(({ nodeId, raftId, peerAddress }) => ({ nodeId, raftId, address: peerAddress }))
  }

  *#lockReports() {
    for (const { name, token, session, clientId, sinceWallMs, waiters } of this.#machine.locks()) {
      yield { name, token, session, holder: clientId, since: sinceWallMs, waiters }
    }
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError || error instanceof BindError) return ExitCode.usage
  if (!(error instanceof StoreError)) return ExitCode.failed
  if (error.kind === 'locked') return ExitCode.usage
  return error.kind === 'damaged' || error.kind === 'foreign' ? ExitCode.damaged : ExitCode.failed
}

const describe = (error: unknown): string => (error instanceof Error ? error.message : String(error))
