import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ClusterNode, type NodeEnd, type NodePlan, type Surroundings } from '../../src/cli/cluster/cluster-node.js'
import { planCluster } from '../../src/cli/cluster/cluster-plan.js'
import { readAccess } from '../../src/cli/shared/cluster-access.js'
import { askAdmin } from '../../src/cli/shared/line-client.js'
import { FEATURE_LEVEL } from '../../src/feature-level.js'
import type { StatusReport } from '../../src/service/status.js'
import { fetchFrom, serverWords } from './transport.js'
import { EVENT_TIMEOUT_MS } from './wire.js'

/** Every lease as short as it may be, so that a test sees one run out. */
export const SHORT_LEASE = ['--lease', '3', '--election-timeout', '0.3', '--max-connections', '1000']

// One event that does not come shall be named by its own timeout, which is shorter. Trials of `npm run hardening` use
// these clusters too, without vitest.
if (process.env.VITEST !== undefined) (await import('vitest')).vi.setConfig({ testTimeout: 3 * EVENT_TIMEOUT_MS })

const NODES = 3
const POLL_MS = 50
const ASK_TIMEOUT_MS = 2_000
/**
 * Below the ports that the system gives to outgoing connections. Test files run side by side, and nodes that restart leave their
 * ports for a moment: each of the runner's places has ports of its own.
 */
const FIRST_PORT = 22_000 + (Number(process.env.VITEST_POOL_ID ?? 0) % 4) * 2_500 + (process.pid % 20) * 100

/** How a node is asked for its status: where its HTTP port speaks TLS, or answers only some, not in plain text. */
export type AskStatus = (plan: NodePlan, signal: AbortSignal) => Promise<StatusReport>

const askAsAnybody: AskStatus = async ({ httpPort }, signal) => {
  const response = await fetchFrom(httpPort, '/v1/status', { signal })
  return (await response.json()) as StatusReport
}

/** A program as `npm test` built it: what users run. */
export function builtProgram(name: string): string {
  const file = fileURLToPath(new URL(`../../dist/cli/${name}.js`, import.meta.url))
  if (!existsSync(file)) throw new Error(`${file} is missing: npm run build`)
  return file
}

export class TestNode {
  end: NodeEnd | null = null
  frozen = false
  #process: ClusterNode

  constructor(
    readonly plan: NodePlan,
    private readonly surroundings: Surroundings = {},
    server: string = builtProgram('tnl-server'),
    private readonly ask: AskStatus = askAsAnybody,
  ) {
    this.#process = this.#processOf(server)
  }

  /** Another program is installed, of another version: `server` is its `tnl-server.js`. For a node that does not run. */
  install(server: string): void {
    this.#process = this.#processOf(server)
  }

  get id(): string {
    return this.plan.nodeId
  }

  get port(): number {
    return this.plan.clientPort
  }

  get running(): boolean {
    return this.#process.pid !== null
  }

  get log(): string {
    return readFileSync(this.plan.logFile, 'utf8')
  }

  start(): void {
    this.end = null
    this.#process.start((end) => {
      this.end = end
    })
  }

  signal(signal: NodeJS.Signals): void {
    if (signal === 'SIGSTOP') this.frozen = true
    if (signal === 'SIGCONT') this.frozen = false
    this.#process.kill(signal)
  }

  /** Resolves with how the process ended. */
  async ended(): Promise<NodeEnd> {
    await until(`${this.id} ends`, async () => this.end !== null)
    return this.end ?? { code: null, signal: null }
  }

  /** Null while it does not answer. */
  async status(): Promise<StatusReport | null> {
    try {
      return await this.ask(this.plan, AbortSignal.timeout(ASK_TIMEOUT_MS))
    } catch {
      return null
    }
  }

  #processOf(server: string): ClusterNode {
    return new ClusterNode({ ...this.plan, words: serverWords(this.plan.words) }, [server], this.surroundings)
  }
}

/** The first of three free ports in a row, for one server. */
export async function freePorts(): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'tnl-e2e-'))
  const [plan] = await planCluster({ nodes: 1, dir, extraWords: [], firstPort: FIRST_PORT })
  rmSync(dir, { recursive: true })
  return plan?.clientPort ?? FIRST_PORT
}

/** Three real servers on this machine, on ports and in a directory of their own. */
export class TestCluster {
  private constructor(
    readonly dir: string,
    readonly nodes: TestNode[],
    private readonly words: readonly string[],
  ) {}

  /** `words`: for every node; `server`: the program, if not the present one. Resolves when all of them serve. */
  static async start(
    words: readonly string[] = [],
    surroundings: (plan: NodePlan) => Surroundings = () => ({}),
    adapt: (plan: NodePlan) => NodePlan = (plan) => plan,
    server?: string,
    ask?: AskStatus,
  ): Promise<TestCluster> {
    const dir = mkdtempSync(join(tmpdir(), 'tnl-e2e-'))
    const planned = await planCluster({ nodes: NODES, dir, extraWords: words, firstPort: FIRST_PORT })
    const plans = planned.map(adapt)
    const cluster = new TestCluster(
      dir,
      plans.map((plan) => new TestNode(plan, surroundings(plan), server, ask)),
      words,
    )
    for (const node of cluster.nodes) node.start()
    await cluster.untilAllServe()
    return cluster
  }

  get endpoints(): string {
    return this.nodes.map((node) => `127.0.0.1:${node.port}`).join(',')
  }

  node(index: number): TestNode {
    const node = this.nodes[index]
    if (node === undefined) throw new Error(`no node ${index}`)
    return node
  }

  /** A plan for one more node, which joins the cluster of the others; `port` is of its clients. */
  joiner(nodeId: string, port: number): TestNode {
    const [clientPort, peerPort, httpPort] = [port, port + 1, port + 2]
    const dataDir = join(this.dir, nodeId)
    const peers = this.nodes
      .filter(({ id }) => id !== nodeId)
      .map(({ plan }) => `${plan.nodeId}=127.0.0.1:${plan.peerPort}`)
    const words = [
      ...['--node-id', nodeId, '--join', '--cluster', [...peers, `${nodeId}=127.0.0.1:${peerPort}`].join(',')],
      ...['--listen', `localhost:${clientPort}`, '--advertise', `localhost:${clientPort}`],
      ...['--peer-listen', `127.0.0.1:${peerPort}`, '--http', `127.0.0.1:${httpPort}`, '--data-dir', dataDir],
      ...this.words,
    ]
    return new TestNode({ nodeId, clientPort, peerPort, httpPort, dataDir, logFile: `${dataDir}.log`, words })
  }

  /** The node that leads the highest term, among those that run; with `other`, once it is not that one. */
  async leader(other?: TestNode): Promise<TestNode> {
    let found: TestNode | undefined
    await until('a leader', async () => {
      const states = await this.#states()
      const leaders = states.filter(({ report }) => report.role === 'leader' && report.lease > 0)
      found = leaders.sort((a, b) => b.report.term - a.report.term)[0]?.node
      return found !== undefined && found !== other
    })
    if (found === undefined) throw new Error('no leader')
    return found
  }

  async followers(): Promise<readonly [TestNode, TestNode]> {
    const leader = await this.leader()
    const [first, second] = this.nodes.filter((node) => node !== leader)
    if (first === undefined || second === undefined) throw new Error('no followers')
    return [first, second]
  }

  /** Every node that runs and is not frozen has the right to speak, under the one leader. */
  async untilAllServe(): Promise<void> {
    await until('all nodes serve', async () => {
      const asked = this.nodes.filter((node) => node.running && !node.frozen)
      const failed = asked.find((node) => node.end !== null)
      if (failed !== undefined) throw new Error(`${failed.id} ended: ${failed.log}`)
      const states = await this.#states()
      const leaders = new Set(states.map(({ report }) => report.leader))
      return states.length === asked.length && leaders.size === 1 && states.every(({ report }) => report.lease > 0)
    })
  }

  /** Every node has applied that the cluster has risen to the level of this program. */
  async untilRisen(): Promise<void> {
    await until(`feature level ${FEATURE_LEVEL}`, async () => {
      const reports = await Promise.all(this.nodes.map((node) => node.status()))
      return reports.every((report) => report?.level === FEATURE_LEVEL)
    })
  }

  async transfer(to: TestNode): Promise<void> {
    const { port } = await this.leader()
    await askAdmin(readAccess({ endpoints: `127.0.0.1:${port}` }, process.env), '.transfer', `,node:${to.id}`)
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) node.signal('SIGKILL')
    await Promise.all(this.nodes.filter((node) => node.running).map((node) => node.ended()))
    rmSync(this.dir, { recursive: true, force: true })
  }

  async #states(): Promise<{ readonly node: TestNode; readonly report: StatusReport }[]> {
    const asked = this.nodes.filter((node) => node.running && !node.frozen)
    const states = await Promise.all(asked.map(async (node) => ({ node, report: await node.status() })))
    return states.flatMap(({ node, report }) => (report === null ? [] : [{ node, report }]))
  }
}

export async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + EVENT_TIMEOUT_MS
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`waited in vain for this: ${what}`)
    await sleep(POLL_MS)
  }
}
