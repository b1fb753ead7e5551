import type { Preload } from '../preload/preload.js'
import type { ClientProcesses } from './client-processes.js'
import type { Links } from './links/links.js'
import type { LocalCluster } from './local-cluster.js'
import type { LocalNode } from './local-node.js'
import type { LogPipes } from './log-pipe.js'
import type { Namespaces } from './namespaces.js'
import type { Programs } from './programs.js'
import type { SmallDisk } from './small-disk.js'
import type { Random } from './types.js'

/** This fault would take the majority together with those in force, or finds nobody to hit. */
export class NotNow extends Error {
  override readonly name = 'NotNow'
}

/** Nodes that a fault has for itself until it gives them back. */
export interface Victims {
  readonly nodes: readonly LocalNode[]
  release(): void
}

/** What this machine may not allow: the thing itself, or why there is none. */
export interface Equipment {
  readonly preload: Preload | string
  /** The disk of the last of the first members. */
  readonly smallDisk: SmallDisk | string
  readonly namespaces: Namespaces | string
  readonly logPipes: LogPipes | string
  readonly programs: Programs | string
}

/** All that a nemesis can get hold of. Guards that faults do not take the majority together. */
export class Ground {
  readonly #seized = new Set<LocalNode>()

  constructor(
    readonly cluster: LocalCluster,
    readonly links: Links,
    readonly clients: ClientProcesses,
    readonly equipment: Equipment,
  ) {}

  /** For nemeses that say that they need it. */
  need<Name extends keyof Equipment>(name: Name): Exclude<Equipment[Name], string> {
    const item = this.equipment[name]
    if (typeof item === 'string') throw new Error(item)
    return item as Exclude<Equipment[Name], string>
  }

  get nodes(): readonly LocalNode[] {
    return this.cluster.nodes
  }

  /** The largest number of nodes that may be missing. */
  get minority(): number {
    return this.nodes.length - this.cluster.majority
  }

  canSpare(nodes: number): boolean {
    return this.#seized.size + nodes <= this.minority
  }

  /** Throws NotNow when these nodes and those that other faults have would be more than a minority. */
  seize(nodes: readonly LocalNode[]): Victims {
    if (!this.canSpare(nodes.length)) throw new NotNow('the majority is kept')
    if (nodes.some((node) => this.#seized.has(node))) throw new NotNow('another fault has this node')
    for (const node of nodes) this.#seized.add(node)
    return {
      nodes,
      release: () => {
        for (const node of nodes) this.#seized.delete(node)
      },
    }
  }

  /** Nodes that no other fault has, and that run. */
  free(): readonly LocalNode[] {
    return this.nodes.filter((node) => node.state === 'up' && !this.#seized.has(node))
  }

  /** One of them; throws NotNow if there is none. */
  anyFree(random: Random): LocalNode {
    const free = this.free()
    if (free.length === 0) throw new NotNow('every node has a fault')
    return random.pick(free)
  }

  /** Throws NotNow if nobody leads, or another fault has the leader. */
  async leader(): Promise<LocalNode> {
    const leader = await this.cluster.leader()
    if (leader === null || !this.free().includes(leader)) throw new NotNow('no leader that is free')
    return leader
  }
}
