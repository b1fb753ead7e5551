/** An operator who looks after added, wiped and removed nodes. */
import type { Cluster } from '../cluster.js'

const INTERVAL_MS = 1_000

export class Operator {
  #isOver = false

  constructor(
    private readonly cluster: Cluster,
    private readonly ask: (line: string) => void,
  ) {}

  stop(): void {
    this.#isOver = true
  }

  /** Looks around, and again after a while. */
  round(): void {
    if (this.#isOver) return
    const { cluster } = this
    const { random } = cluster.world
    const voters = new Set(cluster.voterIds())
    for (const nodeId of cluster.memberIds()) {
      const known = cluster.hosts.get(nodeId)
      if (known === undefined) {
        const host = cluster.addHost(nodeId)
        host.isJoiner = true
        cluster.start(host)
      } else if (!voters.has(nodeId) && known.isUp && random.chance(0.3)) this.ask(`.member-promote,node:${nodeId}`)
      else if (known.isRefused && known.isWiped && random.chance(0.2)) {
        known.removalAsked = true
        this.ask(`.member-remove,node:${nodeId}`)
      }
    }
    cluster.world.after(INTERVAL_MS, () => this.round())
  }
}
