/**
 * Raises the cluster's feature level when every member could follow (rules.md, Versions). It only proposes: whether the
 * condition holds is judged where the command is applied, so a proposal made too early, late or twice does nothing.
 */
import { encodeCommand } from '../../locks/commands/codec.js'
import { CommandType } from '../../locks/commands/commands.js'
import type { Clock, Timer } from '../../platform.js'
import type { NodeApi } from '../../raft/node/node-api.js'
import { REPEAT_PROPOSAL_MS } from '../limits.js'
import type { ServiceLog } from '../service-log.js'
import type { StateView } from '../state-view.js'

export interface LevelDutyDeps {
  readonly clock: Clock
  readonly node: NodeApi
  readonly state: StateView
  readonly log: ServiceLog
  /** The feature level of this program. */
  readonly programLevel: number
}

export class LevelDuty {
  readonly #deps: LevelDutyDeps
  /** Runs while a proposal may be under way. */
  #again: Timer | null = null

  constructor(deps: LevelDutyDeps) {
    this.#deps = deps
  }

  /** Something may have changed in what the condition looks at: who leads, members, epochs, the hold or the level. */
  look(): void {
    if (this.#again === null) this.#propose()
  }

  stop(): void {
    this.#again?.cancel()
    this.#again = null
  }

  #propose(): void {
    const { clock, node, state, log, programLevel } = this.#deps
    const { level } = state
    // A program that was put back and has no epoch yet is not in the condition: it would take its own node out of the cluster.
    if (!node.isLeaderReady() || level + 1 > programLevel || !state.canRaiseTo(level + 1)) return
    log('info', 'every member has the next feature level', { featureLevel: level + 1 })
    node.proposals.propose(encodeCommand({ type: CommandType.setLevel, to: level + 1, expected: level }, level))
    // It may be dropped, and then nothing that is applied would say so. `soon`: sockets before timers (rule 7).
    this.#again = clock.after(REPEAT_PROPOSAL_MS, () =>
      clock.soon(() => {
        this.#again = null
        this.#propose()
      }),
    )
  }
}
