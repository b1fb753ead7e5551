/**
 * The right to speak for clients (rules.md rules 2 and 7): the renewals of one epoch, how far the last one carries that counts,
 * and what happens when none does. It begins with the first renewal that is answered. Once it has lapsed it never comes back:
 * the epoch is over with it.
 */
import type { Epoch, NodeId } from '../../locks/commands/commands.js'
import type { Clock, Timer } from '../../platform.js'
import type { Index } from '../../raft/core/types.js'
import type { NodeApi } from '../../raft/node/node-api.js'
import { FrameKind, Lane } from '../../raft/ports/transport.js'
import {
  CLOSE_MARGIN_PER_CONNECTION_MS,
  JEOPARDY_SHARE_OF_LEASE,
  RENEWALS_PER_LEASE,
  RENEWALS_REMEMBERED_COUNT,
  SPEAK_MARGIN_MS,
  SPEAK_SHARE_OF_LEASE,
} from '../limits.js'
import type { ServiceLog } from '../service-log.js'
import type { StateView } from '../state-view.js'
import { encodeRenewal } from './renewal-frames.js'
import { isSoleVoter } from './sole-voter.js'

export interface RightToSpeakDeps {
  readonly nodeId: NodeId
  readonly clock: Clock
  readonly node: NodeApi
  readonly state: StateView
  readonly log: ServiceLog
  /** Hands a renewal to the duties of this node, which leads. */
  renewHere(epoch: Epoch, number: number): void
  /** Classic connections that hold a lock. */
  holdingCount(): number
  /** Close every connection within this call: nothing positive may be said under this epoch any more. */
  onLapsed(): void
  onJeopardy(remainingMs: number): void
  onSafe(): void
}

interface SentRenewal {
  readonly number: number
  readonly sentAtMs: number
  /** Commit index named by the answer; -1 until it came. */
  commitIndex: Index
}

export class RightToSpeak {
  /** Under which the node serves; 0 between epochs. */
  #epoch: Epoch = 0
  /** End of the right to speak on `speakerNow`, before the closing margin; null before the first answered renewal. */
  #speakUntilMs: number | null = null
  #renewedAtMs = 0
  #inJeopardy = false
  #sent: SentRenewal[] = []
  #lastNumber = 0
  #nextRenewalAtMs = 0
  #beatTimer: Timer | null = null

  constructor(private readonly deps: RightToSpeakDeps) {}

  /** The epoch is current from now on; the right begins when its first renewal is answered. */
  begin(epoch: Epoch): void {
    this.#epoch = epoch
    this.#speakUntilMs = null
    this.#sent = []
    this.#renewedAtMs = this.deps.clock.speakerNow()
    this.#inJeopardy = false
    this.renew()
    this.#armBeat()
  }

  /** The epoch is over. */
  end(): void {
    this.#epoch = 0
    this.#speakUntilMs = null
    this.#sent = []
    this.#beatTimer?.cancel()
    this.#beatTimer = null
  }

  /** True while positive words may be written (rule 2). If it has lapsed, everything is closed within this call. */
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
    else this.deps.onLapsed()
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

  /** Sends the next numbered renewal: at its time, and to a leader that has just been learned of. */
  renew(): void {
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

  #closingAtMs(speakUntilMs: number): number {
    return speakUntilMs - CLOSE_MARGIN_PER_CONNECTION_MS * this.deps.holdingCount()
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
    if (now >= this.#nextRenewalAtMs) this.renew()
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
