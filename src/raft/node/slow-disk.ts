/**
 * What a node does about its own hanging disk (rules.md, Consensus, Slow disks). Time is counted in ticks: a process that was
 * paused, or gets little of a processor, must not take its own absence for a slow disk.
 *
 * A shared disk stalls for all nodes at once. So nobody gives up anything without evidence that others do better: a leader
 * stays unless a quorum without it has stored what it has not, and a process ends only if it heard a leader commit after
 * its own write was overdue. A commit from before proves nothing: of two writes that the stall caught, one may have been
 * acknowledged a moment earlier.
 */
import type { RawNode } from '../core/raw-node.js'
import { type Index, NONE, Role } from '../core/types.js'
import { DISK_HANGS_LEASES } from '../limits.js'
import { StoreError } from '../ports/store.js'

type Core = Pick<RawNode, 'status' | 'heirOfStalled' | 'transferLeader' | 'stepDown' | 'storageStalled'>

export interface SlowDiskOptions {
  /** An election timeout. */
  readonly electionTicks: number
  readonly tickMs: number
  /** The process ends no sooner, whatever the lease is. */
  readonly hangsMs: number
  /** The number of the storage write that is under way, 0 if none is. */
  writeUnderWay(): number
  /** L, as the cluster was formed with it. */
  nodeLeaseMs(): number
  warn(message: string): void
  onHanging(error: StoreError): void
}

export class SlowDisk {
  /** The write that is watched, and for how many ticks it has been under way. */
  #write = 0
  #ticks = 0
  /** The commit index when the write became overdue. */
  #commitWhenOverdue: Index = 0
  /** Ticks since this leader began to hand over because of that write; null: it has not. */
  #handingOverTicks: number | null = null

  constructor(private readonly options: SlowDiskOptions) {}

  /** True if the oldest write is older than an election timeout. */
  get isOverdue(): boolean {
    return this.#ticks > this.options.electionTicks
  }

  /** Before each tick of the core. */
  tick(raw: Core): void {
    const write = this.options.writeUnderWay()
    if (write === 0 || write !== this.#write) this.#begin(raw, write)
    else if (this.#ticks++ < this.options.electionTicks) return
    if (!this.isOverdue) return
    const status = raw.status()
    if (this.#ticks === this.options.electionTicks + 1) {
      this.#commitWhenOverdue = status.commit
      raw.storageStalled(true)
      this.options.warn('a write to the disk takes longer than an election timeout')
    }
    if (status.role === Role.leader) this.#giveWay(raw)
    else {
      this.#handingOverTicks = null
      this.#endIfAlone(status.commit)
    }
  }

  #begin(raw: Core, write: number): void {
    if (this.isOverdue) {
      raw.storageStalled(false)
      this.options.warn(`the disk answers again, after ${this.#seconds()} s`)
    }
    this.#write = write
    this.#ticks = 0
    this.#handingOverTicks = null
  }

  #giveWay(raw: Core): void {
    if (this.#handingOverTicks !== null) {
      if (++this.#handingOverTicks < this.options.electionTicks) return
      this.#handingOverTicks = null
      if (raw.heirOfStalled() === NONE) return
      this.options.warn('steps down because its disk hangs and the heir has not taken over')
      raw.stepDown()
      return
    }
    const heir = raw.heirOfStalled()
    if (heir === NONE) return
    this.options.warn('hands the leadership over because its disk hangs and a quorum has stored more')
    this.#handingOverTicks = 0
    raw.transferLeader(heir)
  }

  /** The cluster works without this node, whose process may be helped by a restart; its clients are helped for certain. */
  #endIfAlone(commit: Index): void {
    const { tickMs, hangsMs, nodeLeaseMs } = this.options
    const limitMs = Math.max(hangsMs, DISK_HANGS_LEASES * nodeLeaseMs())
    if (this.#ticks * tickMs <= limitMs || commit <= this.#commitWhenOverdue) return
    const what = `the disk hangs: a write has not ended for ${this.#seconds()} s, while the cluster went on without it`
    this.options.onHanging(new StoreError('io', what))
  }

  #seconds(): number {
    return Math.round((this.#ticks * this.options.tickMs) / 1000)
  }
}
