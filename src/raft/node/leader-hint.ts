import type { Clock, Random, Timer } from './interfaces.js'

/** First attempt after the hint, spread so that two followers do not split the vote. */
const FIRST_CAMPAIGN_SPREAD_MS = 20
const RETRY_BASE_MS = 30
const RETRY_SPREAD_MS = 70
const ATTEMPTS_MAX = 8

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
    this.#attemptsLeft = ATTEMPTS_MAX
    this.#again(this.random.int(FIRST_CAMPAIGN_SPREAD_MS))
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
      this.#again(RETRY_BASE_MS + this.random.int(RETRY_SPREAD_MS))
    })
  }
}
