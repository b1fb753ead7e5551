import { invariant } from '../../../invariant.js'
import type { Index } from '../types.js'
import type { Inflights } from './inflights.js'

/**
 * How the leader talks to a follower. probe: it looks for the place where the logs meet, one append per heartbeat.
 * replicate: it streams entries ahead of the answers. snapshot: it waits until a snapshot has arrived.
 */
export const ProgressState = { probe: 0, replicate: 1, snapshot: 2 } as const
export type ProgressState = (typeof ProgressState)[keyof typeof ProgressState]

const STATE_NAMES = ['StateProbe', 'StateReplicate', 'StateSnapshot'] as const

export interface ProgressInit {
  readonly match: Index
  readonly next: Index
  readonly isLearner: boolean
  readonly recentActive: boolean
}

/** What the leader knows about one member's log, its own included. */
export class Progress {
  /** The member's log is known to equal the leader's up to here. Always below `next`. */
  match: Index
  /** The first entry of the next append. Entries between `match` and `next` are in flight. */
  next: Index
  state: ProgressState = ProgressState.probe
  /** In state snapshot: the index of the snapshot that was sent. Otherwise 0. */
  pendingSnapshot: Index = 0
  /** Heard from since the last quorum check; always true for the leader itself. */
  recentActive: boolean
  /** No further append until the next heartbeat answer: a probe is out, or the in-flight window is full. */
  msgAppFlowPaused = false
  readonly isLearner: boolean
  readonly inflights: Inflights
  /** The highest commit index sent to the member. It saves the empty appends that would tell it nothing new. */
  #sentCommit: Index = 0

  constructor(init: ProgressInit, inflights: Inflights) {
    this.match = init.match
    this.next = init.next
    this.isLearner = init.isLearner
    this.recentActive = init.recentActive
    this.inflights = inflights
  }

  /** The same progress with the member's new role. It shares the in-flight window: use one of the two from then on. */
  withRole(isLearner: boolean): Progress {
    const copy = new Progress(
      { match: this.match, next: this.next, isLearner, recentActive: this.recentActive },
      this.inflights,
    )
    copy.state = this.state
    copy.pendingSnapshot = this.pendingSnapshot
    copy.msgAppFlowPaused = this.msgAppFlowPaused
    copy.#sentCommit = this.#sentCommit
    return copy
  }

  /** Back to knowing nothing: at each change of term. */
  reset(match: Index, next: Index): void {
    this.#enter(ProgressState.probe)
    this.match = match
    this.next = next
    this.recentActive = false
    this.#sentCommit = 0
  }

  /** Looks for the follower's last matching entry; after a snapshot, from the end of that snapshot. */
  becomeProbe(): void {
    const afterSnapshot = this.state === ProgressState.snapshot ? this.pendingSnapshot + 1 : 0
    this.#enter(ProgressState.probe)
    this.next = Math.max(this.match + 1, afterSnapshot)
    this.#regressSentCommit()
  }

  becomeReplicate(): void {
    this.#enter(ProgressState.replicate)
    this.next = this.match + 1
  }

  /** A snapshot up to `index` is on its way; nothing else is sent meanwhile. */
  becomeSnapshot(index: Index): void {
    this.#enter(ProgressState.snapshot)
    this.pendingSnapshot = index
    this.next = index + 1
    this.#sentCommit = index
  }

  /** Notes that an append with `count` entries of `bytes` in total, starting at `next`, was sent. */
  sentEntries(count: number, bytes: number): void {
    invariant(this.state !== ProgressState.snapshot, 'an append was sent to a member that waits for a snapshot')
    if (this.state === ProgressState.replicate) {
      if (count > 0) {
        this.next += count
        this.inflights.add(this.next - 1, bytes)
      }
      this.msgAppFlowPaused = this.inflights.full()
    } else if (count > 0) {
      this.msgAppFlowPaused = true
    }
  }

  /** Whether sending this commit index can move the member's: not when one was sent that covers all it has been sent. */
  canBumpCommit(commit: Index): boolean {
    return commit > this.#sentCommit && this.#sentCommit < this.next - 1
  }

  sentCommit(commit: Index): void {
    this.#sentCommit = commit
  }

  /** Takes an acknowledgement of everything up to `index`. False if it says nothing new. */
  maybeUpdate(index: Index): boolean {
    if (index <= this.match) return false
    this.match = index
    this.next = Math.max(this.next, index + 1)
    this.msgAppFlowPaused = false
    return true
  }

  /**
   * Takes a rejection of the append that followed entry `rejected`; `matchHint` is the best place to try next. False for
   * a stale rejection: messages may be repeated and overtake each other, and one that contradicts `match` is old.
   */
  maybeDecrTo(rejected: Index, matchHint: Index): boolean {
    if (this.state === ProgressState.replicate) {
      if (rejected <= this.match) return false
      this.next = this.match + 1
      this.#regressSentCommit()
      return true
    }
    // While probing one append is out at a time, so a genuine rejection is about the entry before `next`.
    if (this.next - 1 !== rejected) return false
    this.next = Math.max(Math.min(rejected, matchHint + 1), this.match + 1)
    this.#regressSentCommit()
    this.msgAppFlowPaused = false
    return true
  }

  /** Whether entries must wait: for the answer to a probe, for room in the window, or for a snapshot. */
  isPaused(): boolean {
    return this.state === ProgressState.snapshot || this.msgAppFlowPaused
  }

  /** The text form of the scenario files: `StateReplicate match=11 next=12 inflight=3[full]`. */
  toString(): string {
    const parts = [`${STATE_NAMES[this.state]} match=${this.match} next=${this.next}`]
    if (this.isLearner) parts.push('learner')
    if (this.isPaused()) parts.push('paused')
    if (this.pendingSnapshot > 0) parts.push(`pendingSnap=${this.pendingSnapshot}`)
    if (!this.recentActive) parts.push('inactive')
    if (this.inflights.count > 0) parts.push(`inflight=${this.inflights.count}${this.inflights.full() ? '[full]' : ''}`)
    return parts.join(' ')
  }

  #enter(state: ProgressState): void {
    this.msgAppFlowPaused = false
    this.pendingSnapshot = 0
    this.state = state
    this.inflights.reset()
  }

  /** What was sent beyond `next` is presumed lost, and the commit index with it. */
  #regressSentCommit(): void {
    this.#sentCommit = Math.min(this.#sentCommit, this.next - 1)
  }
}
