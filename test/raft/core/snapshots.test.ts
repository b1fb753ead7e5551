/** Snapshots: when a leader sends them, what a follower does with them, and how both go on. */
import { describe, expect, it } from 'vitest'
import { type Message, MsgType, message } from '../../../src/raft/core/messages.js'
import {
  type ConfState,
  EMPTY_BYTES,
  EMPTY_CONF_STATE,
  type Index,
  Role,
  type Snapshot,
  type Term,
} from '../../../src/raft/core/types.js'
import { ELECTION_TICK, entriesFrom, Member, type MemberOptions } from './support/member.js'
import { Network } from './support/network.js'

function snapshotAt(index: Index, term: Term, confState: Partial<ConfState> = { voters: [1, 2, 3] }): Snapshot {
  return { metadata: { index, term, confState: { ...EMPTY_CONF_STATE, ...confState } }, data: EMPTY_BYTES }
}

const progressOf = (leader: Member, id: number) => String(leader.node.status().progress.get(id))

/** Leader 1 of members 1 and 2, whose log begins at 11: member 2, which has nothing, needs the snapshot at 10. */
function leaderWithCompactedLog(options: MemberOptions = {}): Member {
  const log = Array.from({ length: 10 }, () => 1)
  const leader = new Member({ voters: [1, 2], log, hardState: { term: 1, commit: 10 }, applied: 10, ...options })
  leader.compact(10)
  leader.win()
  return leader
}

/** Member 2 says that it has nothing before the place that is probed. */
function rejectAsEmpty(leader: Member): Message[] {
  return leader.receive(MsgType.appResp, 2, { index: 10, reject: true, rejectHint: 0 })
}

describe('a leader whose log is compacted', () => {
  it('sends a snapshot to a member that needs older entries, and then waits', () => {
    const leader = leaderWithCompactedLog()
    const sent = rejectAsEmpty(leader)
    const snapshot = snapshotAt(10, 1, { voters: [1, 2] })
    expect(sent).toEqual([message(MsgType.snap, 2, 1, { term: 2, snapshot })])
    expect(progressOf(leader, 2)).toBe('StateSnapshot match=0 next=11 paused pendingSnap=10')
    expect(leader.propose('more')).toEqual([])
    expect(leader.tick().map(({ type }) => type)).toEqual([MsgType.heartbeat])
    expect(leader.receive(MsgType.heartbeatResp, 2)).toEqual([])
  })

  it('sends none to a member until it hears from it again', () => {
    const leader = new Member({ checkQuorum: true })
    leader.winAndCommit()
    leader.propose('a')
    leader.receive(MsgType.appResp, 3, { index: 2 })
    // The quorum check forgets who was active.
    leader.tick(ELECTION_TICK)
    leader.node.reportUnreachable(2)
    leader.compact(2)
    expect(progressOf(leader, 2)).toBe('StateProbe match=1 next=2 inactive')
    expect(leader.propose('b').map(({ to }) => to)).toEqual([3])
    expect(leader.receive(MsgType.heartbeatResp, 2).map(({ type, to }) => [type, to])).toEqual([[MsgType.snap, 2]])
  })

  it('probes from behind the snapshot when told that it was sent', () => {
    const leader = leaderWithCompactedLog()
    rejectAsEmpty(leader)
    leader.node.reportSnapshot(2, true)
    expect(leader.run()).toEqual([])
    expect(progressOf(leader, 2)).toBe('StateProbe match=0 next=11 paused')
  })

  it('begins anew after a heartbeat when told that it failed', () => {
    const leader = leaderWithCompactedLog()
    rejectAsEmpty(leader)
    leader.node.reportSnapshot(2, false)
    expect(leader.run()).toEqual([])
    expect(progressOf(leader, 2)).toBe('StateProbe match=0 next=1 paused')
    expect(leader.receive(MsgType.heartbeatResp, 2).map(({ type }) => type)).toEqual([MsgType.snap])
  })

  it('ignores reports about a member that waits for no snapshot', () => {
    const leader = leaderWithCompactedLog()
    leader.receive(MsgType.appResp, 2, { index: 11 })
    const before = progressOf(leader, 2)
    leader.node.reportSnapshot(2, false)
    leader.run()
    expect(progressOf(leader, 2)).toBe(before)
  })

  it.each([
    { acked: 10, what: 'the snapshot', resumes: true },
    { acked: 11, what: 'more than the snapshot', resumes: true },
    { acked: 3, what: 'too little', resumes: false },
  ])('streams again when the member acknowledges $what: $resumes', ({ acked, resumes }) => {
    const leader = leaderWithCompactedLog()
    rejectAsEmpty(leader)
    leader.receive(MsgType.appResp, 2, { index: acked })
    expect(progressOf(leader, 2)).toMatch(resumes ? /^StateReplicate / : /^StateSnapshot /)
  })

  it('streams again as soon as its log reaches back to what the member has, whatever snapshot that came from', () => {
    const log = Array.from({ length: 10 }, () => 1)
    const leader = new Member({ voters: [1, 2], log, hardState: { term: 1, commit: 10 }, applied: 10 })
    leader.compact(5, 10)
    leader.win()
    rejectAsEmpty(leader)
    expect(progressOf(leader, 2)).toMatch(/pendingSnap=10/)
    leader.receive(MsgType.appResp, 2, { index: 4 })
    expect(progressOf(leader, 2)).toMatch(/^StateSnapshot match=4/)
    leader.receive(MsgType.appResp, 2, { index: 5 })
    expect(progressOf(leader, 2)).toMatch(/^StateReplicate match=5/)
  })

  it('brings a member that was away up to date with snapshot and log', () => {
    const network = Network.of(3)
    network.campaign(1)
    network.isolate(3)
    for (let i = 0; i < 100; i++) network.propose(1)
    network.member(1).compact(90)
    network.heal()
    network.tick(1)
    const { id, commit, entries, node } = network.member(3)
    expect([id, commit, entries.length, node.status().firstIndex]).toEqual([3, 101, 11, 91])
    expect(entries).toEqual(network.member(1).entries)
    network.propose(1)
    expect(network.member(3).commit).toBe(102)
  })
})

describe('a follower that is given a snapshot', () => {
  const give = (member: Member, snapshot: Snapshot, term = 2) => member.receive(MsgType.snap, 2, { term, snapshot })
  const ack = (index: Index) => [message(MsgType.appResp, 2, 1, { term: 2, index })]

  it('puts it in place of its whole log and takes its membership over', () => {
    const member = new Member({ log: [1, 1, 1], hardState: { term: 1 } })
    const confState = { voters: [1, 2, 4], learners: [5] }
    expect(give(member, snapshotAt(11, 2, confState))).toEqual(ack(11))
    expect(member.node.status()).toMatchObject({ firstIndex: 12, lastIndex: 11, commit: 11, applied: 11 })
    expect(member.node.status().confState).toEqual({ ...EMPTY_CONF_STATE, ...confState })
    expect(member.entries).toEqual([])
  })

  it('keeps no entries behind it from another leader', () => {
    const member = new Member({ log: [1, 1, 1, 1, 1, 1], hardState: { term: 1 } })
    give(member, snapshotAt(4, 2))
    expect([member.terms, member.node.status().lastIndex]).toEqual([[], 4])
  })

  it('keeps its log, and learns the commit index, if it has the entry already', () => {
    const member = new Member({ log: [1, 1, 1, 1], hardState: { term: 1, commit: 1 } })
    expect(give(member, snapshotAt(3, 1))).toEqual(ack(3))
    expect([member.terms, member.commit]).toEqual([[1, 1, 1, 1], 3])
  })

  it.each([2, 3])('ignores one at %i when it has committed 3', (index) => {
    const member = new Member({ log: [1, 1, 1], hardState: { term: 1, commit: 3 } })
    expect(give(member, snapshotAt(index, 2, { voters: [1, 7] }))).toEqual(ack(3))
    expect([member.commit, member.terms]).toEqual([3, [1, 1, 1]])
    expect(member.node.status().confState.voters).toEqual([1, 2, 3])
  })

  it('ignores one of a membership without it', () => {
    const member = new Member()
    expect(give(member, snapshotAt(11, 2, { voters: [2, 3] }))).toEqual(ack(0))
    expect([member.commit, member.node.status().lastIndex]).toEqual([0, 0])
  })

  it.each([
    { as: 'a learner', confState: { voters: [2, 3], learners: [1] } },
    { as: 'an outgoing voter', confState: { voters: [2, 3], votersOutgoing: [1, 2, 3] } },
  ])('takes one in which it is $as', ({ confState }) => {
    const member = new Member()
    expect(give(member, snapshotAt(11, 2, confState))).toEqual(ack(11))
    expect(member.node.status().confState).toMatchObject(confState)
  })

  it('is promoted or demoted by it', () => {
    const member = new Member({ voters: [2, 3], learners: [1] })
    expect(member.campaign()).toEqual([])
    give(member, snapshotAt(11, 2, { voters: [1, 2, 3] }))
    expect(member.campaign()).toHaveLength(2)
    member.receive(MsgType.heartbeat, 2, { term: 4 })
    give(member, snapshotAt(12, 2, { voters: [2, 3], learners: [1] }), 4)
    expect(member.campaign()).toEqual([])
  })

  it('does not campaign while it is being stored, and applies nothing else before it', () => {
    const member = new Member()
    member.node.step(message(MsgType.snap, 1, 2, { term: 1, snapshot: snapshotAt(11, 1) }))
    const entries = entriesFrom(12, [1])
    member.node.step(message(MsgType.app, 1, 2, { term: 1, index: 11, logTerm: 1, entries, commit: 12 }))
    member.node.campaign()
    expect(member.role).toBe(Role.follower)
    const ready = member.node.ready()
    expect(ready.snapshot).toEqual(snapshotAt(11, 1))
    expect(ready.entries).toEqual(entries)
    expect([ready.committedEntries, ready.mustSync]).toEqual([[], true])
    member.storage.applySnapshot(snapshotAt(11, 1))
    member.storage.append(ready.entries)
    member.node.advance()
    expect(member.node.status().applied).toBe(11)
    expect(member.node.ready().committedEntries).toEqual(entries)
  })

  it('takes another one before the first is stored', () => {
    const member = new Member()
    member.node.step(message(MsgType.snap, 1, 2, { term: 1, snapshot: snapshotAt(11, 1) }))
    const first = member.node.ready()
    member.node.step(message(MsgType.snap, 1, 2, { term: 1, snapshot: snapshotAt(20, 1) }))
    member.storage.applySnapshot(first.snapshot ?? snapshotAt(0, 0))
    member.node.advance()
    expect(member.node.ready().snapshot).toEqual(snapshotAt(20, 1))
    member.storage.applySnapshot(snapshotAt(20, 1))
    member.node.advance()
    expect(member.node.status()).toMatchObject({ commit: 20, applied: 20, firstIndex: 21 })
  })
})

it('a snapshot message that does not come from its leader makes a candidate follow', () => {
  const member = new Member()
  member.campaign()
  member.receive(MsgType.snap, 2, { term: 1, snapshot: snapshotAt(11, 1) })
  expect([member.role, member.lead, member.commit]).toEqual([Role.follower, 2, 11])
})
