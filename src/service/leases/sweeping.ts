/**
 * What an entry has left over is done by the following ones: sessions of an ended epoch, grants beyond the most that one entry
 * gives. While there is anything, the leader sees to it that entries follow, in a cluster where nobody does anything too.
 */
import { CommandType } from '../../locks/commands/commands.js'
import type { Clock, Timer } from '../../platform.js'
import type { Index } from '../../raft/core/types.js'
import type { NodeApi } from '../../raft/node/node-api.js'
import { REPEAT_PROPOSAL_MS } from '../limits.js'
import type { StateView } from '../state-view.js'
import type { Office } from './office.js'

export interface SweepingDeps {
  readonly clock: Clock
  readonly node: NodeApi
  readonly state: StateView
}

export class Sweeping {
  #sweptAt: Index = -1
  #sweptAtMs = 0
  #again: Timer | null = null

  constructor(
    private readonly deps: SweepingDeps,
    private readonly office: Office,
  ) {}

  /**
   * One sweep under way at a time, as far as can be seen: the next is proposed when something was applied since, or when the
   * last one must have been dropped.
   */
  look(): void {
    if (!this.deps.state.sweepPending() || !this.office.isHeld()) return
    const { clock, node } = this.deps
    const applied = node.appliedIndex()
    const isUnderWay = applied === this.#sweptAt && clock.takerNow() - this.#sweptAtMs < REPEAT_PROPOSAL_MS
    if (isUnderWay) return
    this.#sweptAt = applied
    this.#sweptAtMs = clock.takerNow()
    this.office.propose({ type: CommandType.sweep })
    this.#again?.cancel()
    this.#again = clock.after(REPEAT_PROPOSAL_MS, () => clock.soon(() => this.look()))
  }

  end(): void {
    this.#sweptAt = -1
    this.#again?.cancel()
    this.#again = null
  }
}
