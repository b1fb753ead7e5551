/** Whom a leader hands over to whose own disk hangs (rules.md, Consensus, Slow disks). */
import { describe, expect, it } from 'vitest'
import { createRaft } from '../../../src/raft/core/create-raft.js'
import { MemoryStorage } from '../../../src/raft/core/log/memory-storage.js'
import { MsgType, message } from '../../../src/raft/core/messages.js'
import type { Raft } from '../../../src/raft/core/raft.js'
import { heirOfStalled } from '../../../src/raft/core/stalled-leader.js'
import {
  type ConfState,
  EMPTY_BYTES,
  EMPTY_CONF_STATE,
  EMPTY_HARD_STATE,
  type Index,
  NONE,
  type RaftId,
  Role,
} from '../../../src/raft/core/types.js'
import { ELECTION_TICK, HEARTBEAT_TICK, Member } from './support/member.js'

/** Member 1 leads and has stored nothing; the others have acknowledged what `matches` says, and were heard of. */
function leader(confState: Partial<ConfState>, matches: Readonly<Record<RaftId, Index>>, silent: RaftId[] = []): Raft {
  const metadata = { index: 0, term: 0, confState: { ...EMPTY_CONF_STATE, ...confState } }
  const raft = createRaft({
    id: 1,
    electionTick: ELECTION_TICK,
    heartbeatTick: HEARTBEAT_TICK,
    maxInflightMsgs: 256,
    randomInt: () => 0,
    asyncStorageWrites: true,
    storage: MemoryStorage.load({
      hardState: EMPTY_HARD_STATE,
      snapshot: { metadata, data: EMPTY_BYTES },
      prevIndex: 0,
      prevTerm: 0,
      entries: [],
    }),
  })
  raft.becomeCandidate()
  raft.becomeLeader()
  for (const [id, match] of Object.entries(matches)) {
    const progress = raft.tracker.progress.get(Number(id))
    progress?.maybeUpdate(match)
    if (progress !== undefined) progress.recentActive = !silent.includes(Number(id))
  }
  return raft
}

describe('the heir of a leader whose disk hangs', () => {
  const five = { voters: [1, 2, 3, 4, 5] }

  it('is the voter that has most', () => {
    expect(heirOfStalled(leader(five, { 2: 1, 3: 3, 4: 2, 5: 0 }))).toBe(3)
  })

  it('is one that is heard of, if there is one', () => {
    expect(heirOfStalled(leader(five, { 2: 1, 3: 3, 4: 2, 5: 1 }, [3]))).toBe(4)
    expect(heirOfStalled(leader(five, { 2: 1, 3: 3, 4: 2 }, [2, 3, 4]))).toBe(3)
  })

  it('is nobody while no quorum without it has what it has not', () => {
    expect(heirOfStalled(leader(five, { 2: 1, 3: 3 }))).toBe(NONE)
    expect(heirOfStalled(leader({ voters: [1, 2, 3] }, { 2: 9 }))).toBe(NONE)
    expect(heirOfStalled(leader({ voters: [1, 2] }, { 2: 9 }))).toBe(NONE)
    expect(heirOfStalled(leader({ voters: [1] }, {}))).toBe(NONE)
  })

  it('is no learner, and learners are no quorum', () => {
    expect(heirOfStalled(leader({ voters: [1, 2, 3], learners: [4] }, { 2: 1, 3: 1, 4: 9 }))).toBe(2)
    expect(heirOfStalled(leader({ voters: [1, 2, 3], learners: [4] }, { 2: 1, 4: 9 }))).toBe(NONE)
  })

  it('needs both quorums while the membership changes, and stays a member', () => {
    const joint = { voters: [1, 2, 3], votersOutgoing: [1, 4, 5] }
    expect(heirOfStalled(leader(joint, { 2: 1, 3: 1, 4: 9 }))).toBe(NONE)
    expect(heirOfStalled(leader(joint, { 2: 1, 3: 2, 4: 9, 5: 9 }))).toBe(3)
  })

  it('is nobody at a member that does not lead', () => {
    const raft = leader(five, { 2: 1, 3: 3, 4: 2 })
    raft.becomeFollower(raft.term, NONE)
    expect(heirOfStalled(raft)).toBe(NONE)
  })
})

describe('a member whose disk hangs', () => {
  const stalled = (): Member => {
    const member = new Member({ id: 2, preVote: true })
    member.node.storageStalled(true)
    return member
  }

  it('does not campaign, whoever or whatever asks it to, until the disk answers', () => {
    const member = stalled()
    for (let i = 0; i < 4 * ELECTION_TICK; i++) member.node.tick()
    member.node.campaign()
    member.node.step(message(MsgType.timeoutNow, 2, 1))
    expect([member.node.status().role, member.node.status().term]).toEqual([Role.follower, 0])
    member.node.storageStalled(false)
    member.node.campaign()
    expect(member.node.status().role).toBe(Role.preCandidate)
  })
})
