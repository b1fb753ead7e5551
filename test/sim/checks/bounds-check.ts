/** Nothing grows without end (I13). Looked at now and then: nothing grows in one event. */
import type { ClusterSettings, Member } from '../member.js'
import type { World } from '../world.js'

/** Entries that may come while a snapshot is written to a slow disk, or while its leader forgets nothing. */
const SNAPSHOT_SLACK_ENTRIES = 5_000
/** Connections whose end is not applied yet; without a quorum nothing is. */
const UNSETTLED_MAX = 1_000

export class BoundsCheck {
  constructor(
    private readonly world: World,
    private readonly settings: ClusterSettings,
  ) {}

  look({ deps, node, service }: Member): void {
    const status = node?.status()
    const stats = service?.stats()
    if (status === undefined || status === null || stats === undefined) return
    const { snapshotIntervalEntries, trailingEntries, heldEntries } = this.settings.bounds
    this.#below(
      `entries in the log of ${deps.nodeId}`,
      status.lastIndex - status.firstIndex + 1,
      2 * snapshotIntervalEntries + trailingEntries + heldEntries + SNAPSHOT_SLACK_ENTRIES,
    )
    this.#below(`unsettled connections at ${deps.nodeId}`, stats.unsettled, UNSETTLED_MAX)
    this.#below(`classic holders at ${deps.nodeId}`, stats.classicHolding, stats.connections)
  }

  #below(what: string, count: number, max: number): void {
    if (count > max) this.world.fail(`${count} ${what}, at most ${max} are expected`)
  }
}
