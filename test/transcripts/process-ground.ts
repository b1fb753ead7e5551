/** Scenes on three real processes, seen from outside: what a user with `nc` sees. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestCluster, TestNode } from '../kit/process-cluster.js'
import { Wire } from '../kit/wire.js'
import type { Ground, Place, SceneNode } from './replay.js'
import type { NodeFate } from './script.js'

/** How leadership passes on: handed over, or by the death of the leader. */
export type LeaderChange = 'transfer' | 'kill'

export class ProcessGround implements Ground {
  /** Ended by a scene, or about to be. */
  readonly #ending = new Set<TestNode>()

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

  async node(place: Place): Promise<SceneNode> {
    const found = await this.#find(place)
    return {
      connect: () => Wire.open(found.port),
      meets: (fate) => this.#meets(found, fate),
    }
  }

  async #find(place: Place): Promise<TestNode> {
    if (typeof place === 'object' && 'nth' in place) {
      const { nth } = place
      const tried = [...this.nodes.slice(nth % this.nodes.length), ...this.nodes]
      return known(tried.find(({ running }) => running))
    }
    if (typeof place === 'object') return known(this.nodes.find(({ port }) => place.address.endsWith(`:${port}`)))
    // Each of them knows who leads.
    await this.cluster.untilAllServe()
    const leader = await this.cluster.leader()
    if (place === 'the leader') return leader
    return known(this.nodes.find((node) => node !== leader && node.running))
  }

  async #meets(node: TestNode, fate: NodeFate): Promise<void> {
    if (fate === 'stops' || fate === 'ends') this.#ending.add(node)
    if (fate === 'stops') node.signal('SIGTERM')
    else if (fate === 'ends') await node.ended()
    else {
      // To the clients of a node it is the same whether it cannot reach the others or all of those stand still.
      for (const other of this.nodes) if (other !== node) other.signal(fate === 'is back' ? 'SIGCONT' : 'SIGSTOP')
      if (fate === 'is back') await this.cluster.untilAllServe()
    }
  }

  async anotherLeader(): Promise<void> {
    if (this.change === 'transfer') {
      const [heir] = await this.cluster.followers()
      await this.cluster.transfer(heir)
      return
    }
    const leader = await this.cluster.leader()
    this.#ending.add(leader)
    leader.signal('SIGKILL')
    await leader.ended()
    await this.cluster.leader(leader)
  }

  async pass(ms: number): Promise<void> {
    await sleep(ms)
  }

  /** Every node that a scene has ended or cut off serves again. */
  async mend(): Promise<void> {
    for (const node of this.nodes) if (node.frozen) node.signal('SIGCONT')
    for (const node of this.#ending) {
      await node.ended()
      node.start()
    }
    this.#ending.clear()
    await this.cluster.untilAllServe()
  }
}

function known(node: TestNode | undefined): TestNode {
  if (node === undefined) throw new Error('there is no such node')
  return node
}

/** Settings of a scene as words of `tnl-server`. */
export function wordsOf(settings: ReadonlyMap<string, string>): readonly string[] {
  return [...settings].flatMap(([flag, value]) => (value === 'yes' ? [`--${flag}`] : [`--${flag}`, value]))
}
