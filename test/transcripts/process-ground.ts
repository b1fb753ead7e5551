/** Scenes on three real processes, seen from outside: what a user with `nc` sees. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestCluster, TestNode } from '../kit/process-cluster.js'
import { Wire } from '../kit/wire.js'
import type { Ground, SceneWire } from './replay.js'

export class ProcessGround implements Ground {
  private constructor(
    private readonly cluster: TestCluster,
    /** The node that is looked at, then the others. */
    private readonly nodes: readonly TestNode[],
  ) {}

  /** `looksAt` is what that node is when the scene begins. */
  static async at(cluster: TestCluster, looksAt: 'leader' | 'follower'): Promise<ProcessGround> {
    await cluster.untilRisen()
    const leader = await cluster.leader()
    const followers = await cluster.followers()
    const nodes = looksAt === 'leader' ? [leader, ...followers] : [followers[0], leader, followers[1]]
    return new ProcessGround(cluster, nodes)
  }

  async connect(nth: number): Promise<SceneWire> {
    const node = this.nodes[nth % this.nodes.length]
    if (node === undefined) throw new Error('a cluster without nodes')
    return Wire.open(node.port)
  }

  async anotherLeader(): Promise<void> {
    const [heir] = await this.cluster.followers()
    await this.cluster.transfer(heir)
  }

  async pass(ms: number): Promise<void> {
    await sleep(ms)
  }
}
