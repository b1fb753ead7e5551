/**
 * Rule 3: the leader answers renewals, and ends epochs that were not renewed for a whole L. A new leader counts each epoch anew.
 */
import { CommandType, type Epoch, type NodeId } from '../../locks/commands/commands.js'
import type { Clock, Timer } from '../../platform.js'
import type { Index } from '../../raft/core/types.js'
import type { NodeApi } from '../../raft/node/node-api.js'
import { RENEWALS_PER_LEASE, REPEAT_PROPOSAL_MS } from '../limits.js'
import type { ServiceLog } from '../service-log.js'
import type { StateView } from '../state-view.js'
import type { Office } from './office.js'
import { isSoleVoter } from './sole-voter.js'

export interface EpochExpiryDeps {
  readonly clock: Clock
  readonly node: NodeApi
  readonly state: StateView
  readonly log: ServiceLog
  /** Sends the answer to the node that asked; `commitIndex` is what it must have applied first. */
  answer(node: NodeId, epoch: Epoch, number: number, commitIndex: Index): void
}

interface Arrival {
  readonly node: NodeId
  readonly epoch: Epoch
  readonly number: number
  readonly atMs: number
}

export class EpochExpiry {
  #readyAtMs = 0
  #arrivals: Arrival[] = []
  #roundInFlight = false
  /** From when an epoch's L counts: the arrival of the last renewal that was answered, or the applying of its NodeUp. */
  readonly #countedFromMs = new Map<Epoch, number>()
  readonly #endProposed = new Set<Epoch>()
  #timer: Timer | null = null

  constructor(
    private readonly deps: EpochExpiryDeps,
    private readonly office: Office,
  ) {}

  /** The office was taken. */
  begin(): void {
    this.#readyAtMs = this.deps.clock.takerNow()
    this.#beginRound()
    this.#check()
  }

  /** The office is over; what arrived may be answered in the next one. */
  end(): void {
    this.#countedFromMs.clear()
    this.#endProposed.clear()
    this.#timer?.cancel()
    this.#timer = null
  }

  /** This node does not lead any longer. */
  dropArrivals(): void {
    this.#arrivals = []
  }

  /** A renewal arrived, from a peer or from this very node. It is dropped unless this node leads. */
  renewalArrived(node: NodeId, epoch: Epoch, number: number): void {
    if (!this.deps.node.isLeader()) return
    this.#arrivals = this.#arrivals.filter((arrival) => arrival.node !== node)
    this.#arrivals.push({ node, epoch, number, atMs: this.deps.clock.takerNow() })
    this.#beginRound()
  }

  epochBegun(epoch: Epoch): void {
    if (!this.office.isTaken) return
    this.#countedFromMs.set(epoch, this.deps.clock.takerNow())
    this.#armTimer()
  }

  epochEnded(epoch: Epoch): void {
    this.#countedFromMs.delete(epoch)
    this.#endProposed.delete(epoch)
  }

  // ---------------------------------------------------------------------------------------------------- renewals

  /** One quorum round serves all renewals that arrived before it began. */
  #beginRound(): void {
    if (this.#roundInFlight || this.#arrivals.length === 0 || !this.office.isHeld()) return
    const { term } = this.office
    const arrivals = this.#arrivals
    this.#arrivals = []
    this.#roundInFlight = true
    this.deps.node.confirmLeadership((index) => {
      this.#roundInFlight = false
      if (index !== null && this.office.term === term && this.office.isHeld()) {
        for (const arrival of arrivals) this.#answer(arrival, index)
      }
      this.#beginRound()
    })
  }

  #answer({ node, epoch, number, atMs }: Arrival, commitIndex: Index): void {
    const { state } = this.deps
    // An epoch whose end was proposed is lost, whether that proposal is applied or not: its node must not speak on.
    if (!state.isLive(node, epoch) || !this.#isMember(node) || this.#endProposed.has(epoch)) return
    const from = this.#countedFromMs.get(epoch)
    if (from === undefined || from < atMs) this.#countedFromMs.set(epoch, atMs)
    this.deps.answer(node, epoch, number, commitIndex)
  }

  #isMember(node: NodeId): boolean {
    for (const member of this.deps.state.members()) if (member.nodeId === node) return true
    return false
  }

  // --------------------------------------------------------------------------------------------- ending epochs

  /** The moment from which a whole L counts: never before this leader was ready. */
  #countedFrom(epoch: Epoch): number {
    return Math.max(this.#readyAtMs, this.#countedFromMs.get(epoch) ?? this.#readyAtMs)
  }

  #check(): void {
    if (!this.office.isHeld()) return
    const { clock, state, node, log } = this.deps
    const now = clock.takerNow()
    for (const { node: owner, epoch } of state.liveEpochs()) {
      if (now - this.#countedFrom(epoch) < state.nodeLeaseMs) continue
      // A sole voter that leads renews in place (rule 2): its own lease cannot run out.
      if (owner === node.nodeId && epoch === state.currentEpoch(owner) && isSoleVoter(node)) continue
      if (!this.#endProposed.has(epoch)) log('warn', 'node lease ran out', { owner, epoch })
      this.#endProposed.add(epoch)
      this.office.propose({ type: CommandType.expireNode, node: owner, epoch })
    }
    this.#armTimer()
  }

  #armTimer(): void {
    const { clock, state } = this.deps
    const now = clock.takerNow()
    let delayMs = state.nodeLeaseMs / RENEWALS_PER_LEASE
    for (const { epoch } of state.liveEpochs()) {
      const leftMs = this.#countedFrom(epoch) + state.nodeLeaseMs - now
      delayMs = Math.min(delayMs, leftMs > 0 ? leftMs : REPEAT_PROPOSAL_MS)
    }
    this.#timer?.cancel()
    // `soon`: after a pause the renewals may still lie in the sockets (rule 7).
    this.#timer = clock.after(Math.ceil(delayMs), () => clock.soon(() => this.#check()))
  }
}
