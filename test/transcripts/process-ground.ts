/** Scenes on three real processes, seen from outside: what a user with `nc` sees. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestCluster, TestNode } from '../kit/process-cluster.js'
import { Wire } from '../kit/wire.js'
import type { Ground, SceneWire } from './replay.js'

/** How leadership passes on: handed over, or by the death of the leader. */
export type LeaderChange = 'transfer' | 'kill'

export class ProcessGround implements Ground {
  private constructor(
    private readonly cluster: TestCluster,
    /** The node that is looked at, then the others. */
    private readonly nodes: readonly TestNode[],
    private readonly change: LeaderChange,
  ) {}

  /** `looksAt` is what that node is when the scene begins; a leader that is killed cannot be looked at. */
  static async at(
    cluster: TestCluster,
    looksAt: 'leader' | 'follower',
    change: LeaderChange = 'transfer',
  ): Promise<ProcessGround> {
    await cluster.untilRisen()
    const leader = await cluster.leader()
    const followers = await cluster.followers()
    const nodes =
      looksAt === 'leader'
        ? [leader, ...followers]
        : change === 'kill'
          ? [...followers, leader]
          : [followers[0], leader, followers[1]]
    return new ProcessGround(cluster, nodes, change)
  }

  async connect(nth: number): Promise<SceneWire> {
    const { length } = this.nodes
    for (let at = nth; at < nth + length; at++) {
      const node = this.nodes[at % length]
      if (node?.running) return Wire.open(node.port)
    }
    throw new Error('no node runs')
  }

  async anotherLeader(): Promise<void> {
    if (this.change === 'transfer') {
      const [heir] = await this.cluster.followers()
      await this.cluster.transfer(heir)
      return
    }
    const leader = await this.cluster.leader()
    leader.signal('SIGKILL')
    await leader.ended()
    await this.cluster.leader(leader)
  }

  async pass(ms: number): Promise<void> {
    await sleep(ms)
  }
}
