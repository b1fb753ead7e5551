import { mkdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { formatHostPort } from '../../src/address.js'
import type { NodeEnd, NodePlan } from '../../src/cli/cluster/cluster-node.js'
import { planCluster } from '../../src/cli/cluster/cluster-plan.js'
import { askAdmin } from '../../src/cli/shared/line-client.js'
import type { StatusReport } from '../../src/service/status.js'
import type { Links } from './links/links.js'
import { LocalNode, type NodeState } from './local-node.js'
import { statusOf } from './observer.js'

export const LEASE_MS = 3_000
/** Every lease as short as it may be, so that many run out in a short run. This process is not always on loopback. */
const OPTIONS = ['--lease', String(LEASE_MS / 1000), '--max-connections', '1000', '--allow-admin']
/** Below the ports that the system gives to outgoing connections: none may take that of a node that is down. */
const FIRST_PORT = 23_654
/** Nodes beyond the first members, which the cluster can grow by. */
const SPARES = 2
const POLL_MS = 100
/** A node that is so near has everything but what is on its way. */
const CAUGHT_UP_ENTRIES = 200

export type Role = 'voter' | 'learner' | 'none'

/** Where the processes of nodes run. */
export interface Housing {
  hostOf(nodeId: string): string
  /** Words before the command that starts one there. */
  launcherOf(nodeId: string): readonly string[]
}

export const sameHouse: Housing = { hostOf: () => '127.0.0.1', launcherOf: () => [] }

export interface LocalClusterOptions {
  readonly nodes: number
  readonly dir: string
  readonly server: string
  readonly links: Links
  readonly housing: Housing
  /** Further ones, for a node. */
  readonly wordsFor: (nodeId: string) => readonly string[]
  /** What a server process gets to see besides the environment of this one. */
  readonly environment: (nodeId: string, dataDir: string) => NodeJS.ProcessEnv
  /** Where the node says what it has to say. */
  readonly logFileOf: (plan: NodePlan) => string
  readonly onState: (node: LocalNode, state: NodeState, end?: NodeEnd) => void
  readonly onUnexpectedEnd: (node: LocalNode, end: NodeEnd) => void
}

/** Real servers on this machine, which reach each other and are reached by clients through links. */
export class LocalCluster {
  private constructor(
    /** The first members; between faults the cluster consists of these. */
    readonly nodes: readonly LocalNode[],
    readonly spares: readonly LocalNode[],
    private readonly builder: Builder,
  ) {}

  static async create(options: LocalClusterOptions): Promise<LocalCluster> {
    const plans = await planCluster({
      nodes: options.nodes + SPARES,
      dir: options.dir,
      extraWords: [],
      firstPort: FIRST_PORT,
    })
    const builder = new Builder(options, plans)
    await builder.openPeerPorts()
    const nodes = await Promise.all(plans.map((plan) => builder.build(plan)))
    return new LocalCluster(nodes.slice(0, options.nodes), nodes.slice(options.nodes), builder)
  }

  get all(): readonly LocalNode[] {
    return [...this.nodes, ...this.spares]
  }

  get majority(): number {
    return Math.floor(this.nodes.length / 2) + 1
  }

  /** The node that leads the highest term, or null. */
  async leader(): Promise<LocalNode | null> {
    const leaders = (await this.reports()).filter(({ report }) => report.role === 'leader')
    return leaders.sort((a, b) => b.report.term - a.report.term)[0]?.node ?? null
  }

  /** Of the nodes that answer. */
  async reports(): Promise<{ readonly node: LocalNode; readonly report: StatusReport }[]> {
    const asked = this.all.filter((node) => node.state === 'up')
    const reports = await Promise.all(
      asked.map(async (node) => ({ node, report: await statusOf(node.directEndpoint) })),
    )
    return reports.flatMap(({ node, report }) => (report === null ? [] : [{ node, report }]))
  }

  /** What keeps the first members from serving all together, or null. */
  async whyNotServing(): Promise<string | null> {
    const reports = await this.reports()
    for (const node of this.nodes) {
      const report = reports.find((candidate) => candidate.node === node)?.report
      if (report === undefined) return `${node.id} is ${node.state === 'up' ? 'silent' : node.state}`
      if (report.leader === null) return `${node.id} knows no leader`
      if (report.lease <= 0) return `${node.id} has no right to speak`
    }
    const leaders = new Set(reports.map(({ report }) => report.leader))
    return leaders.size === 1 ? null : `the nodes name ${leaders.size} leaders`
  }

  /** Resolves when `node` knows a leader and may speak for its clients. */
  async untilServes(node: LocalNode, timeoutMs: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs
    for (;;) {
      const report = node.state === 'up' ? await statusOf(node.directEndpoint) : null
      if (report !== null && report.leader !== null && report.lease > 0) return
      if (performance.now() > deadlineMs) throw new Error(`${node.id} does not serve`)
      await sleep(POLL_MS)
    }
  }

  /** Resolves when `node` serves and has applied what the leader had committed when it was asked last. */
  async untilCaughtUp(node: LocalNode, timeoutMs: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs
    for (;;) {
      const reports = await this.reports()
      const own = reports.find((one) => one.node === node)?.report
      const commit = Math.max(0, ...reports.map(({ report }) => report.commit))
      if (own !== undefined && own.lease > 0 && commit - own.applied < CAUGHT_UP_ENTRIES) return
      if (performance.now() > deadlineMs) throw new Error(`${node.id} does not catch up`)
      await sleep(POLL_MS)
    }
  }

  /** Peers have to dial it elsewhere from now on; it and the others know that from their next start on. */
  async moveToNewAddress(node: LocalNode): Promise<void> {
    await this.builder.openPeerPort(node.plan)
    for (const each of this.all) each.giveWords(this.builder.wordsOf(each), this.builder.peerAddressOf(each))
  }

  transfer(to: LocalNode): Promise<void> {
    return this.#ask('.transfer', `,node:${to.id}`)
  }

  /** The level that the programs of today all know stays, whatever is installed. */
  holdLevel(): Promise<void> {
    return this.#ask('.upgrade-hold', '')
  }

  /** Resolves when every node has applied that the cluster has this level. */
  async raiseLevel(level: number, timeoutMs: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs
    let trouble = ''
    for (;;) {
      const reports = await this.reports()
      const risen = reports.filter(({ report }) => report.level === level)
      if (risen.length >= this.nodes.length) return
      if (performance.now() > deadlineMs) throw new Error(`the level does not rise to ${level}${trouble}`)
      await this.#ask('.upgrade-finish', '').catch((error: unknown) => {
        trouble = `: ${String(error)}`
      })
      await sleep(POLL_MS)
    }
  }

  /** Asks for what is missing, again and again, until the members say that `node` has this role. */
  async setRole(node: LocalNode, role: Role, timeoutMs: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs
    let trouble = 'nobody says who is a member'
    while (performance.now() < deadlineMs) {
      const now = await this.#roleOf(node)
      if (now === role) return
      const remove = role === 'none' || (role === 'learner' && now === 'voter')
      const [action, words] = remove
        ? ['.member-remove', '']
        : now === 'none'
          ? ['.member-add', `,peer:${node.peerAddress}`]
          : ['.member-promote', '']
      if (now !== null) trouble = await this.#ask(action, `,node:${node.id}${words}`).then(() => trouble, String)
      await sleep(POLL_MS)
    }
    throw new Error(`${node.id} does not become ${role === 'none' ? 'no member' : role}: ${trouble}`)
  }

  /** Ends every process, whatever state it is in. */
  async close(): Promise<void> {
    await Promise.all(this.all.filter((node) => node.state !== 'down').map((node) => node.kill()))
  }

  /** At once, without waiting. */
  abandon(): void {
    for (const node of this.all) node.abandon()
  }

  /** By the leader, as others may lag; null while there is none. */
  async #roleOf(node: LocalNode): Promise<Role | null> {
    const reports = await this.reports()
    const leader = reports.find(({ report }) => report.role === 'leader' && report.lease > 0)
    if (leader === undefined) return null
    return leader.report.members.find((member) => member.node === node.id)?.role ?? 'none'
  }

  async #ask(action: string, words: string): Promise<void> {
    const leader = await this.leader()
    const asked = this.all
      .filter((node) => node.state === 'up')
      .sort((a, b) => Number(b === leader) - Number(a === leader))
    await askAdmin({ endpoints: asked.map((node) => node.directAddress) }, action, words)
  }
}

/** Every node has to know the links of all others, so these are opened first. */
class Builder {
  readonly #peerAddresses = new Map<string, string>()

  constructor(
    private readonly options: LocalClusterOptions,
    private readonly plans: readonly NodePlan[],
  ) {}

  async openPeerPorts(): Promise<void> {
    for (const plan of this.plans) await this.openPeerPort(plan)
  }

  async openPeerPort({ nodeId, peerPort }: NodePlan): Promise<void> {
    const { links, housing } = this.options
    const link = await links.openPeerPort(nodeId, { host: housing.hostOf(nodeId), port: peerPort })
    this.#peerAddresses.set(nodeId, formatHostPort(link))
  }

  peerAddressOf({ id }: LocalNode): string {
    return this.#peerAddresses.get(id) ?? ''
  }

  /** With the addresses of today. */
  wordsOf(node: LocalNode): readonly string[] {
    const plan = this.plans.find(({ nodeId }) => nodeId === node.id)
    return plan === undefined ? [] : this.#words(plan, node.endpoint)
  }

  async build(plan: NodePlan): Promise<LocalNode> {
    const { links, housing, environment } = this.options
    const { nodeId, clientPort, dataDir } = plan
    const host = housing.hostOf(nodeId)
    const endpoint = formatHostPort(await links.openClientPort(nodeId, { host, port: clientPort }))
    mkdirSync(dataDir, { recursive: true })
    return new LocalNode({
      ...this.options,
      plan: { ...plan, words: this.#words(plan, endpoint), logFile: this.options.logFileOf(plan) },
      host,
      surroundings: {
        environment: { ...process.env, ...environment(nodeId, dataDir) },
        launcher: housing.launcherOf(nodeId),
      },
      endpoint,
      peerAddress: this.#peerAddresses.get(nodeId) ?? '',
    })
  }

  #words(plan: NodePlan, endpoint: string): readonly string[] {
    const { nodeId, clientPort, peerPort, dataDir } = plan
    const host = this.options.housing.hostOf(nodeId)
    return [
      ...['--node-id', nodeId, '--listen', formatHostPort({ host, port: clientPort }), '--advertise', endpoint],
      ...['--peer-listen', formatHostPort({ host, port: peerPort }), '--http', 'off', '--data-dir', dataDir],
      ...this.#membership(plan),
      ...OPTIONS,
      ...this.options.wordsFor(nodeId),
    ]
  }

  #membership(plan: NodePlan): readonly string[] {
    const founders = this.plans.slice(0, this.options.nodes)
    const isFounder = founders.includes(plan)
    const members = isFounder ? founders : [...founders, plan]
    const list = members.map(({ nodeId }) => `${nodeId}=${this.#peerAddresses.get(nodeId)}`)
    return ['--cluster', list.join(','), ...(isFounder ? [] : ['--join'])]
  }
}
