/**
 * What only the leader does (rules.md rules 3, 4, 11): answers renewals, ends epochs that were not renewed for a whole
 * L, ends sessions that stayed detached for their time, and has ended epochs swept. A new leader counts epochs anew, and the
 * rest from where the state says that the last one was; a deposed one stops at once. Everything proposed here is conditional or cannot leave this leader's term.
 */
import { encodeCommand } from '../../locks/commands/codec.js'
import {
  type Command,
  CommandType,
  type Epoch,
  type NodeId,
  type RequestId,
  type SessionId,
  type Token,
  type WaitLeft,
} from '../../locks/commands/commands.js'
import type { Clock, Timer } from '../../platform.js'
import type { Index, Term } from '../../raft/core/types.js'
import type { NodeApi } from '../../raft/node/node-api.js'
import { type Deadline, DeadlineQueue } from '../deadline-queue.js'
import { RENEWALS_PER_LEASE, REPEAT_PROPOSAL_MS } from '../limits.js'
import type { ServiceLog } from '../service-log.js'
import type { StateView } from '../state-view.js'
import { Checkpoints, type Countdown } from './checkpoints.js'
import { LevelDuty } from './level-duty.js'
import { isSoleVoter } from './sole-voter.js'

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

interface Arrival {
  readonly node: NodeId
  readonly epoch: Epoch
  readonly number: number
  readonly atMs: number
}

interface DelayDue {
  readonly name: string
  readonly token: Token
}

interface DetachedSince {
  readonly session: SessionId
  readonly attach: number
}

/** What ends when a session has been detached long enough: the session, or one of its waiting requests. */
interface DetachedDue {
  readonly session: SessionId
  readonly attach: number
  /** Null: the session itself. */
  readonly target: RequestId | null
}

export class LeaderDuties {
  /** The term in which this node leads and has applied an entry of its own; null otherwise. */
  #term: Term | null = null
  #readyAtMs = 0
  #arrivals: Arrival[] = []
  #roundInFlight = false
  /** From when an epoch's L counts: the arrival of the last renewal that was answered, or the applying of its NodeUp. */
  readonly #countedFromMs = new Map<Epoch, number>()
  readonly #endProposed = new Set<Epoch>()
  #epochTimer: Timer | null = null
  readonly #detached: DeadlineQueue<DetachedDue>
  readonly #delays: DeadlineQueue<DelayDue>
  readonly #sessionTime: Checkpoints<DetachedSince>
  readonly #delayTime: Checkpoints<DelayDue>
  readonly #timeBySession = new Map<SessionId, Countdown<DetachedSince>>()
  readonly #detachedBySession = new Map<SessionId, Deadline<DetachedDue>[]>()
  readonly #level: LevelDuty
  #sweptAt: Index = -1
  #sweptAtMs = 0
  #sweepAgain: Timer | null = null

  constructor(private readonly deps: LeaderDutiesDeps) {
    this.#level = new LevelDuty(deps)
    this.#detached = new DeadlineQueue(deps.clock, (due) => this.#onDetachedDue(due))
    this.#delays = new DeadlineQueue(deps.clock, (due) => this.#onDelayDue(due))
    this.#sessionTime = new Checkpoints(deps.clock, (session, leftMs) => {
      if (this.#inOffice()) this.#propose({ type: CommandType.left, ...session, leftMs })
    })
    this.#delayTime = new Checkpoints(deps.clock, (delay, leftMs) => {
      if (this.#inOffice()) this.#propose({ type: CommandType.delayLeft, ...delay, leftMs })
    })
  }

  /** Detached sessions that are counted. */
  get countedSessions(): number {
    return this.#detachedBySession.size
  }

  /** A renewal arrived, from a peer or from this very node. It is dropped unless this node leads. */
  renewalArrived(node: NodeId, epoch: Epoch, number: number): void {
    if (!this.deps.node.isLeader()) return
    this.#arrivals = this.#arrivals.filter((arrival) => arrival.node !== node)
    this.#arrivals.push({ node, epoch, number, atMs: this.deps.clock.takerNow() })
    this.#beginRound()
  }

  onLeaderReady(term: Term): void {
    this.#stop()
    this.#term = term
    this.#readyAtMs = this.deps.clock.takerNow()
    for (const { session, attach, forMs } of this.deps.state.detachedSessions()) this.#count(session, attach, forMs)
    for (const { name, token, forMs } of this.deps.state.delayedLocks()) this.delayed(name, token, forMs)
    this.#beginRound()
    this.#checkEpochs()
    this.#sweep()
    this.#level.look()
  }

  onLeader(): void {
    if (!this.deps.node.isLeader()) {
      this.#arrivals = []
      this.#stop()
    } else if (this.#term !== null && this.#term !== this.deps.node.term()) this.#stop()
  }

  onApplied(): void {
    if (this.#term !== null) this.#sweep()
  }

  nodeUp(epoch: Epoch): void {
    if (this.#term === null) return
    this.#countedFromMs.set(epoch, this.deps.clock.takerNow())
    this.#armEpochTimer()
    this.#level.look()
  }

  /** The members, the operator's hold or the feature level itself. */
  upgradeChanged(): void {
    if (this.#term !== null) this.#level.look()
  }

  epochEnded(epoch: Epoch): void {
    this.#countedFromMs.delete(epoch)
    this.#endProposed.delete(epoch)
  }

  detached(session: SessionId, attach: number, forMs: number): void {
    if (this.#term !== null) this.#count(session, attach, forMs)
  }

  /** Nobody gets the lock for `forMs`. */
  delayed(name: string, token: Token, forMs: number): void {
    if (this.#term === null) return
    this.#delays.add({ name, token }, forMs)
    this.#delayTime.begin({ name, token }, forMs)
  }

  /** Another is about to take over, and goes on with what the state says is left. */
  handingOver(): void {
    this.#sessionTime.tellAll()
    this.#delayTime.tellAll()
    for (const [session, deadlines] of this.#detachedBySession) {
      this.#tellWaits(session, deadlines[0]?.item.attach ?? 0, deadlines)
    }
  }

  /** Rule 11: the node that has the connection now goes on counting the waits, from where this leader is. */
  resumed(session: SessionId, attach: number): void {
    const deadlines = this.#detachedBySession.get(session) ?? []
    this.settled(session)
    this.#tellWaits(session, attach, deadlines)
  }

  #tellWaits(session: SessionId, attach: number, deadlines: readonly Deadline<DetachedDue>[]): void {
    const waits: WaitLeft[] = []
    for (const deadline of deadlines) {
      const { target } = deadline.item
      if (target !== null) waits.push({ request: target, leftMs: Math.ceil(this.#detached.leftMs(deadline)) })
    }
    if (waits.length > 0 && this.#inOffice()) this.#propose({ type: CommandType.waitsLeft, session, attach, waits })
  }

  /** The node that had the connection has counted the wait of a session that is detached now. */
  waitLeft(session: SessionId, target: RequestId, leftMs: number): void {
    const deadlines = this.#detachedBySession.get(session)
    const attach = deadlines?.[0]?.item.attach
    if (deadlines === undefined || attach === undefined) return
    // The later deadline of the same request stays: it will find nothing that waits.
    deadlines.push(this.#detached.add({ session, attach, target }, leftMs))
  }

  /** The session was resumed, or is gone. */
  settled(session: SessionId): void {
    const countdown = this.#timeBySession.get(session)
    if (countdown !== undefined) this.#sessionTime.end(countdown)
    this.#timeBySession.delete(session)
    const deadlines = this.#detachedBySession.get(session)
    if (deadlines === undefined) return
    this.#detachedBySession.delete(session)
    for (const deadline of deadlines) this.#detached.cancel(deadline)
  }

  stop(): void {
    this.#arrivals = []
    this.#stop()
  }

  #stop(): void {
    this.#term = null
    this.#level.stop()
    this.#countedFromMs.clear()
    this.#endProposed.clear()
    this.#epochTimer?.cancel()
    this.#epochTimer = null
    this.#detached.clear()
    this.#delays.clear()
    this.#sessionTime.clear()
    this.#delayTime.clear()
    this.#timeBySession.clear()
    this.#detachedBySession.clear()
    this.#sweptAt = -1
    this.#sweepAgain?.cancel()
    this.#sweepAgain = null
  }

  /** Still leading in the term for which this duties counts. */
  #inOffice(): boolean {
    return this.#term !== null && this.deps.node.isLeaderReady() && this.deps.node.term() === this.#term
  }

  #propose(command: Command): boolean {
    return this.deps.node.propose(encodeCommand(command, this.deps.state.level))
  }

  // ------------------------------------------------------------------------------------------ renewals (rule 3)

  /** One quorum round serves all renewals that arrived before it began. */
  #beginRound(): void {
    if (this.#roundInFlight || this.#arrivals.length === 0 || !this.#inOffice()) return
    const term = this.#term
    const arrivals = this.#arrivals
    this.#arrivals = []
    this.#roundInFlight = true
    this.deps.node.confirmLeadership((index) => {
      this.#roundInFlight = false
      if (index !== null && this.#term === term && this.#inOffice()) {
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

  // ------------------------------------------------------------------------------------- ending epochs (rule 3)

  /** The moment from which a whole L counts: never before this leader was ready. */
  #countedFrom(epoch: Epoch): number {
    return Math.max(this.#readyAtMs, this.#countedFromMs.get(epoch) ?? this.#readyAtMs)
  }

  #checkEpochs(): void {
    if (!this.#inOffice()) return
    const { clock, state, node, log } = this.deps
    const now = clock.takerNow()
    for (const { node: owner, epoch } of state.liveEpochs()) {
      if (now - this.#countedFrom(epoch) < state.nodeLeaseMs) continue
      // A sole voter that leads renews in place (rule 2): its own lease cannot run out.
      if (owner === node.nodeId && epoch === state.currentEpoch(owner) && isSoleVoter(node)) continue
      if (!this.#endProposed.has(epoch)) log('warn', 'node lease ran out', { node: owner, epoch })
      this.#endProposed.add(epoch)
      this.#propose({ type: CommandType.expireNode, node: owner, epoch })
    }
    this.#sweep()
    this.#armEpochTimer()
  }

  #armEpochTimer(): void {
    const { clock, state } = this.deps
    const now = clock.takerNow()
    let delayMs = state.nodeLeaseMs / RENEWALS_PER_LEASE
    for (const { epoch } of state.liveEpochs()) {
      const leftMs = this.#countedFrom(epoch) + state.nodeLeaseMs - now
      delayMs = Math.min(delayMs, leftMs > 0 ? leftMs : REPEAT_PROPOSAL_MS)
    }
    this.#epochTimer?.cancel()
    // `soon`: after a pause the renewals may still lie in the sockets (rule 7).
    this.#epochTimer = clock.after(Math.ceil(delayMs), () => clock.soon(() => this.#checkEpochs()))
  }

  /**
   * One sweep under way at a time, as far as can be seen: the next is proposed when something was applied since, or, in a
   * cluster where nobody does anything, when the last one must have been dropped.
   */
  #sweep(): void {
    if (!this.deps.state.sweepPending() || !this.#inOffice()) return
    const { clock, node } = this.deps
    const applied = node.appliedIndex()
    const isUnderWay = applied === this.#sweptAt && clock.takerNow() - this.#sweptAtMs < REPEAT_PROPOSAL_MS
    if (isUnderWay) return
    this.#sweptAt = applied
    this.#sweptAtMs = clock.takerNow()
    this.#propose({ type: CommandType.sweep })
    this.#sweepAgain?.cancel()
    this.#sweepAgain = clock.after(REPEAT_PROPOSAL_MS, () => clock.soon(() => this.#sweep()))
  }

  // -------------------------------------------------------------------------------- detached sessions (rules 4, 11)

  #count(session: SessionId, attach: number, forMs: number): void {
    this.settled(session)
    const view = this.deps.state.session(session)
    // What was detached and resumed within one entry is not to be counted.
    if (view === null || view.where !== null || view.attach !== attach) return
    this.#timeBySession.set(session, this.#sessionTime.begin({ session, attach }, forMs))
    const deadlines = [this.#detached.add({ session, attach, target: null }, forMs)]
    for (const { request, waitMs } of view.queued) {
      if (waitMs >= 0) deadlines.push(this.#detached.add({ session, attach, target: request }, waitMs))
    }
    this.#detachedBySession.set(session, deadlines)
  }

  #onDetachedDue(due: DetachedDue): void {
    if (!this.#inOffice()) return
    const { session, attach, target } = due
    const view = this.deps.state.session(session)
    if (view === null || view.attach !== attach || view.where !== null) return
    if (target === null) {
      this.#propose({ type: CommandType.expireSession, session, attach })
    } else {
      if (!view.queued.some((waiting) => waiting.request === target)) return
      this.#propose({ type: CommandType.detachedWaitTimeout, session, attach, target })
    }
    this.#detachedBySession.get(session)?.push(this.#detached.add(due, REPEAT_PROPOSAL_MS))
  }

  #onDelayDue(due: DelayDue): void {
    if (!this.#inOffice() || !this.deps.state.isDelayed(due.name, due.token)) return
    this.#propose({ type: CommandType.delayOver, ...due })
    this.#delays.add(due, REPEAT_PROPOSAL_MS)
  }
}
