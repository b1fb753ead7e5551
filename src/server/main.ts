/** The server of one node: configuration, directory, ports and logs around the composition. */
import type { Logger } from 'pino'
import { Registry } from 'prom-client'
import { formatHostPort, isWildcardHost, parseHostPort } from '../address.js'
import { FEATURE_LEVEL } from '../feature-level.js'
import type { NodeId } from '../locks/commands/commands.js'
import { greet } from '../raft/net/greeting.js'
import { createTransport } from '../raft/net/transport.js'
import { type LogStore, StoreError } from '../raft/ports/store.js'
import { openStore } from '../raft/store/open-store.js'
import { AccessControl } from '../service/access/access-control.js'
import { NO_AUDIT } from '../service/access/audit.js'
import { FilePolicy } from '../service/access/file-policy.js'
import { openPolicy } from '../service/access/open-policy.js'
import type { Policy } from '../service/access/policy.js'
import { NodeComposition, type Surroundings } from '../service/composition.js'
import type { EpochRecords } from '../service/lock-service.js'
import { buildStatus, type StatusSources } from '../service/status.js'
import { AuditFile } from './access/audit-file.js'
import { AuthFile } from './access/auth-file.js'
import { ClientPort } from './clients/client-port.js'
import { checkTimes, type ServerConfig } from './config/config.js'
import { clientsWithinLimit } from './config/descriptors.js'
import { PeerSecretFile } from './config/peer-secret-file.js'
import { WatchedFiles } from './config/watched-files.js'
import { ExitCode } from './exit-codes.js'
import { exitStatusOf } from './exit-status.js'
import { addAccessMetrics } from './http/access-metrics.js'
import { HttpAccess } from './http/http-access.js'
import { HttpPort } from './http/http-port.js'
import { LockMetrics } from './http/lock-metrics.js'
import { ServerMetrics } from './http/metrics.js'
import { STOP_MAX_MS } from './limits.js'
import { explainDirectoryError } from './records/data-dir-error.js'
import { openEpochRecords } from './records/epoch-record-file.js'
import { memberUidOf } from './records/member-uid.js'
import { SystemClock } from './system-clock.js'
import { systemRandom } from './system-random.js'
import { ServerTls } from './tls/server-tls.js'
import { addTlsMetrics } from './tls/tls-metrics.js'

const SECOND_MS = 1_000

export interface RunningServer {
  /** The exit status, once the server has ended for whatever reason. */
  readonly ended: Promise<number>
  /** A clean stop; more calls change nothing. */
  stop(why: string): void
  /** Reads certificates and the like again (SIGHUP). */
  reload(): void
}

/** Never rejects: a start that fails is logged, and `ended` has the exit status. */
export async function startServer(config: ServerConfig, log: Logger): Promise<RunningServer> {
  let end: (exitCode: number) => void = () => undefined
  const ended = new Promise<number>((resolve) => {
    end = resolve
  })
  let server: Server | null = null
  try {
    // Before anything is opened that others could need.
    const clock = new SystemClock()
    const tls = await ServerTls.open(config, clock, log)
    const authFile = await openAuthFile(config, log)
    const peerSecrets = await openPeerSecrets(config, log)
    const store = await openStore(config.dataDir).catch((error: unknown) => {
      throw explainDirectoryError(config.dataDir, error)
    })
    server = await Server.compose({ config, log, store, clock, tls, authFile, peerSecrets, end })
    await server.start()
  } catch (error) {
    log.error(describe(error))
    end(exitStatusOf(error))
  }
  return { ended, stop: (why) => server?.stop(why), reload: () => server?.reload() }
}

/** What was opened before the node is put together. */
interface Opened {
  readonly config: ServerConfig
  readonly log: Logger
  readonly store: LogStore
  readonly clock: SystemClock
  readonly tls: ServerTls
  readonly authFile: AuthFile | null
  readonly peerSecrets: PeerSecretFile | null
  end(exitCode: number): void
}

class Server {
  readonly #clock: SystemClock
  readonly #parts: NodeComposition
  readonly #sources: StatusSources
  readonly #metrics: ServerMetrics
  readonly #lockMetrics: LockMetrics
  readonly #access: AccessControl
  readonly #audit: AuditFile | null
  /** What is read again while this node runs. */
  readonly #files: WatchedFiles
  #clientPort: ClientPort | null = null
  #http: HttpPort | null = null
  #leader: NodeId | null = null
  #leaseMs = 0
  #stopping = false

  static async compose(opened: Opened): Promise<Server> {
    const { config, store } = opened
    const { identity } = store.loaded
    if (identity !== null && identity.nodeId !== config.nodeId) {
      throw new StoreError(
        'foreign',
        `${config.dataDir} is the directory of node ${identity.nodeId}, not of ${config.nodeId}: start that node here, or use another --data-dir`,
      )
    }
    const memberUid = await memberUidOf(store, systemRandom)
    const records = await openEpochRecords(config.dataDir, store)
    return new Server(opened, memberUid, records)
  }

  private readonly config: ServerConfig
  private readonly log: Logger
  private readonly tls: ServerTls
  private readonly authFile: AuthFile | null
  private constructor(
    private readonly opened: Opened,
    memberUid: string,
    records: EpochRecords,
  ) {
    const { config, authFile, tls } = opened
    this.config = config
    this.log = opened.log
    this.tls = tls
    this.authFile = authFile
    this.#clock = opened.clock
    const registry = new Registry()
    this.#access = new AccessControl(this.#policy())
    this.#audit = this.#openAudit()
    this.#lockMetrics = new LockMetrics({
      registry,
      prefixes: config.metricsPrefixes,
      wallNow: () => this.#clock.wallNow(),
    })
    const members = config.cluster.map(({ nodeId, peerAddress }) => ({ nodeId, raftId: 0, address: peerAddress }))
    this.#parts = new NodeComposition(
      {
        ...config,
        memberUid,
        peerAddress: ownPeerAddress(config),
        founders: config.join ? [] : members,
        joinAt: config.join ? members : [],
        nodeLeaseMs: config.leaseMs,
        arePeersVerified: config.peerTls?.isRequired === true,
      },
      this.#surroundings(opened.store, records),
    )
    this.#files = new WatchedFiles({ clock: this.#parts.clock, warn: (message) => this.log.warn(message) })
    this.#sources = this.#makeSources()
    const { reads } = this.#parts.service
    this.#metrics = new ServerMetrics(registry, this.#sources, {
      proposals: () => this.#parts.node.proposals.count,
      dropped: () => this.#parts.node.droppedFrames(),
      ignored: () => this.#parts.machine.ignoredCount,
      level: () => this.#parts.machine.level,
      contended: () => reads.reports.queues.count,
      snapshotSentUnixMs: () => reads.snapshots.lastSentWallMs,
      survey: () => this.#lockMetrics.survey(reads.queues),
      labels: this.#lockMetrics.labels,
    })
    addTlsMetrics(registry, tls)
    addAccessMetrics(registry, {
      authHash: () => this.#access.policy.hash,
      isAuthFileBad: () => authFile?.isBad === true,
      authFileFailures: () => authFile?.failures ?? 0,
      failedAttempts: () => this.#parts.service.failedAttempts.count,
      lostAuditLines: () => this.#audit?.lostLines ?? 0,
    })
    authFile?.onChange(() => {
      this.#parts.service.turn()
      this.#access.replace(this.#policy())
    })
  }

  async start(): Promise<void> {
    const { config, log } = this
    const { listen } = config
    for (const files of [this.authFile, this.opened.peerSecrets, ...this.tls.watched]) {
      if (files !== null) await this.#files.add(files)
    }
    const network = this.tls.clientNetwork(this.#parts.clock)
    this.#clientPort = await ClientPort.open({
      listen,
      maxConnections: clientsWithinLimit(config.maxConnections, this.tls.handshakesCount, log),
      localPlaces: config.adminFrom !== 'nowhere',
      clock: this.#parts.clock,
      service: this.#parts.service,
      ...(network === null ? {} : { network }),
      warn: (message) => log.warn(message),
    })
    if (config.http !== null) {
      this.#http = await HttpPort.open({
        listen: config.http,
        clock: this.#parts.clock,
        sources: this.#sources,
        metrics: this.#metrics,
        handshakes: this.tls.httpHandshakes(this.#parts.clock),
        reads: {
          reads: this.#parts.service.reads,
          wallNow: () => this.#clock.wallNow(),
          maySpeak: () => this.#sources.leaseRemainingMs() > 0,
        },
        access: new HttpAccess({
          access: this.#access,
          audit: this.#audit ?? NO_AUDIT,
          failedAttempts: this.#parts.service.failedAttempts,
          advertise: config.advertise,
        }),
        warn: (message, facts) => log.warn(facts ?? {}, message),
      })
    }
    await this.#parts.node.start()
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

  reload(): void {
    this.log.info('SIGHUP: files are read again')
    this.#audit?.reopen()
    void this.#files.reloadAll()
  }

  stop(why: string): void {
    if (this.#stopping) return
    this.#stopping = true
    this.#files.stop()
    this.log.info({ why }, 'stopping')
    // Nothing that is written now would ever be answered: what was acknowledged is durable.
    const late = () => this.#fatal(new Error('the clean stop does not end: the disk hangs'))
    this.#clock.after(STOP_MAX_MS, late)
    this.#shutDown().then(
      () => this.opened.end(ExitCode.ok),
      (error: unknown) => this.#fatal(error),
    )
  }

  async #shutDown(): Promise<void> {
    await this.#parts.stop(() => this.#clientPort?.stopAccepting())
    await Promise.all([this.#clientPort?.close(), this.#http?.close(), this.#audit?.close()])
    this.log.info('stopped')
  }

  #fatal(error: unknown): void {
    const exitCode = exitStatusOf(error)
    if (exitCode === ExitCode.ok) this.log.info(describe(error))
    // Where somebody stands in the program says nothing of a directory that is damaged.
    else this.log.error(exitCode === ExitCode.failed ? { err: error } : {}, describe(error))
    this.opened.end(exitCode)
  }

  // --------------------------------------------------------------------------------------------- building

  #surroundings(store: LogStore, records: EpochRecords): Surroundings {
    const { config, log } = this
    const peerNetwork = this.tls.peerNetwork()
    return {
      store,
      transport: createTransport({
        nodeId: config.nodeId,
        listen: formatHostPort(config.peerListen),
        clock: this.#clock,
        random: systemRandom,
        logger: log,
        secrets: this.opened.peerSecrets,
        certificates: this.tls.peerCertificates,
        ...(peerNetwork === null ? {} : { network: peerNetwork }),
      }),
      clock: this.#clock,
      random: systemRandom,
      records,
      observer: this.#lockMetrics,
      access: this.#access,
      audit: this.#audit ?? NO_AUDIT,
      log: (level, event, facts) => log[level](facts, event),
      describe: () => ({ ...buildStatus(this.#sources) }),
      greet: (address) => greet(address, this.#clock, peerNetwork ?? undefined),
      shutdown: () => this.stop('a client asked for it (.server-shutdown)'),
      onRunning: ({ clusterId, raftId }) => log.info({ cluster: clusterId, raftId }, 'member of the cluster'),
      onLease: (nodeLeaseMs) => this.#leaseIs(nodeLeaseMs),
      onLeader: (leader, term) => this.#leaderSeen(leader, term),
      onStored: (durationMs) => this.#metrics.appended(durationMs),
      onFatal: (error) => this.#fatal(error),
    }
  }

  #policy(): Policy {
    const { adminFrom, allowShutdown } = this.config
    if (this.authFile === null) return openPolicy(adminFrom, allowShutdown)
    return new FilePolicy(this.authFile.data, adminFrom === 'nowhere')
  }

  #openAudit(): AuditFile | null {
    const { auditFile: file, isAuditOfGrants: wantsGrants, nodeId } = this.config
    if (file === null) return null
    return new AuditFile({
      file,
      nodeId,
      wantsGrants,
      clock: this.#clock,
      warn: (message) => this.log.warn(message),
    })
  }

  #leaseIs(nodeLeaseMs: number): void {
    if (this.#leaseMs === nodeLeaseMs) return
    this.#leaseMs = nodeLeaseMs
    const { config, log } = this
    if (config.leaseMs === nodeLeaseMs) return
    log.warn(
      { lease: nodeLeaseMs / SECOND_MS },
      `the lease was fixed when the cluster was formed: --lease ${config.leaseMs / SECOND_MS} is ignored`,
    )
    try {
      checkTimes({ ...config, leaseMs: nodeLeaseMs })
    } catch (error) {
      this.#fatal(error)
    }
  }

  #leaderSeen(leader: NodeId | null, term: number): void {
    if (leader !== this.#leader) {
      this.log.info({ leader, term }, leader === null ? 'no leader' : 'leader')
      if (leader !== null) this.#metrics.leaderChanged()
    }
    this.#leader = leader
  }

  #makeSources(): StatusSources {
    const { node, service, machine } = this.#parts
    return {
      maxRssKib: () => process.resourceUsage().maxRSS,
      uptimeSeconds: () => process.uptime(),
      nodeId: this.config.nodeId,
      node: () => node.status(),
      counts: () => {
        const { counters, connections } = service.stats()
        const { lockCount, sessionCount, waiterCount } = machine
        return {
          locks: lockCount,
          sessions: sessionCount,
          waiters: waiterCount,
          requests: counters.requests,
          granted: counters.acquired,
          refused: counters.notAcquired,
          unexamined: counters.unexamined,
          connections,
        }
      },
      leaseRemainingMs: () => service.stats().speakRemainingMs,
      levels: () => ({ level: machine.level, knows: FEATURE_LEVEL, held: machine.isLevelHeld }),
      authHash: () => this.#access.policy.hash,
      hasPlaces: () => this.#clientPort?.isFull !== true,
      members: () => this.#parts.memberReports(),
    }
  }
}

async function openAuthFile({ authFile: file }: ServerConfig, log: Logger): Promise<AuthFile | null> {
  if (file === null) return null
  const info = (facts: object, message: string): void => log.info(facts, message)
  return AuthFile.open({ file, info, warn: (message) => log.warn(message) })
}

async function openPeerSecrets(config: ServerConfig, log: Logger): Promise<PeerSecretFile | null> {
  const { peerSecretFile: file, isPeerSecretRequired: isRequired } = config
  return file === null ? null : PeerSecretFile.open({ file, isRequired, warn: (message) => log.warn(message) })
}

/** What `--cluster` says of this node; what only means "everywhere here" leads nobody to it. */
function ownPeerAddress({ cluster, nodeId }: ServerConfig): string {
  const own = cluster.find((member) => member.nodeId === nodeId)?.peerAddress ?? ''
  return own === '' || isWildcardHost(parseHostPort(own).host) ? '' : own
}

const describe = (error: unknown): string => (error instanceof Error ? error.message : String(error))
