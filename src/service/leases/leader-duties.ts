/**
 * What only the leader does (rules.md rules 3, 4, 11, 12): it answers renewals and ends epochs, counts detached sessions and the
 * times of holds, marks and freezes, and sees to it that what an entry left over is done. A new leader counts epochs anew, and
 * the rest from where the state says that the last one was; a deposed one stops at once. Everything proposed here is
 * conditional or cannot leave this leader's term.
 */
import type { Epoch, NodeId } from '../../locks/commands/commands.js'
import type { Clock } from '../../platform.js'
import type { Index, Term } from '../../raft/core/types.js'
import type { NodeApi } from '../../raft/node/node-api.js'
import type { ServiceLog } from '../service-log.js'
import type { StateView } from '../state-view.js'
import { DetachedSessions } from './detached-sessions.js'
import { EpochExpiry } from './epoch-expiry.js'
import { HoldTimes } from './hold-times.js'
import { LevelDuty } from './level-duty.js'
import { Office } from './office.js'
import { Sweeping } from './sweeping.js'
import { WallTimes } from './wall-times.js'

export interface LeaderDutiesDeps {
  readonly clock: Clock
  readonly node: NodeApi
  readonly state: StateView
  readonly log: ServiceLog
  /** The feature level of this program. */
  readonly programLevel: number
  /** Sends the answer to the node that asked; `commitIndex` is what it must have applied first. */
  answer(node: NodeId, epoch: Epoch, number: number, commitIndex: Index): void
}

export class LeaderDuties {
  readonly #office: Office
  // Each hears itself what an entry meant for it, and counts nothing while the office is another's.
  readonly epochs: EpochExpiry
  readonly sessions: DetachedSessions
  readonly holds: HoldTimes
  readonly wall: WallTimes
  readonly #sweeping: Sweeping
  readonly #level: LevelDuty

  constructor(private readonly deps: LeaderDutiesDeps) {
    this.#office = new Office(deps.node, deps.state)
    this.epochs = new EpochExpiry(deps, this.#office)
    this.sessions = new DetachedSessions(deps, this.#office)
    this.holds = new HoldTimes(deps, this.#office)
    this.wall = new WallTimes(deps, this.#office)
    this.#sweeping = new Sweeping(deps, this.#office)
    this.#level = new LevelDuty(deps)
  }

  // ------------------------------------------------------------------------------------------------- the office

  onLeaderReady(term: Term): void {
    this.#leave()
    this.#office.take(term)
    this.sessions.begin()
    this.holds.begin()
    this.wall.begin()
    this.epochs.begin()
    this.#sweeping.look()
    this.#level.look()
  }

  onLeader(): void {
    const { node } = this.deps
    if (!node.isLeader()) {
      this.epochs.dropArrivals()
      this.#leave()
    } else if (this.#office.term !== null && this.#office.term !== node.term()) this.#leave()
  }

  /** Another is about to take over, and goes on with what the state says is left. */
  handingOver(): void {
    this.sessions.handingOver()
    this.holds.handingOver()
  }

  stop(): void {
    this.epochs.dropArrivals()
    this.#leave()
  }

  #leave(): void {
    this.#office.leave()
    this.#level.stop()
    this.epochs.end()
    this.sessions.end()
    this.holds.end()
    this.wall.end()
    this.#sweeping.end()
  }

  // ---------------------------------------------------------------------------------------- what was applied

  /** All commands that could be applied in this turn were applied. */
  onApplied(): void {
    if (!this.#office.isTaken) return
    this.#sweeping.look()
    this.sessions.look()
    this.holds.look()
    this.wall.look()
  }

  /** A node came up; the members, the operator's hold or the feature level itself are others. */
  upgradeChanged(): void {
    if (this.#office.isTaken) this.#level.look()
  }
}
