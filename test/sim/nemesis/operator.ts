/** An operator who looks after added, wiped, removed and replaced nodes. */
import type { Cluster } from '../cluster.js'
import type { Host } from '../host.js'
import { peerOf } from '../network/station.js'

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

  /** Joint configurations are what some seeds are for. */
  get #promoteChance(): number {
    return this.cluster.swarm.faults.has('split in joint') ? 1 : 0.3
  }

  /** Looks around, and again after a while. */
  round(): void {
    if (this.#isOver) return
    const { cluster } = this
    const members = cluster.checks.log.reference?.members() ?? []
    for (const { nodeId, raftId } of members) {
      const host = cluster.hosts.get(nodeId)
      if (host === undefined) {
        const joiner = cluster.addHost(nodeId)
        joiner.isJoiner = true
        cluster.start(joiner)
      } else this.#lookAt(host, raftId)
    }
    const known = new Set(members.map(({ nodeId }) => nodeId))
    for (const host of cluster.hosts.values()) if (!known.has(host.nodeId)) this.#readmit(host)
    cluster.world.after(INTERVAL_MS, () => this.round())
  }

  #lookAt(host: Host, raftId: number): void {
    const { cluster } = this
    const { random } = cluster.world
    const { nodeId } = host
    // A directory that was lost, or is another member's than the one of this Raft id.
    const isStale = host.isLost && (host.isWiped || !host.isUp) && host.raftId !== 0 && host.raftId !== raftId
    if (isStale) cluster.renew(host)
    else if (!cluster.voterIds().includes(nodeId) && host.isUp && random.chance(this.#promoteChance))
      this.#promote(nodeId)
    else if (host.isRefused && (host.isWiped || host.volume.isDamaged || host.volume.isPutBack) && random.chance(0.2)) {
      host.removalAsked = true
      this.ask(`.member-remove,node:${nodeId}`)
    }
  }

  #promote(nodeId: string): void {
    const { cluster } = this
    const old = cluster.replacements.get(nodeId)
    const replaced = old !== undefined && cluster.voterIds().includes(old) ? cluster.hosts.get(old) : undefined
    if (replaced !== undefined) replaced.removalAsked = true
    this.ask(`.member-promote,node:${nodeId}${replaced === undefined ? '' : `,replaces:${old}`}`)
  }

  /** What was removed comes back under its old name, as a new member. */
  #readmit({ nodeId, raftId }: Host): void {
    if (raftId === 0 || !this.cluster.world.random.chance(0.1)) return
    this.ask(`.member-add,node:${nodeId},peer:${peerOf(nodeId).address}`)
  }
}
