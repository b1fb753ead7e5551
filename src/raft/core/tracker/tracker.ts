import { type IdSet, idSet } from '../quorum/id-set.js'
import { jointCommittedIndex, jointIds, jointVoteResult } from '../quorum/joint.js'
import type { AckedIndex, VoteResult } from '../quorum/majority.js'
import type { ConfState, Index, RaftId } from '../types.js'
import { type Config, EMPTY_CONFIG, toConfState } from './config.js'
import type { Progress } from './progress.js'

export type ProgressMap = ReadonlyMap<RaftId, Progress>

/** Limits of each member's in-flight window; `maxInflightBytes` 0 is no limit. */
export interface InflightLimits {
  readonly maxInflight: number
  readonly maxInflightBytes: number
}

/** A membership and what is known about each of its members. */
export interface Membership {
  readonly config: Config
  readonly progress: ProgressMap
}

export const EMPTY_MEMBERSHIP: Membership = { config: EMPTY_CONFIG, progress: new Map() }

export interface VoteTally {
  readonly granted: number
  readonly rejected: number
  readonly result: VoteResult
}

/** The membership in force, each member's progress, and the votes of the election under way. */
export class ProgressTracker implements Membership, InflightLimits {
  readonly maxInflight: number
  readonly maxInflightBytes: number
  readonly votes = new Map<RaftId, boolean>()
  #config: Config = EMPTY_MEMBERSHIP.config
  #progress: ProgressMap = EMPTY_MEMBERSHIP.progress
  #ids: IdSet = []
  readonly #matchOf: AckedIndex = (id) => this.#progress.get(id)?.match

  constructor(limits: InflightLimits) {
    this.maxInflight = limits.maxInflight
    this.maxInflightBytes = limits.maxInflightBytes
  }

  get config(): Config {
    return this.#config
  }

  get progress(): ProgressMap {
    return this.#progress
  }

  /** Puts a changed membership in force (see confchange/changer.ts). */
  setMembership(membership: Membership): void {
    this.#config = membership.config
    this.#progress = membership.progress
    this.#ids = idSet(membership.progress.keys())
  }

  confState(): ConfState {
    return toConfState(this.#config)
  }

  /** Whether there is exactly one voter, whose word is a quorum. */
  isSingleton(): boolean {
    return this.#config.voters.incoming.length === 1 && this.#config.voters.outgoing.length === 0
  }

  /** The highest index that a quorum is known to have on disk. Only entries of the current term may be committed by it. */
  committed(): Index {
    return jointCommittedIndex(this.#config.voters, this.#matchOf)
  }

  /** Calls `visitor` for each member in id order: the order of what it sends must be the same in every replay. */
  visit(visitor: (id: RaftId, progress: Progress) => void): void {
    for (const id of this.#ids) visitor(id, this.#progress.get(id) as Progress)
  }

  /** Whether a quorum of voters was heard from since the last check. */
  quorumActive(): boolean {
    const active = new Map<RaftId, boolean>()
    for (const [id, progress] of this.#progress) active.set(id, progress.recentActive)
    return jointVoteResult(this.#config.voters, active) === 'won'
  }

  /** The voters of both halves, in id order. */
  voterNodes(): IdSet {
    return jointIds(this.#config.voters)
  }

  learnerNodes(): IdSet {
    return this.#config.learners
  }

  /** Before a new round of voting. */
  resetVotes(): void {
    this.votes.clear()
  }

  /** The first vote of a member counts; a repeated or changed one does not. */
  recordVote(id: RaftId, granted: boolean): void {
    if (!this.votes.has(id)) this.votes.set(id, granted)
  }

  /** The counts are for people and leave out those who have no vote; `result` is what decides. */
  tallyVotes(): VoteTally {
    let granted = 0
    let rejected = 0
    for (const [id, progress] of this.#progress) {
      const vote = progress.isLearner ? undefined : this.votes.get(id)
      if (vote === true) granted++
      else if (vote === false) rejected++
    }
    return { granted, rejected, result: jointVoteResult(this.#config.voters, this.votes) }
  }
}
