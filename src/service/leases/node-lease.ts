/**
 * The epochs of this node and its right to speak (rules.md rules 1, 2 and 7).
 *
 * Life of an epoch: a random number is recorded on disk, made current by an applied `NodeUp`, renewed at the leader, and
 * abandoned for good the moment its right to speak has lapsed or the cluster has ended it. Then the next one begins.
 */

import { encodeCommand } from '../../locks/commands/codec.js'
import { CommandType, type Epoch, type NodeId, type NodeUp } from '../../locks/commands/commands.js'
import type { Clock, Random, Timer } from '../../platform.js'
import type { Index } from '../../raft/core/types.js'
import type { NodeApi } from '../../raft/node/node-api.js'
import { olderThan } from '../../raft/ports/older-program.js'
import { FrameKind, Lane } from '../../raft/ports/transport.js'
import {
  CLOSE_MARGIN_PER_CONNECTION_MS,
  JEOPARDY_SHARE_OF_LEASE,
  RENEWALS_PER_LEASE,
  RENEWALS_REMEMBERED_COUNT,
  REPEAT_PROPOSAL_MS,
  SIGN_OFF_MAX_MS,
  SPEAK_MARGIN_MS,
  SPEAK_SHARE_OF_LEASE,
} from '../limits.js'
import type { ServiceLog } from '../service-log.js'
import type { StateView } from '../state-view.js'
import { type EpochRecord, type EpochRecords, provesDeath } from './epoch-records.js'
import { encodeRenewal } from './renewal-frames.js'
import { isSoleVoter } from './sole-voter.js'
import { TwinError } from './twin-error.js'

export interface NodeLeaseDeps {
  readonly nodeId: NodeId
  /** HOST:PORT that travels in `NodeUp`. */
  readonly address: string
  /** HOST:PORT of the peer port, or empty: travels there too. */
  readonly peer: string
  /** The feature level of this program: travels there too. */
  readonly programLevel: number
  readonly clock: Clock
  readonly random: Random
  readonly node: NodeApi
  readonly state: StateView
  readonly records: EpochRecords
  readonly log: ServiceLog
  /** Hands a renewal to the duties of this node, which leads. */
  renewHere(epoch: Epoch, number: number): void
  /** Classic connections that hold a lock. */
  holdingCount(): number
  /** The epoch is current from now on; it serves once its first renewal is answered. */
  onBegin(epoch: Epoch): void
  /** The epoch is over: close every connection, at once and without a positive word. */
  onOver(): void
  onJeopardy(remainingMs: number): void
  onSafe(): void
  onFatal(error: Error): void
}

interface SentRenewal {
  readonly number: number
  readonly sentAtMs: number
  /** Commit index named by the answer; -1 until it came. */
  commitIndex: Index
}

export class NodeLease {
  /** Current, applied epoch of this process, or 0. */
  #epoch: Epoch = 0
  /** Recorded, to be made current by NodeUp; 0 while there is none. */
  #candidate: Epoch = 0
  #candidateTimer: Timer | null = null
  /** End of the right to speak on `speakerNow`, before the closing margin; null before the first answered renewal. */
  #speakUntilMs: number | null = null
  #renewedAtMs = 0
  #inJeopardy = false
  #sent: SentRenewal[] = []
  #lastNumber = 0
  #nextRenewalAtMs = 0
  #beatTimer: Timer | null = null
  #running = false
  #signedOff: (() => void) | null = null
  /** Every epoch that this process made; another one of this node means that a second process runs under its name. */
  readonly #own = new Set<Epoch>()
  /** Own epochs under which every connection is closed. */
  readonly #dead = new Set<Epoch>()
  #wasUp = false
  #earlierRecords: readonly EpochRecord[] = []
  #keptRecords: EpochRecord[] = []
  /** A write of records is under way; the next one follows it, so that an older list cannot overwrite a newer one. */
  #storing = false
  #onceStored: (() => void)[] = []

  constructor(private readonly deps: NodeLeaseDeps) {}

  /** 0 while the node has no epoch. */
  get epoch(): Epoch {
    return this.#epoch
  }

  start(): void {
    this.#running = true
    this.deps.records.load().then(
      (records) => {
        this.#earlierRecords = records
        this.#keptRecords = [...records]
        this.#prepareCandidate()
      },
      (error: unknown) => this.#fail(error),
    )
  }

  /** True while positive words may be written (rule 2). When the right has lapsed, everything is closed within this call. */
  maySpeak(): boolean {
    this.turn()
    return this.#speakUntilMs !== null
  }

  /** Milliseconds for which the right to speak lasts unless it is renewed; 0 without one. */
  remainingMs(): number {
    if (this.#speakUntilMs === null) return 0
    return Math.max(0, this.#closingAtMs(this.#speakUntilMs) - this.deps.clock.speakerNow())
  }

  /** Rule 7: before anything else of a turn. Closes everything if the right ended while nobody looked. */
  turn(): void {
    const until = this.#speakUntilMs
    if (until === null || this.deps.clock.speakerNow() < this.#closingAtMs(until)) return
    // A sole voter that leads asks nobody, so a pause cannot have cost it its lease.
    if (isSoleVoter(this.deps.node)) this.#prolong(this.deps.clock.speakerNow())
    else this.#abandon('the right to speak lapsed')
  }

  onLeader(): void {
    this.#proposeCandidate()
    this.#sendRenewal()
  }

  onApplied(index: Index): void {
    for (const renewal of this.#sent) {
      if (renewal.commitIndex >= 0 && renewal.commitIndex <= index) this.#onRenewed(renewal)
    }
  }

  /** The leader answered renewal `number` (rule 2): it counts once this node has applied `commitIndex`. */
  onAnswer(epoch: Epoch, number: number, commitIndex: Index): void {
    if (epoch !== this.#epoch) return
    const renewal = this.#sent.find((sent) => sent.number === number)
    if (renewal === undefined) return
    renewal.commitIndex = commitIndex
    if (this.deps.node.appliedIndex() >= commitIndex) this.#onRenewed(renewal)
  }

  nodeUp(node: NodeId, epoch: Epoch): void {
    if (node !== this.deps.nodeId) return
    if (epoch === this.#candidate) this.#begin()
    else this.#meetEpoch(epoch)
  }

  /** The cluster has risen above this program, which must not serve: it would not understand what the others make. */
  nodeTooOld(node: NodeId, epoch: Epoch, needed: number): void {
    const { nodeId, programLevel } = this.deps
    if (node !== nodeId || epoch !== this.#candidate) return
    this.deps.onFatal(olderThan('the cluster', needed, programLevel))
  }

  epochEnded(node: NodeId, epoch: Epoch): void {
    if (node === this.deps.nodeId && epoch === this.#epoch && epoch !== 0) this.#abandon('the cluster ended the epoch')
  }

  /** Rule 9: the state was replaced; effects in between were never told. */
  restored(): void {
    const { state, nodeId } = this.deps
    const current = state.currentEpoch(nodeId)
    if (this.#epoch !== 0 && !state.isLive(nodeId, this.#epoch)) this.#abandon('the cluster ended the epoch')
    if (current === 0 || current === this.#epoch) return
    if (current !== this.#candidate) this.#meetEpoch(current)
    else if (state.isLive(nodeId, current)) this.#begin()
    else this.#prepareCandidate()
  }

  /**
   * Clean stop, after every connection was closed: commits the end of the epoch. Calls `done` when that is applied, or
   * after a bound (then rule 3 ends the epoch).
   */
  signOff(done: () => void): void {
    this.#running = false
    this.#candidate = 0
    this.#candidateTimer?.cancel()
    if (this.#epoch === 0) {
      this.#beatTimer?.cancel()
      done()
      return
    }
    const bound = this.deps.clock.after(SIGN_OFF_MAX_MS, () => this.#signedOff?.())
    this.#signedOff = () => {
      bound.cancel()
      this.#beatTimer?.cancel()
      this.#signedOff = null
      done()
    }
    this.#proposeEnd(this.#epoch)
  }

  #proposeEnd(epoch: Epoch): void {
    if (this.#signedOff === null) return
    const { node, nodeId, clock, state } = this.deps
    const command = { type: CommandType.nodeDown, node: nodeId, epoch } as const
    if (node.leader() !== null) node.propose(encodeCommand(command, state.level))
    clock.after(REPEAT_PROPOSAL_MS, () => this.#proposeEnd(epoch))
  }

  // ------------------------------------------------------------------------------------------- epochs (rule 1)

  #prepareCandidate(): void {
    if (!this.#running) return
    const epoch = randomEpoch(this.deps.random)
    const { bootId, lockIdentity } = this.deps.records
    this.#own.add(epoch)
    this.#keptRecords.push({ epoch, bootId, lockIdentity })
    // The record is synced before NodeUp is proposed, or a successor could not prove this epoch's death.
    this.#storeRecords(() => {
      this.#candidate = epoch
      this.#proposeCandidate()
    })
  }

  #proposeCandidate(): void {
    if (this.#candidate === 0 || !this.#running) return
    const { node, state, nodeId, clock } = this.deps
    if (node.leader() !== null) {
      const expected = state.currentEpoch(nodeId)
      node.propose(encodeCommand(this.#nodeUp(expected), state.level))
    }
    this.#candidateTimer?.cancel()
    this.#candidateTimer = clock.after(REPEAT_PROPOSAL_MS, () => this.#proposeCandidate())
  }

  #nodeUp(expected: Epoch): NodeUp {
    const { nodeId, address, peer, programLevel } = this.deps
    const dead = this.#isDead(expected) ? expected : 0
    return {
      type: CommandType.nodeUp,
      node: nodeId,
      epoch: this.#candidate,
      expected,
      dead,
      address,
      peer,
      programLevel,
    }
  }

  #isDead(epoch: Epoch): boolean {
    return this.#dead.has(epoch) || provesDeath(this.deps.records, this.#earlierRecords, epoch)
  }

  #begin(): void {
    this.#epoch = this.#candidate
    this.#candidate = 0
    this.#candidateTimer?.cancel()
    this.#wasUp = true
    this.#speakUntilMs = null
    this.#sent = []
    this.#renewedAtMs = this.deps.clock.speakerNow()
    this.#inJeopardy = false
    this.deps.onBegin(this.#epoch)
    // An epoch of this directory is applied: the records of earlier ones have served.
    this.#keptRecords = this.#keptRecords.filter((record) => record.epoch === this.#epoch)
    this.#storeRecords(() => {})
    this.deps.log('info', 'epoch begun', { epoch: this.#epoch })
    this.#sendRenewal()
    this.#armBeat()
  }

  /** Rule 1: a process that sees an epoch of its node that it did not make itself stops. */
  #meetEpoch(epoch: Epoch): void {
    if (!this.#wasUp || this.#own.has(epoch)) return
    this.deps.onFatal(new TwinError(this.deps.nodeId, epoch))
  }

  #abandon(why: string): void {
    const epoch = this.#epoch
    this.#epoch = 0
    this.#speakUntilMs = null
    this.#sent = []
    this.#beatTimer?.cancel()
    this.#beatTimer = null
    this.deps.onOver()
    this.#dead.add(epoch)
    if (this.#signedOff !== null) {
      this.#signedOff()
      return
    }
    this.deps.log('warn', 'epoch abandoned', { epoch, why })
    this.#prepareCandidate()
  }

  #storeRecords(then: () => void): void {
    this.#onceStored.push(then)
    if (this.#storing) return
    this.#storing = true
    const callbacks = this.#onceStored
    this.#onceStored = []
    this.deps.records.store([...this.#keptRecords]).then(
      () => {
        this.#storing = false
        for (const callback of callbacks) callback()
        const next = this.#onceStored.pop()
        if (next !== undefined) this.#storeRecords(next)
      },
      (error: unknown) => this.#fail(error),
    )
  }

  #fail(error: unknown): void {
    this.deps.onFatal(error instanceof Error ? error : new Error(String(error)))
  }

  // ------------------------------------------------------------------------------------- right to speak (rule 2)

  #closingAtMs(speakUntilMs: number): number {
    return speakUntilMs - CLOSE_MARGIN_PER_CONNECTION_MS * this.deps.holdingCount()
  }

  #sendRenewal(): void {
    if (this.#epoch === 0) return
    const { clock, node, nodeId, state } = this.deps
    const now = clock.speakerNow()
    this.#nextRenewalAtMs = now + state.nodeLeaseMs / RENEWALS_PER_LEASE
    const leader = node.leader()
    if (leader === null) return
    if (isSoleVoter(node)) this.#prolong(now)
    const number = ++this.#lastNumber
    this.#sent.push({ number, sentAtMs: now, commitIndex: -1 })
    if (this.#sent.length > RENEWALS_REMEMBERED_COUNT) this.#sent.shift()
    if (leader === nodeId) this.deps.renewHere(this.#epoch, number)
    else node.sendPeer(leader, Lane.control, FrameKind.renew, encodeRenewal({ epoch: this.#epoch, number }))
  }

  #onRenewed(renewal: SentRenewal): void {
    this.#sent = this.#sent.filter((sent) => sent.number > renewal.number)
    // A right that has lapsed never comes back, so it is looked at before it is prolonged.
    this.turn()
    if (this.#epoch !== 0) this.#prolong(renewal.sentAtMs)
  }

  #prolong(sentAtMs: number): void {
    const untilMs = sentAtMs + SPEAK_SHARE_OF_LEASE * this.deps.state.nodeLeaseMs - SPEAK_MARGIN_MS
    const first = this.#speakUntilMs === null
    if (untilMs <= (this.#speakUntilMs ?? this.deps.clock.speakerNow())) return
    this.#speakUntilMs = untilMs
    this.#renewedAtMs = sentAtMs
    if (first) this.deps.log('info', 'serving', { epoch: this.#epoch })
    if (!this.#inJeopardy) return
    this.#inJeopardy = false
    this.deps.log('info', 'lease safe', { epoch: this.#epoch })
    this.deps.onSafe()
  }

  #beat(): void {
    if (this.#epoch === 0) return
    const now = this.deps.clock.speakerNow()
    if (now >= this.#nextRenewalAtMs) this.#sendRenewal()
    const late = now - this.#renewedAtMs >= this.#jeopardyAfterMs()
    if (late && !this.#inJeopardy && this.#speakUntilMs !== null) {
      this.#inJeopardy = true
      this.deps.log('warn', 'lease in jeopardy', { epoch: this.#epoch, remainingMs: this.remainingMs() })
      this.deps.onJeopardy(this.remainingMs())
    }
    this.#armBeat()
  }

  #jeopardyAfterMs(): number {
    return JEOPARDY_SHARE_OF_LEASE * this.deps.state.nodeLeaseMs
  }

  /** The timer runs at the next renewal at the latest, and at the moment when jeopardy begins or the right ends. */
  #armBeat(): void {
    const now = this.deps.clock.speakerNow()
    let nextMs = this.#nextRenewalAtMs
    if (this.#speakUntilMs !== null) {
      nextMs = Math.min(nextMs, this.#closingAtMs(this.#speakUntilMs))
      if (!this.#inJeopardy) nextMs = Math.min(nextMs, this.#renewedAtMs + this.#jeopardyAfterMs())
    }
    this.#beatTimer?.cancel()
    this.#beatTimer = this.deps.clock.after(Math.max(1, Math.ceil(nextMs - now)), () => this.#beat())
  }
}

/** Uniform in [1, 2^53). */
function randomEpoch(random: Random): Epoch {
  let value = 0
  for (const [at, byte] of random.bytes(7).entries()) value = value * 256 + (at === 0 ? byte & 0x1f : byte)
  return Math.max(1, value)
}
