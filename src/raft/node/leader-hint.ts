/**
 * A leader whose port refuses connections is dead, and its followers need not wait for an election timeout: each one
 * that sees it forgets the leader and asks for pre-votes. It stays a hint: a follower that still hears the leader
 * refuses the pre-vote (CheckQuorum), so a wrong hint costs nothing (A5, forget-leader).
 *
 * All followers see it within the same moment, and must not stand in each other's way. What went wrong, of three members
 * of which 1 has died:
 *
 *     2: pre-vote for term 5 ───► 3 grants, 2 is a candidate, 3 votes for it
 *     3: pre-vote for term 6 ───► 2 grants: it is a candidate still, and 6 is more than 5
 *     2 leads term 5; 3 is a candidate of term 6, and deposes it; but 3 lacks the entry with which 2 began, and cannot
 *     win; and both believed that there was a leader, and had stopped. An election timeout passed.
 *
 * So: the first in rank begins, the others a little later; whoever has granted something waits; of two that ask each
 * other at the same time only the one that is behind in rank grants; and the hint stays armed until the new leader has
 * committed something. To leave a pre-vote unanswered is as safe as to lose it on the way.
 */

import type { Clock, Random, Timer } from '../../platform.js'
import { type Message, MsgType } from '../core/messages.js'
import { type Index, NONE, type RaftId, Role, type Term } from '../core/types.js'
import {
  HINT_ATTEMPTS,
  HINT_CANDIDATE_PATIENCE_MS,
  HINT_GRANTED_WAIT_MS,
  HINT_JITTER_MS,
  HINT_RANK_STEP_MS,
  HINT_RETRY_MS,
  HINT_VOTED_WAIT_MS,
} from '../limits.js'

export interface HintedCore {
  readonly id: RaftId
  forgetLeader(): void
  campaign(): void
  lead(): RaftId
  role(): Role
  /** How many of the voters that could campaign come before this one: 0 is the first. */
  rank(): number
  /** Above 0: this log has more than one that ends so; 0: they end alike; below 0: it lacks something. */
  compareLog(lastTerm: Term, lastIndex: Index): number
}

export class LeaderHint {
  #timer: Timer | null = null
  /** What is left of the campaigns of this hint; 0: it is not armed. */
  #attemptsLeft = 0
  #grantedTo: RaftId = NONE
  #grantedUntilMs = 0
  /** While this node is a candidate: since when, and whether somebody has refused to vote for it. */
  #candidateSinceMs = 0
  #isBeaten = false

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly raft: HintedCore,
  ) {}

  leaderIsDead(): void {
    this.#attemptsLeft = HINT_ATTEMPTS
    this.raft.forgetLeader()
    this.#schedule(this.#turnMs())
  }

  /** Leader or role changed. */
  changed(): void {
    if (this.raft.role() === Role.candidate) {
      this.#candidateSinceMs = this.clock.takerNow()
      this.#isBeaten = false
    }
    if (this.raft.lead() !== NONE) this.#cancel()
    // The one that was elected has gone again already.
    else if (this.#attemptsLeft > 0 && this.#timer === null) this.#schedule(this.#turnMs())
  }

  /** Also when an entry of the new leader's term is committed: then the election is over. */
  stop(): void {
    this.#cancel()
    this.#attemptsLeft = 0
  }

  /** A message arrived. False: it is to be dropped, as if it had been lost. */
  admits(message: Message): boolean {
    if (this.#attemptsLeft === 0 || this.raft.lead() !== NONE) return true
    if (message.type === MsgType.voteResp && message.reject) this.#refused()
    return message.type !== MsgType.preVote || this.#admitsPreVote(message)
  }

  #admitsPreVote({ from, logTerm, index }: Message): boolean {
    const { raft, clock } = this
    const compared = raft.compareLog(logTerm, index)
    if (compared > 0) {
      // The other cannot win, and will be told so. This one can, and need not wait for its turn.
      if (raft.role() === Role.follower && clock.takerNow() >= this.#grantedUntilMs) this.#schedule(0)
      return true
    }
    if (compared === 0) {
      if (raft.role() === Role.candidate && !this.#isBeaten) return false
      const asksToo = raft.role() === Role.preCandidate || raft.role() === Role.candidate
      if (asksToo && raft.id < from) return false
    }
    return this.#grantedTo === from || clock.takerNow() >= this.#grantedUntilMs
  }

  /** A vote or pre-vote was granted: whoever got it is given time. */
  granted(to: RaftId, type: MsgType): void {
    const waitMs = type === MsgType.voteResp ? HINT_VOTED_WAIT_MS : HINT_GRANTED_WAIT_MS
    this.#grantedTo = to
    this.#grantedUntilMs = this.clock.takerNow() + waitMs
    if (this.#timer !== null) this.#schedule(waitMs + this.#turnMs())
  }

  /** A split vote does not mend itself: the first in rank tries again at once. */
  #refused(): void {
    if (this.raft.role() !== Role.candidate || this.#isBeaten) return
    this.#isBeaten = true
    this.#schedule(this.#turnMs())
  }

  #turnMs(): number {
    return this.raft.rank() * HINT_RANK_STEP_MS + this.random.int(HINT_JITTER_MS)
  }

  #schedule(delayMs: number): void {
    this.#cancel()
    this.#timer = this.clock.after(delayMs, () => {
      this.#timer = null
      this.#fire()
    })
  }

  #fire(): void {
    const { raft, clock } = this
    if (this.#attemptsLeft === 0 || raft.lead() !== NONE) return
    // A candidate waits for disks, its own and those of the others; a new pre-vote would make its votes worthless.
    const patienceMs = this.#candidateSinceMs + HINT_CANDIDATE_PATIENCE_MS - clock.takerNow()
    if (raft.role() === Role.candidate && !this.#isBeaten && patienceMs > 0) {
      // Rounded up: a sum of clock readings may come out a fraction short, and a timer of that fraction never gets there.
      this.#schedule(Math.ceil(patienceMs))
      return
    }
    this.#attemptsLeft -= 1
    if (this.#attemptsLeft > 0) this.#schedule(HINT_RETRY_MS + this.#turnMs())
    raft.campaign()
  }

  #cancel(): void {
    this.#timer?.cancel()
    this.#timer = null
  }
}
