import { mkdirSync, rmSync } from 'node:fs'
import type { NodeEnd } from '../../src/cli/cluster/cluster-node.js'
import { FEATURE_LEVEL } from '../../src/feature-level.js'
import { Preload } from '../preload/preload.js'
import { ClientProcesses } from './client-processes.js'
import { Ground } from './ground.js'
import type { History } from './history.js'
import { Links } from './links/links.js'
import { LEASE_MS, LocalCluster, sameHouse } from './local-cluster.js'
import type { LocalNode, NodeState } from './local-node.js'
import { LogPipes } from './log-pipe.js'
import { Namespaces } from './namespaces.js'
import { nemesisGroups } from './nemeses/index.js'
import { Programs } from './programs.js'
import type { Attack } from './schedule.js'
import { RECOVERY_MS } from './schedule.js'
import { CannotRun, chosen, type Site, type Skipped } from './site.js'
import { SmallDisk } from './small-disk.js'
import type { RunTls } from './tls.js'
import type { Finding, HistoryValue, Nemesis, Random } from './types.js'

export interface LocalSiteOptions {
  readonly nodes: number
  /** The server's entry file. */
  readonly server: string
  /** Names of nemeses. */
  readonly nemesis: string
  readonly random: Random
  readonly history: History
  /** For data and logs of the nodes; emptied first. */
  readonly dir: string
  /** So many of the places of clients are behind a relay. */
  readonly relays: number
  readonly lingerMs: number
  /** Null: everything is plain. */
  readonly tls: RunTls | null
}

/** A cluster of real servers on this machine, started for one run. */
export class LocalSite implements Site {
  readonly leaseMs = LEASE_MS
  readonly attacks: readonly Attack[]
  readonly skipped: readonly Skipped[]
  readonly clients: ClientProcesses
  readonly #abandon = (): void => abandon(this.ground)

  private constructor(
    private readonly ground: Ground,
    nemeses: readonly Nemesis[],
    random: Random,
    readonly findings: readonly Finding[],
    readonly lingerMs: number,
    besides: readonly Skipped[],
  ) {
    const judged = nemeses.map((nemesis) => ({ nemesis, why: whyUnavailable(nemesis, ground) }))
    const left = judged.flatMap(({ nemesis: { name }, why }) => (why === null ? [] : [{ name, why }]))
    this.skipped = [...besides, ...left]
    this.attacks = judged.flatMap(({ nemesis, why }) => (why === null ? [attackOn(ground, nemesis, random)] : []))
    this.clients = ground.clients
    process.once('exit', this.#abandon)
  }

  static async start(options: LocalSiteOptions): Promise<LocalSite> {
    const { random, history, dir, relays, lingerMs, tls } = options
    const nemeses = chosen('--nemesis', options.nemesis, nemesisGroups.flat())
    const needs = new Set(nemeses.map((nemesis) => nemesis.needs))
    rmSync(dir, { recursive: true, force: true })
    mkdirSync(dir, { recursive: true })
    const preload = needs.has('preload') ? Preload.build(dir) : 'not asked for'
    const logPipes = needs.has('logPipes') ? LogPipes.create() : 'not asked for'
    const wantsPrograms = needs.has('programs') && tls === null
    const noPrograms = tls === null ? 'not asked for' : 'the previous release knows no TLS'
    const programs = wantsPrograms ? await Programs.create(options.server) : noPrograms
    if (wantsPrograms && typeof programs === 'string') throw new CannotRun(programs)
    const findings: Finding[] = []
    // Peers that speak TLS are told apart by their addresses.
    const namespaces = needs.has('namespaces') || tls !== null ? Namespaces.create() : 'not asked for'
    const links =
      typeof namespaces === 'string'
        ? new Links(random, '127.0.0.1', relays)
        : new Links(random, namespaces.linkHost, relays, (address) => namespaces.nodeAt(address))
    const cluster = await LocalCluster.create({
      ...options,
      server: typeof programs === 'string' ? options.server : programs.previous,
      links,
      wordsFor: (nodeId) => tls?.wordsFor(nodeId, typeof namespaces !== 'string') ?? [],
      housing: typeof namespaces === 'string' ? sameHouse : namespaces,
      logFileOf: ({ nodeId, logFile }) => (typeof logPipes === 'string' ? logFile : logPipes.open(nodeId, logFile)),
      environment: (node, dataDir) => (typeof preload === 'string' ? {} : preload.environment(node, dataDir)),
      onState: (node, state, end) => history.observe('node', stateOf(node, state, end)),
      onUnexpectedEnd: (node, end) => findings.push(unexpectedEnd(node, end)),
    })
    const smallDisk = needs.has('smallDisk') ? smallDiskOf(cluster) : 'not asked for'
    const ground = new Ground(cluster, links, new ClientProcesses(), {
      ...{ preload, smallDisk, namespaces, logPipes, programs },
    })
    const plainPeers = tls !== null && typeof namespaces === 'string' ? [{ name: 'TLS of peers', why: namespaces }] : []
    for (const node of cluster.nodes) node.start()
    return new LocalSite(ground, nemeses, random, findings, lingerMs, plainPeers)
  }

  get endpoints(): readonly string[] {
    return this.ground.nodes.map((node) => node.endpoint)
  }

  get direct(): readonly string[] {
    return this.ground.nodes.map((node) => node.directEndpoint)
  }

  get observed(): readonly string[] {
    return this.ground.cluster.all.map((node) => node.directEndpoint)
  }

  whyNotServing(): Promise<string | null> {
    return this.ground.cluster.whyNotServing()
  }

  /** The previous release and this one may take turns from here on. */
  async prepare(): Promise<void> {
    if (typeof this.ground.equipment.programs !== 'string') await this.ground.cluster.holdLevel()
  }

  /** The upgrade is finished: everybody runs this program, and the level rises under the clients. */
  async settle(): Promise<void> {
    const { cluster, nodes, equipment } = this.ground
    const { programs } = equipment
    if (typeof programs === 'string') return
    for (const node of nodes.filter(({ server }) => server !== programs.present)) {
      await node.stop()
      node.install(programs.present)
      node.start()
      await cluster.untilServes(node, RECOVERY_MS)
    }
    await cluster.raiseLevel(FEATURE_LEVEL, RECOVERY_MS)
  }

  async close(): Promise<void> {
    await this.ground.cluster.close()
    this.ground.links.close()
    process.off('exit', this.#abandon)
    this.#abandon()
  }
}

/** What must not outlive this process, whatever ends it. */
function abandon({ cluster, clients, equipment }: Ground): void {
  clients.resumeAll()
  cluster.abandon()
  if (typeof equipment.smallDisk !== 'string') equipment.smallDisk.unmount()
  if (typeof equipment.namespaces !== 'string') equipment.namespaces.remove()
  if (typeof equipment.logPipes !== 'string') equipment.logPipes.close()
}

function whyUnavailable({ minNodes = 1, needs }: Nemesis, { nodes, equipment }: Ground): string | null {
  if (nodes.length < minNodes) return `needs ${minNodes} nodes`
  const item = needs === undefined ? null : equipment[needs]
  return typeof item === 'string' ? item : null
}

function attackOn(ground: Ground, nemesis: Nemesis, random: Random): Attack {
  const group = nemesisGroups.findIndex((nemeses) => nemeses.includes(nemesis))
  return { name: nemesis.name, group: String(group), aim: () => nemesis.aim(ground, random) }
}

function smallDiskOf({ nodes }: LocalCluster): SmallDisk | string {
  const node = nodes.at(-1)
  return node === undefined ? 'there is no node' : SmallDisk.mount(node.plan.dataDir)
}

function stateOf({ id }: LocalNode, state: NodeState, end: NodeEnd | undefined): HistoryValue {
  return end === undefined ? { node: id, state } : { node: id, state, code: end.code, signal: end.signal }
}

function unexpectedEnd({ id, plan }: LocalNode, { code, signal }: NodeEnd): Finding {
  return { check: 'node', what: `${id} ended by itself with ${code ?? signal}: see ${plan.logFile}`, events: [] }
}
