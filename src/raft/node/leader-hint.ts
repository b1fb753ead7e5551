import { HINT_ATTEMPTS, HINT_CAMPAIGN_SPREAD_MS, HINT_RETRY_BASE_MS, HINT_RETRY_SPREAD_MS } from '../limits.js'
import type { Clock, Random, Timer } from './interfaces.js'

/**
 * A leader whose port refuses connections is dead, and its followers need not wait for an election timeout: each one
 * that sees it forgets the leader and asks for pre-votes. It stays a hint: a follower that still hears the leader
 * refuses the pre-vote (CheckQuorum), so a wrong hint costs nothing (A5, forget-leader).
 */
export class LeaderHint {
  #timer: Timer | null = null
  #attemptsLeft = 0

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly raft: { forgetLeader(): void; campaign(): void; isLeaderless(): boolean },
  ) {}

  leaderIsDead(): void {
    this.raft.forgetLeader()
    this.#attemptsLeft = HINT_ATTEMPTS
    this.#again(this.random.int(HINT_CAMPAIGN_SPREAD_MS))
  }

  stop(): void {
    this.#timer?.cancel()
    this.#attemptsLeft = 0
  }

  #again(delayMs: number): void {
    this.#timer?.cancel()
    this.#timer = this.clock.after(delayMs, () => {
      if (this.#attemptsLeft-- <= 0 || !this.raft.isLeaderless()) return
      this.raft.campaign()
      this.#again(HINT_RETRY_BASE_MS + this.random.int(HINT_RETRY_SPREAD_MS))
    })
  }
}
