/** What the steps of the drill share: one cluster with TLS and accounts, clients that never stop, and an operator's commands. */
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import type { NodePlan } from '../../src/cli/cluster/cluster-node.js'
import type { StatusReport } from '../../src/service/status.js'
import { Load } from '../kit/load.js'
import { SHORT_LEASE, TestCluster, TestNode } from '../kit/process-cluster.js'
import { Program } from '../kit/program.js'
import { Disks } from './disks.js'
import { Security } from './security.js'

/** A step of the drill: what has to be seen, and what was. Steps build on each other. */
export interface Step {
  readonly name: string
  readonly expected: string
  /** Resolves with what was seen. Throws, with words for people, if it is not what is expected. */
  run(drill: Drill, size: Size): Promise<string>
  /** What it needs and this machine has not; null: it has all. */
  missing?(): string | null
}

export type Size = 'short' | 'long'

export interface HttpAnswer {
  readonly status: number
  readonly body: string
}

export class Drill {
  private constructor(
    readonly cluster: TestCluster,
    readonly security: Security,
    readonly disks: Disks,
    readonly load: Load,
  ) {}

  /** `folder`: for certificates, accounts and audit files. */
  static async start(folder: string, size: Size): Promise<Drill> {
    const security = await Security.create(folder)
    const adapt = (plan: NodePlan) => ({ ...plan, words: [...plan.words, ...security.words(plan.nodeId)] })
    const disks = new Disks(size === 'long' ? folder : null)
    const surroundings = ({ nodeId, dataDir }: NodePlan) => disks.surroundings(nodeId, dataDir)
    const cluster = await TestCluster.start(SHORT_LEASE, surroundings, adapt, undefined, askOver(security))
    await cluster.untilRisen()
    const { endpoints } = cluster
    const load = new Load({ endpoints, tls: { ca: security.ca }, token: security.token('shop') }, 'shop/busy-')
    return new Drill(cluster, security, disks, load)
  }

  get endpoints(): string {
    return this.cluster.nodes
      .filter(({ running }) => running)
      .map(({ port }) => `localhost:${port}`)
      .join(',')
  }

  /** One more node, with its own certificate: an empty directory that is to join. */
  newcomer(nodeId: string): TestNode {
    const port = this.cluster.node(0).port + 10 * this.cluster.nodes.length
    const { plan } = this.cluster.joiner(nodeId, port)
    const node = new TestNode(
      { ...plan, words: [...plan.words, ...this.security.words(nodeId)] },
      this.disks.surroundings(nodeId, plan.dataDir),
      undefined,
      askOver(this.security),
    )
    this.cluster.nodes.push(node)
    return node
  }

  /** `tnl` as an operator calls it. Throws unless it ends with 0. */
  async tnl(...words: readonly string[]): Promise<string> {
    const program = new Program('tnl', words, {
      ...this.security.environment('operators'),
      TNL_ENDPOINTS: this.endpoints,
    })
    const status = await program.status()
    if (status === 0) return program.stdout
    throw new Error(`tnl ${words.join(' ')} ended with ${status}: ${program.stderr}`)
  }

  /** By the node's HTTP port; without a token unless one is given. */
  http(node: TestNode, path: string, token: string | null = null): Promise<HttpAnswer> {
    return get(this.security, node.plan.httpPort, path, token)
  }

  /** The metrics of a node, by name and labels; null while it does not answer. */
  async metrics(node: TestNode): Promise<ReadonlyMap<string, number> | null> {
    const answer = await this.http(node, '/metrics', this.security.token('operators')).catch(() => null)
    if (answer?.status !== 200) return null
    const lines = answer.body.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]))
  }

  async restart(node: TestNode, server?: string): Promise<void> {
    node.signal('SIGTERM')
    const { code } = await node.ended()
    if (code !== 0) throw new Error(`${node.id} ended with ${code}`)
    if (server !== undefined) node.install(server)
    node.start()
    await this.cluster.untilAllServe()
  }

  async stop(): Promise<void> {
    await this.load.stop()
    await this.cluster.stop()
    this.disks.close()
  }

  audit(node: TestNode): string {
    return readFileSync(this.security.auditFile(node.id), 'utf8')
  }
}

const askOver =
  (security: Security) =>
  async ({ httpPort }: NodePlan, signal: AbortSignal): Promise<StatusReport> => {
    const { body } = await get(security, httpPort, '/v1/status', security.token('operators'), signal)
    return JSON.parse(body) as StatusReport
  }

function get(
  { ca }: Security,
  port: number,
  path: string,
  token: string | null,
  signal = AbortSignal.timeout(10_000),
): Promise<HttpAnswer> {
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, ca: readFileSync(ca), headers, signal }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text) => (body += text)).on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
    asked.on('error', reject).end()
  })
}
