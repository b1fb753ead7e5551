/** Who campaigns when, after the hint that the leader is dead; whole elections are played in leader-death.test.ts. */
import { describe, expect, it } from 'vitest'
import type { Clock } from '../../../src/platform.js'
import { type Message, MsgType, message } from '../../../src/raft/core/messages.js'
import { NONE, type RaftId, Role } from '../../../src/raft/core/types.js'
import {
  HINT_CANDIDATE_PATIENCE_MS,
  HINT_JITTER_MS,
  HINT_RANK_STEP_MS,
  HINT_VOTED_WAIT_MS,
} from '../../../src/raft/limits.js'
import { LeaderHint } from '../../../src/raft/node/leader-hint.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { VirtualClock } from '../../../src/testing/virtual-clock.js'
import { settle } from '../../kit/settle.js'

const OWN = 2

/** Member 2 of 1, 2 and 3, whose leader has died; its log ends at index 5 of term 3. */
function hinted(rank = 0, earlyMs = 0) {
  const clock = new VirtualClock(settle)
  const { clock: perfect } = clock.forProcess()
  const after: Clock['after'] = (delayMs, run) => perfect.after(Math.max(0, delayMs - earlyMs), run)
  const state = { lead: 1 as RaftId, role: Role.follower as Role, campaigns: [] as number[] }
  const hint = new LeaderHint({ ...perfect, after }, new SeededRandom(1), {
    id: OWN,
    forgetLeader: () => {
      state.lead = NONE
    },
    campaign: () => void state.campaigns.push(clock.nowMs),
    lead: () => state.lead,
    role: () => state.role,
    rank: () => rank,
    compareLog: (lastTerm, lastIndex) => (lastTerm === 3 ? 5 - lastIndex : 3 - lastTerm),
  })
  const become = (role: Role, lead: RaftId = NONE) => {
    Object.assign(state, { role, lead })
    hint.changed()
  }
  return { clock, state, hint, become }
}

const preVote = (from: RaftId, index = 5): Message =>
  message(MsgType.preVote, OWN, from, { term: 4, logTerm: 3, index })

describe('the hint of a dead leader', () => {
  it('campaigns in turn', async () => {
    for (const rank of [0, 1, 3]) {
      const { clock, state, hint } = hinted(rank)
      hint.leaderIsDead()
      await clock.run(rank * HINT_RANK_STEP_MS + HINT_JITTER_MS)
      expect(state.campaigns).toHaveLength(1)
      expect(state.campaigns[0]).toBeGreaterThanOrEqual(rank * HINT_RANK_STEP_MS)
    }
  })

  it('gives a candidate its time, though a timer fires the fraction early that sums of clock readings lose (seed 900442)', async () => {
    const { clock, state, hint, become } = hinted(0, 2 ** -38)
    let looks = 0
    let role: Role = Role.follower
    Object.defineProperty(state, 'role', {
      get: () => {
        looks++
        return role
      },
      set: (next: Role) => {
        role = next
      },
    })
    hint.leaderIsDead()
    await clock.until(() => state.campaigns.length === 1, 100)
    become(Role.candidate)
    await clock.until(() => state.campaigns.length === 2 || looks > 100, 2 * HINT_CANDIDATE_PATIENCE_MS)
    expect(looks).toBeLessThan(100)
    expect((state.campaigns[1] ?? 0) - (state.campaigns[0] ?? 0)).toBeGreaterThanOrEqual(HINT_CANDIDATE_PATIENCE_MS)
  })

  it('stays armed while a leader was seen and has committed nothing', async () => {
    const { clock, state, hint, become } = hinted()
    hint.leaderIsDead()
    become(Role.follower, 3)
    await clock.run(1_000)
    expect(state.campaigns).toEqual([])
    become(Role.follower)
    await clock.run(HINT_JITTER_MS)
    expect(state.campaigns).toHaveLength(1)
  })

  it('is over when the new leader has committed something', async () => {
    const { clock, state, hint, become } = hinted()
    hint.leaderIsDead()
    become(Role.follower, 3)
    hint.stop()
    become(Role.follower)
    await clock.run(1_000)
    expect(state.campaigns).toEqual([])
  })

  it('lets whoever got a vote try, and no third one', async () => {
    const { clock, state, hint } = hinted()
    hint.leaderIsDead()
    hint.granted(3, MsgType.voteResp)
    await clock.run(HINT_VOTED_WAIT_MS - 1)
    expect([hint.admits(preVote(3)), hint.admits(preVote(1))]).toEqual([true, false])
    expect(state.campaigns).toEqual([])
    await clock.run(HINT_JITTER_MS + 2)
    expect(state.campaigns).toHaveLength(1)
    expect(hint.admits(preVote(1))).toBe(true)
  })

  it('of two that ask each other the one behind in rank grants', () => {
    const { hint, become } = hinted()
    hint.leaderIsDead()
    become(Role.preCandidate)
    expect([hint.admits(preVote(1)), hint.admits(preVote(3))]).toEqual([true, false])
  })

  it('helps nobody to depose it while it may be elected, unless the other has more', () => {
    const { hint, become } = hinted()
    hint.leaderIsDead()
    become(Role.candidate)
    expect([hint.admits(preVote(1)), hint.admits(preVote(3)), hint.admits(preVote(3, 6))]).toEqual([false, false, true])
    hint.admits(message(MsgType.voteResp, OWN, 3, { term: 4, reject: true }))
    expect([hint.admits(preVote(1)), hint.admits(preVote(3))]).toEqual([true, false])
  })

  it('gives its candidacy the time of slow disks, and tries again at once when it was refused', async () => {
    const { clock, state, hint, become } = hinted()
    hint.leaderIsDead()
    await clock.run(HINT_JITTER_MS)
    become(Role.candidate)
    await clock.run(HINT_CANDIDATE_PATIENCE_MS - 1)
    expect(state.campaigns).toHaveLength(1)
    await clock.run(1)
    expect(state.campaigns).toHaveLength(2)
    become(Role.candidate)
    hint.admits(message(MsgType.voteResp, OWN, 3, { term: 4, reject: true }))
    await clock.run(HINT_JITTER_MS)
    expect(state.campaigns).toHaveLength(3)
  })

  it('does not wait for its turn when somebody asks who lacks something', async () => {
    const { clock, state, hint } = hinted(3)
    hint.leaderIsDead()
    expect(hint.admits(preVote(3, 4))).toBe(true)
    await clock.run(1)
    expect(state.campaigns).toHaveLength(1)
  })

  it('means nothing while no leader has died', () => {
    const { hint, become } = hinted()
    become(Role.preCandidate)
    expect(hint.admits(preVote(3))).toBe(true)
  })

  it('leaves it to the election timeouts in the end', async () => {
    const { clock, state, hint } = hinted()
    hint.leaderIsDead()
    await clock.run(10_000)
    expect(state.campaigns.length).toBeLessThan(30)
    expect(state.campaigns.at(-1)).toBeLessThan(1_500)
  })
})
