/** CheckQuorum and PreVote: what keeps members that are cut off, removed or behind from disturbing a working leader. */
import { describe, expect, it } from 'vitest'
import { MsgType, message } from '../../../src/raft/core/messages.js'
import { Role } from '../../../src/raft/core/types.js'
import { ELECTION_TICK, Member } from './support/member.js'
import { Network } from './support/network.js'

const roles = (network: Network) => network.members.map(({ role }) => role)
const terms = (network: Network) => network.members.map(({ term }) => term)
const { follower, preCandidate, candidate, leader } = Role

describe('a leader with CheckQuorum', () => {
  it('leads on while it hears from a quorum', () => {
    const member = new Member({ checkQuorum: true })
    member.win()
    for (let tick = 0; tick < 3 * ELECTION_TICK; tick++) {
      member.receive(MsgType.heartbeatResp, 2)
      member.tick()
    }
    expect(member.role).toBe(leader)
  })

  it('steps down in its term when it has heard from no quorum for an election timeout', () => {
    const member = new Member({ checkQuorum: true })
    member.win()
    member.tick(ELECTION_TICK - 1)
    expect(member.role).toBe(leader)
    member.tick()
    expect([member.role, member.term, member.lead]).toEqual([follower, 1, 0])
  })

  it('does not count learners as a quorum', () => {
    const member = new Member({ checkQuorum: true, learners: [4, 5] })
    member.win()
    for (let tick = 0; tick < ELECTION_TICK; tick++) {
      member.receive(MsgType.heartbeatResp, 4)
      member.receive(MsgType.heartbeatResp, 5)
      member.tick()
    }
    expect(member.role).toBe(follower)
  })

  it('does not step down because of a member that has just been added', () => {
    const member = new Member({ checkQuorum: true, voters: [1] })
    member.winAndCommit()
    // Its check comes with the next tick: the new member has no time to be heard from.
    member.tick(ELECTION_TICK - 1)
    member.applyChange('v2')
    member.tick()
    expect(member.role).toBe(leader)
    member.tick(ELECTION_TICK)
    expect(member.role).toBe(follower)
  })
})

describe('followers with CheckQuorum', () => {
  it('stand by a leader that they have heard from within an election timeout, and no longer', () => {
    const network = Network.of(3, { checkQuorum: true, randomInt: () => ELECTION_TICK - 1 })
    network.campaign(1)
    network.campaign(3)
    expect(roles(network)).toEqual([leader, follower, candidate])
    expect(terms(network)).toEqual([1, 1, 2])

    network.cut(1, 2)
    network.member(2).tick(ELECTION_TICK)
    network.campaign(3)
    expect(network.member(3).role).toBe(leader)
    expect(network.member(2).lead).toBe(3)
  })

  it('free a candidate with a higher term by their answers to the old leader', () => {
    const network = Network.of(3, { checkQuorum: true })
    network.campaign(1)
    network.isolate(1)
    network.campaign(3)
    network.campaign(3)
    expect(roles(network)).toEqual([leader, follower, candidate])
    expect(terms(network)).toEqual([1, 1, 3])

    network.heal()
    // Late, and of a lower term: it is answered, and the answer deposes the leader.
    network.inject(MsgType.heartbeat, 3, 1, { term: 1 })
    expect(roles(network)).toEqual([follower, follower, candidate])
    expect(network.member(1).term).toBe(3)
    network.campaign(3)
    expect(network.leaders).toEqual([3])
  })

  it('stop standing by a silent leader in time even if they may not campaign themselves', () => {
    const learner = new Member({ id: 2, voters: [1, 3], learners: [2], checkQuorum: true })
    learner.receive(MsgType.heartbeat, 1, { term: 1 })
    const askForVote = () => learner.receive(MsgType.vote, 3, { term: 2, index: 9, logTerm: 1 })
    learner.tick(ELECTION_TICK - 1)
    expect(askForVote()).toEqual([])
    learner.tick(2 * ELECTION_TICK + 1)
    expect(askForVote()).toEqual([message(MsgType.voteResp, 3, 2, { term: 2 })])
  })

  it('follow a leader that counts on them although they know themselves to be removed', () => {
    const network = new Network(
      new Member({ id: 1, voters: [1, 2], checkQuorum: true }),
      new Member({ id: 2, voters: [1], checkQuorum: true }),
    )
    network.member(2).tick(2 * ELECTION_TICK)
    expect(network.member(2).role).toBe(follower)
    network.campaign(1)
    expect(roles(network)).toEqual([leader, follower])
    expect(network.member(2).lead).toBe(1)
  })
})

describe('PreVote', () => {
  it('keeps the term of a member that cannot win', () => {
    const network = Network.of(3, { preVote: true })
    network.campaign(1)
    network.isolate(3)
    network.tick(3, 10 * ELECTION_TICK)
    expect([network.member(3).role, network.member(3).term]).toEqual([preCandidate, 1])
    network.propose(1)
    network.heal()
    network.campaign(3)
    expect(roles(network)).toEqual([leader, follower, follower])
    expect(terms(network)).toEqual([1, 1, 1])
  })

  it('lets a member that can win become a candidate at once', () => {
    const network = Network.of(3, { preVote: true })
    network.campaign(2)
    expect(roles(network)).toEqual([follower, leader, follower])
    expect(terms(network)).toEqual([1, 1, 1])
  })

  it('with CheckQuorum, is refused by members that hear from a leader', () => {
    const network = Network.of(3, { preVote: true, checkQuorum: true })
    network.campaign(1)
    network.cut(1, 3)
    network.campaign(3)
    expect(roles(network)).toEqual([leader, follower, preCandidate])
    // A member that asks for itself no longer hears from a leader, and two that ask can elect one of them.
    network.isolate(1)
    network.campaign(2)
    expect(network.leaders).toContain(2)
  })

  it('changes neither term nor vote of those who grant it, so they can grant it to many', () => {
    const voter = new Member({ voters: [1, 2, 3, 4], hardState: { term: 3, vote: 4 }, preVote: true })
    for (const from of [2, 3]) {
      const sent = voter.receive(MsgType.preVote, from, { term: 4 })
      expect(sent).toEqual([message(MsgType.preVoteResp, from, 1, { term: 4 })])
    }
    expect(voter.storage.initialState().hardState).toEqual({ term: 3, vote: 4, commit: 0 })
  })

  it('is refused explicitly, at its own term, by a member with a higher term', () => {
    const voter = new Member({ hardState: { term: 5 }, preVote: true })
    const sent = voter.receive(MsgType.preVote, 2, { term: 3, index: 9, logTerm: 3 })
    expect(sent).toEqual([message(MsgType.preVoteResp, 2, 1, { term: 5, reject: true })])
  })

  it('that is refused at a higher term makes the asking member follow in that term', () => {
    const asking = new Member({ hardState: { term: 2 }, preVote: true })
    asking.campaign()
    asking.receive(MsgType.preVoteResp, 2, { term: 5, reject: true })
    expect([asking.role, asking.term]).toEqual([follower, 5])
  })

  it('leads to a leader in the round after a split vote', () => {
    const network = Network.of(3, { preVote: true })
    network.campaign(1)
    network.isolate(1)
    // Both ask before either is answered.
    network.settle([...network.member(2).campaign(), ...network.member(3).campaign()])
    expect(roles(network).slice(1)).toEqual([candidate, candidate])
    expect(terms(network).slice(1)).toEqual([2, 2])
    network.campaign(2)
    expect(roles(network).slice(1)).toEqual([leader, follower])
    expect(network.member(2).term).toBe(3)
  })

  it('elects the member that lagged in term, when the leader is lost as it comes back', () => {
    const network = Network.of(3, { preVote: true })
    network.isolate(3)
    network.campaign(1)
    network.campaign(3)
    network.campaign(2)
    expect(roles(network)).toEqual([follower, leader, preCandidate])
    expect(terms(network)).toEqual([2, 2, 0])
    network.heal()
    network.isolate(2)
    network.campaign(3)
    network.campaign(1)
    expect(network.leaders).toContain(1)
  })

  it.each([false, true])('elects one while not all members use it (again: %s)', (again) => {
    const options = { voters: [1, 2, 3], hardState: { term: 1 } }
    const cutOff = new Member({ ...options, id: 3 })
    const network = new Network(
      new Member({ ...options, id: 1, preVote: true }),
      new Member({ ...options, id: 2, preVote: true }),
      cutOff,
    )
    network.campaign(1)
    network.isolate(3)
    network.propose(1)
    // Without pre-votes, it raises its term each time.
    network.campaign(3)
    network.campaign(3)
    expect(terms(network)).toEqual([2, 2, 4])
    network.heal()
    network.isolate(1)
    if (again) network.campaign(3)
    network.campaign(2)
    network.campaign(2)
    expect(network.leaders).toContain(2)
    expect(network.member(2).term).toBeGreaterThan(4)
    expect(cutOff.role).toBe(follower)
  })
})
