/** Elections beyond the paper's own words: old logs, split votes, late answers, learners, unapplied membership changes. */
import { describe, expect, it } from 'vitest'
import { MsgType, message } from '../../../src/raft/core/messages.js'
import {
  ConfChangeTransition,
  EMPTY_BYTES,
  EntryType,
  type RaftId,
  Role,
  type Term,
} from '../../../src/raft/core/types.js'
import { parseConfChanges } from '../../scenarios/notation.js'
import { ELECTION_TICK, entriesFrom, Member, type MemberOptions } from './support/member.js'
import { Network } from './support/network.js'

const { follower, preCandidate, candidate, leader } = Role
const bothKinds = [false, true]

describe('an election', () => {
  it.each(bothKinds)('can be won by each member in turn (PreVote: %s)', (preVote) => {
    const network = Network.of(3, { preVote })
    for (const [round, id] of [1, 2, 3, 1].entries()) {
      network.campaign(id)
      expect(network.leaders).toEqual([id])
      expect(network.members.map(({ term, lead }) => ({ term, lead }))).toEqual(
        network.members.map(() => ({ term: round + 1, lead: id })),
      )
    }
  })

  it.each(bothKinds)('of a single member is over at once (PreVote: %s)', (preVote) => {
    const member = new Member({ voters: [1], preVote })
    member.campaign()
    expect([member.role, member.commit]).toEqual([leader, 1])
  })

  it.each(bothKinds)('is won with the members that can be reached, if they are a majority (PreVote: %s)', (preVote) => {
    const network = Network.of(5, { preVote })
    for (const id of [4, 5]) network.isolate(id)
    network.campaign(1)
    expect(network.leaders).toEqual([1])
    network.isolate(3)
    network.campaign(2)
    expect(network.leaders).not.toContain(2)
  })

  it('is lost to those with newer entries, and replaces such as no majority has', () => {
    // 1 and 2 have an entry of term 1, 3 one of term 2 that only it has; 4 and 5 voted for 3 and have nothing.
    const voters = [1, 2, 3, 4, 5]
    const logs: Term[][] = [[1], [1], [2], [], []]
    const hardState = (id: RaftId) => (id < 3 ? { term: 1 } : { term: 2, vote: 3 })
    const network = new Network(
      ...voters.map((id, i) => new Member({ id, voters, log: logs[i] ?? [], hardState: hardState(id) })),
    )
    network.campaign(1)
    // 3, 4 and 5 have voted in term 2 already.
    expect([network.member(1).role, network.member(1).term]).toEqual([follower, 2])
    network.campaign(1)
    expect([network.member(1).role, network.member(1).term]).toEqual([leader, 3])
    for (const member of network.members) expect(member.terms).toEqual([1, 3])
  })

  it('between two candidates ends with the one that has the votes; the other yields when it hears of it', () => {
    const network = Network.of(3)
    network.cut(1, 3)
    network.campaign(1)
    network.campaign(3)
    expect(network.members.map(({ role }) => role)).toEqual([leader, follower, candidate])
    network.heal()
    // The shorter log cannot win, but its term ends the other's leadership.
    network.campaign(3)
    expect(network.members.map(({ role, term }) => [role, term])).toEqual([
      [follower, 2],
      [follower, 2],
      [follower, 2],
    ])
  })

  it('does not disturb a leader when a pre-candidate has the shorter log', () => {
    const network = Network.of(3, { preVote: true })
    network.cut(1, 3)
    network.campaign(1)
    network.campaign(3)
    network.heal()
    network.campaign(3)
    expect(network.members.map(({ role, term }) => [role, term])).toEqual([
      [leader, 1],
      [follower, 1],
      [follower, 1],
    ])
  })

  it('is not started by a leader', () => {
    const member = new Member()
    member.win()
    expect(member.campaign()).toEqual([])
    expect([member.role, member.term]).toEqual([leader, 1])
  })
})

describe('a vote', () => {
  const asRole: Record<string, (options: MemberOptions) => Member> = {
    follower: (options) => new Member(options),
    candidate: (options) => {
      const member = new Member(options)
      member.campaign()
      return member
    },
    leader: (options) => {
      const member = new Member(options)
      member.win()
      return member
    },
  }

  it.each(Object.keys(asRole))('is given by a %s to a candidate of a higher term with a good log', (role) => {
    const member = (asRole[role] as (options: MemberOptions) => Member)({})
    const term = member.term + 1
    const sent = member.receive(MsgType.vote, 2, { term, index: 9, logTerm: member.term })
    expect(sent).toContainEqual(message(MsgType.voteResp, 2, 1, { term }))
    expect([member.role, member.term, member.node.status().vote]).toEqual([follower, term, 2])
  })

  it.each(Object.keys(asRole))('is promised by a %s to a pre-candidate without any change of its own', (role) => {
    const member = (asRole[role] as (options: MemberOptions) => Member)({})
    const before = { ...member.node.status(), progress: null }
    const sent = member.receive(MsgType.preVote, 2, { term: member.term + 1, index: 9, logTerm: member.term })
    expect(sent).toEqual([message(MsgType.preVoteResp, 2, 1, { term: member.term + 1 })])
    expect({ ...member.node.status(), progress: null }).toEqual(before)
  })

  it('is given by a learner, which may have been made a voter without knowing it', () => {
    const learner = new Member({ id: 2, voters: [1, 3], learners: [2] })
    const sent = learner.receive(MsgType.vote, 1, { term: 2, index: 9, logTerm: 1 })
    expect(sent).toEqual([message(MsgType.voteResp, 1, 2, { term: 2 })])
  })

  it('is refused in a term whose leader is known', () => {
    const member = new Member()
    member.receive(MsgType.heartbeat, 2, { term: 1 })
    const sent = member.receive(MsgType.vote, 3, { term: 1, index: 9, logTerm: 9 })
    expect(sent).toEqual([message(MsgType.voteResp, 3, 1, { term: 1, reject: true })])
  })

  it.each([MsgType.vote, MsgType.preVote])(
    'that is refused does not delay the own campaign (message type %s)',
    (type) => {
      const member = new Member({ log: [1, 1], hardState: { term: 1 } })
      member.tick(ELECTION_TICK - 1)
      member.receive(type, 2, { term: 1, index: 1, logTerm: 1 })
      expect(member.role).toBe(follower)
      member.tick()
      expect(member.role).toBe(candidate)
    },
  )

  it('is on disk before the answer leaves', () => {
    const member = new Member()
    member.node.step(message(MsgType.vote, 1, 2, { term: 1 }))
    const ready = member.node.ready()
    expect(ready).toMatchObject({ mustSync: true, hardState: { term: 1, vote: 2 } })
    expect(ready.messages.map(({ type }) => type)).toEqual([MsgType.voteResp])
  })

  it('survives a restart within its term', () => {
    const member = new Member({ hardState: { term: 1, vote: 2 } })
    const sent = member.receive(MsgType.vote, 3, { term: 1, index: 9, logTerm: 9 })
    expect(sent).toEqual([message(MsgType.voteResp, 3, 1, { term: 1, reject: true })])
  })
})

describe("a candidate's own vote", () => {
  it.each(bothKinds)('that becomes durable after the election is lost counts for nothing (PreVote: %s)', (preVote) => {
    const member = new Member({ preVote })
    member.node.campaign()
    member.node.ready()
    member.node.step(message(MsgType.heartbeat, 1, 2, { term: 1 }))
    expect(member.role).toBe(follower)
    member.node.advance()
    member.run()
    expect([member.role, member.lead]).toEqual([follower, 2])
  })

  it('of the pre-vote does not count in the election that follows, and its real one does', () => {
    const member = new Member({ preVote: true })
    member.node.campaign()
    member.node.ready()
    for (const from of [2, 3]) member.node.step(message(MsgType.preVoteResp, 1, from, { term: 1 }))
    expect(member.role).toBe(candidate)
    member.node.advance()
    expect(member.role).toBe(candidate)
    // One other vote is no majority as long as its own is not durable.
    member.node.step(message(MsgType.voteResp, 1, 2, { term: 1 }))
    expect(member.role).toBe(candidate)
    member.run()
    expect(member.role).toBe(leader)
  })
})

it('late votes for a candidate do not count as pre-votes in its next attempt', () => {
  const member = new Member({ preVote: true })
  member.campaign()
  for (const from of [2, 3]) member.receive(MsgType.preVoteResp, from, { term: 1 })
  expect([member.role, member.term]).toEqual([candidate, 1])
  member.campaign()
  expect([member.role, member.term]).toEqual([preCandidate, 1])
  for (const from of [2, 3]) member.receive(MsgType.voteResp, from)
  expect([member.role, member.term]).toEqual([preCandidate, 1])
})

describe('messages of an older term', () => {
  it('from a leader that was deposed change nothing', () => {
    const network = Network.of(3)
    network.campaign(1)
    network.campaign(2)
    network.campaign(1)
    network.inject(MsgType.app, 1, 2, { term: 2, index: 2, logTerm: 2, entries: entriesFrom(3, [2]) })
    expect(network.member(1).role).toBe(leader)
    network.propose(1)
    for (const member of network.members) expect([member.terms, member.commit]).toEqual([[1, 2, 3, 3], 4])
  })

  it('that acknowledge its own entries do not make a deposed leader lead again', () => {
    const member = new Member()
    member.win()
    member.node.propose(new Uint8Array(1))
    member.node.ready()
    member.node.step(message(MsgType.heartbeat, 1, 2, { term: 2 }))
    member.node.advance()
    member.run()
    expect([member.role, member.term, member.commit]).toEqual([follower, 2, 0])
  })
})

describe('a learner', () => {
  const pair = () => [1, 2].map((id) => new Member({ id, voters: [1], learners: [2] })) as [Member, Member]

  it('never campaigns, neither by its clock nor on request', () => {
    const [, learner] = pair()
    expect(learner.tick(3 * ELECTION_TICK)).toEqual([])
    expect(learner.campaign()).toEqual([])
    expect(learner.role).toBe(follower)
  })

  it('gets the log, does not count for commitment, and can win once it is promoted', () => {
    const network = new Network(...pair())
    network.campaign(1)
    network.cut(1, 2)
    network.propose(1)
    // The only voter has it.
    expect(network.member(1).commit).toBe(2)
    network.heal()
    network.tick(1)
    expect(network.member(2).terms).toEqual([1, 1])

    network.settle(network.member(1).proposeChange('v2'))
    expect(network.member(2).node.status().confState).toMatchObject({ voters: [1, 2], learners: [] })
    network.campaign(2)
    expect(network.leaders).toEqual([2])
    expect(network.member(1).term).toBe(2)
  })
})

describe('a member with a membership change that is committed and not applied', () => {
  it.each([EntryType.confChange, EntryType.confChangeV2])('does not campaign (entry type %i)', (type) => {
    const network = Network.of(3)
    network.campaign(1)
    const { node } = network.member(1)
    node.proposeConfChange(
      { transition: ConfChangeTransition.auto, changes: parseConfChanges('r3'), context: EMPTY_BYTES },
      type,
    )
    const append = network
      .member(1)
      .run()
      .find(({ to }) => to === 2)
    const member = network.member(2)
    member.receive(MsgType.app, 1, { ...append, commit: 1 })

    // It learns of the commitment, and has handed nothing out to be applied yet.
    member.node.step(message(MsgType.heartbeat, 2, 1, { term: 1, commit: 2 }))
    member.node.campaign()
    expect(member.role).toBe(follower)
    for (let tick = 0; tick < 2 * ELECTION_TICK; tick++) member.node.tick()
    member.node.step(message(MsgType.timeoutNow, 2, 1, { term: 1 }))
    expect([member.role, member.term]).toEqual([follower, 1])

    member.run()
    expect(member.node.status().confState.voters).toEqual([1, 2])
    member.campaign()
    expect([member.role, member.term]).toEqual([candidate, 2])
  })
})

it('a pre-candidate that fails is a follower of nobody, in its old term', () => {
  const member = new Member({ preVote: true, hardState: { term: 4 } })
  member.campaign()
  expect(member.role).toBe(preCandidate)
  for (const from of [2, 3]) member.receive(MsgType.preVoteResp, from, { reject: true })
  expect([member.role, member.term, member.lead]).toEqual([follower, 4, 0])
})
