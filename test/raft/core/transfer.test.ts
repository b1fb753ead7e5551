/** Leadership transfer (thesis 3.10). */
import { describe, expect, it } from 'vitest'
import { Refusal } from '../../../src/raft/core/errors.js'
import { MsgType, message } from '../../../src/raft/core/messages.js'
import { NONE, type RaftId, Role } from '../../../src/raft/core/types.js'
import { bytesOf, ELECTION_TICK, Member, type MemberOptions } from './support/member.js'
import { Network } from './support/network.js'

function ledByOne(options: Omit<MemberOptions, 'id' | 'voters'> = {}): Network {
  const network = Network.of(3, options)
  network.campaign(1)
  return network
}

/** Member 3 hears nothing, so that a transfer to it stays pending. */
function withPendingTransfer(): Network {
  const network = ledByOne()
  network.isolate(3)
  network.transfer(1, 3)
  expect(network.member(1).node.status().leadTransferee).toBe(3)
  return network
}

function expectLeader(network: Network, leader: RaftId): void {
  expect(network.leaders).toEqual([leader])
  expect(network.member(1).lead).toBe(leader)
  expect(network.member(1).node.status().leadTransferee).toBe(NONE)
}

describe('leadership', () => {
  it.each([
    { asked: 'the leader', first: 1, second: 2 },
    { asked: 'a follower', first: 2, second: 1 },
  ])('goes to an up-to-date member and back, when $asked is asked', ({ first, second }) => {
    const network = ledByOne()
    network.transfer(first, 2)
    expectLeader(network, 2)
    network.propose(1)
    network.transfer(second, 1)
    expectLeader(network, 1)
    expect(network.member(1).term).toBe(3)
  })

  it('goes over although all stand by the leader that they hear from, and skips the pre-vote', () => {
    const network = ledByOne({ checkQuorum: true, preVote: true })
    network.log.length = 0
    network.transfer(1, 2)
    expectLeader(network, 2)
    expect(network.log.filter(({ type }) => type === MsgType.preVote)).toEqual([])
    network.propose(2)
    network.transfer(2, 1)
    expectLeader(network, 1)
  })

  it('goes to a member that lags behind once it has caught up', () => {
    const network = ledByOne()
    network.isolate(3)
    network.propose(1)
    network.heal()
    network.transfer(1, 3)
    expectLeader(network, 3)
    expect(network.member(3).terms).toEqual([1, 1, 2])
  })

  it('goes to a member that needs a snapshot once it has it', () => {
    const network = ledByOne()
    network.isolate(3)
    network.propose(1)
    network.member(1).compact(2)
    network.heal()
    network.transfer(1, 3)
    expectLeader(network, 3)
    expect(network.log.some(({ type }) => type === MsgType.snap)).toBe(true)
  })

  it.each([
    { to: 'itself', target: 1 },
    { to: 'nobody that is known', target: 4 },
  ])('stays when it is to go to $to', ({ target }) => {
    const network = ledByOne()
    network.transfer(1, target)
    expectLeader(network, 1)
    expect(network.member(1).term).toBe(1)
  })

  it('does not go to a learner', () => {
    const network = new Network(
      new Member({ id: 1, voters: [1], learners: [2] }),
      new Member({ id: 2, voters: [1], learners: [2] }),
    )
    network.campaign(1)
    network.transfer(1, 2)
    expectLeader(network, 1)
    // The leader's order may still be on its way when a member becomes a learner.
    network.inject(MsgType.timeoutNow, 2, 1, { term: 1 })
    expect([network.member(2).role, network.member(2).term]).toEqual([Role.follower, 1])
  })

  it('is not taken by a member that was removed, whatever votes it gets', () => {
    const removed = new Member({ id: 1, voters: [2, 3, 4], hardState: { term: 1 } })
    expect(removed.receive(MsgType.timeoutNow, 2)).toEqual([])
    removed.receive(MsgType.voteResp, 2)
    removed.receive(MsgType.voteResp, 3)
    expect([removed.role, removed.term]).toEqual([Role.follower, 1])
  })
})

describe('a transfer that is pending', () => {
  it('is given up after an election timeout', () => {
    const network = withPendingTransfer()
    network.tick(1, ELECTION_TICK - 1)
    expect(network.member(1).node.status().leadTransferee).toBe(3)
    network.tick(1)
    expectLeader(network, 1)
  })

  it('lets no proposals in, and lets them in again afterwards', () => {
    const network = withPendingTransfer()
    const { node } = network.member(1)
    expect(node.propose(bytesOf('refused'))).toBe(Refusal.proposalDropped)
    expect(network.member(1).terms).toEqual([1])
    network.tick(1, ELECTION_TICK)
    expect(node.propose(bytesOf('accepted'))).toBeNull()
  })

  it('ends with the term', () => {
    const network = withPendingTransfer()
    network.campaign(2)
    expectLeader(network, 2)
    expect(network.member(1).term).toBe(2)
  })

  it('ends when leadership is asked back', () => {
    const network = withPendingTransfer()
    network.transfer(1, 1)
    expectLeader(network, 1)
  })

  it('gives way to a transfer to somebody else', () => {
    const network = withPendingTransfer()
    network.transfer(1, 2)
    expectLeader(network, 2)
  })

  it('is not prolonged by another request for the same', () => {
    const network = withPendingTransfer()
    network.tick(1, ELECTION_TICK / 2)
    network.transfer(1, 3)
    network.tick(1, ELECTION_TICK / 2)
    expectLeader(network, 1)
  })

  it.each(['r3', 'l3'])('ends when its target is removed or demoted (%s)', (change) => {
    const network = ledByOne()
    network.ignore(MsgType.timeoutNow)
    const leader = network.member(1)
    const appends = leader.proposeChange(change)
    // The change is in the log but not committed yet.
    leader.node.transferLeader(3)
    leader.run()
    expect(leader.node.status().leadTransferee).toBe(3)
    network.settle(appends)
    expectLeader(network, 1)
    expect(leader.node.status().confState.voters).toEqual([1, 2])
  })
})

it('orders the target to campaign only when it has the whole log', () => {
  const leader = new Member()
  leader.winAndCommit()
  const [append] = leader.propose('late')
  leader.node.transferLeader(2)
  expect(leader.run().map(({ type }) => type)).not.toContain(MsgType.timeoutNow)
  const sent = leader.accept(append ?? message(MsgType.app, 2))
  expect(sent.filter(({ type }) => type === MsgType.timeoutNow)).toEqual([
    message(MsgType.timeoutNow, 2, 1, { term: 1 }),
  ])
})
