import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { collectStatus, statusTable } from '../src/cli/admin/status.js'
import { ClusterNode } from '../src/cli/cluster/cluster-node.js'
import { planCluster } from '../src/cli/cluster/cluster-plan.js'
import { askAdmin } from '../src/cli/shared/line-client.js'
import type { StatusReport } from '../src/service/status.js'

const SERVER = fileURLToPath(new URL('../dist/cli/tnl-server.js', import.meta.url))
const NODES = 3
/** Away from the usual ones: a cluster that somebody starts meanwhile must not take the port of a node that is down. */
const FIRST_PORT = 21_654
const POLL_MS = 50
const WAIT_MS = 60_000

/** A cluster of built servers whose nodes are killed and started again at will. */
export class TrialCluster {
  /** A node that ended without being killed. */
  #unexpectedEnd: string | null = null

  private constructor(readonly nodes: readonly ClusterNode[]) {}

  static async start(dir: string): Promise<TrialCluster> {
    const plans = await planCluster({ nodes: NODES, dir, extraWords: [], firstPort: FIRST_PORT })
    const cluster = new TrialCluster(plans.map((plan) => new ClusterNode(plan, [SERVER])))
    for (const node of cluster.nodes) cluster.#start(node)
    await cluster.untilAllServe()
    return cluster
  }

  get endpoints(): string {
    return this.nodes.map((node) => `localhost:${node.plan.clientPort}`).join(',')
  }

  kill(node: ClusterNode): void {
    node.kill('SIGKILL')
  }

  async restart(node: ClusterNode): Promise<void> {
    await until(`${node.plan.nodeId} is gone`, async () => node.pid === null)
    this.#start(node)
  }

  /** Every node follows or leads one leader and may speak for its clients. */
  async untilAllServe(): Promise<void> {
    try {
      await until('all nodes serve', async () => {
        if (this.#unexpectedEnd !== null) throw new Error(this.#unexpectedEnd)
        const reports = await this.#reports()
        const [leader, ...others] = new Set(reports.map((report) => report.leader))
        const agreed = leader !== undefined && leader !== null && others.length === 0
        return agreed && reports.length === NODES && reports.every((report) => report.lease > 0)
      })
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${statusTable(await this.#states())}`)
    }
  }

  /** The node that leads; with `other`, once a node other than that one does. */
  async leader(other?: ClusterNode): Promise<ClusterNode> {
    let found: ClusterNode | undefined
    await until('a leader', async () => {
      const leaders = (await this.#reports())
        .filter((report) => report.role === 'leader')
        .sort((a, b) => b.term - a.term)
      found = this.nodes.find((node) => node.plan.nodeId === leaders[0]?.node)
      return found !== undefined && found !== other
    })
    if (found === undefined) throw new Error('no leader')
    return found
  }

  async transfer(to: ClusterNode): Promise<void> {
    const [first] = this.nodes
    if (first === undefined) return
    await askAdmin(
      { endpoints: [{ host: '127.0.0.1', port: first.plan.clientPort }] },
      '.transfer',
      `,node:${to.plan.nodeId}`,
    )
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) node.kill('SIGKILL')
    await until('all nodes are gone', async () => this.nodes.every((node) => node.pid === null))
  }

  async #reports(): Promise<readonly StatusReport[]> {
    return (await this.#states()).flatMap((state) => ('report' in state ? [state.report] : []))
  }

  #start(node: ClusterNode): void {
    node.start(({ code, signal }) => {
      if (signal !== 'SIGKILL') this.#unexpectedEnd = `${node.plan.nodeId} ended with ${code ?? signal}`
    })
  }

  #states(): ReturnType<typeof collectStatus> {
    const alive = this.nodes.filter((node) => node.pid !== null)
    return collectStatus({ endpoints: alive.map((node) => ({ host: 'localhost', port: node.plan.clientPort })) })
  }
}

export async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`waited in vain for this: ${what}`)
    await sleep(POLL_MS)
  }
}
