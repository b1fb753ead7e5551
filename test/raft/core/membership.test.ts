/** Membership changes in a running group (thesis chapter 4). */
import { describe, expect, it } from 'vitest'
import { Refusal } from '../../../src/raft/core/errors.js'
import { type Message, MsgType } from '../../../src/raft/core/messages.js'
import { ConfChangeTransition, EntryType, type RaftId, Role } from '../../../src/raft/core/types.js'
import { bytesOf, Member, type MemberOptions } from './support/member.js'
import { Network } from './support/network.js'

const { jointExplicit, jointImplicit } = ConfChangeTransition
const confStateOf = (member: Member) => member.node.status().confState
const typesOf = (member: Member) => member.entries.map(({ type }) => type)
const { normal, confChangeV2 } = EntryType

/** Members 1 to 3 are voters. Members 4 and 5 run already, and know that they are not. Member 1 leads. */
function ledByOne(options: Omit<MemberOptions, 'id'> = {}): Network {
  const voters = [1, 2, 3]
  const network = new Network(...[1, 2, 3, 4, 5].map((id) => new Member({ ...options, id, voters })))
  network.campaign(1)
  return network
}

function change(network: Network, text: string, transition?: ConfChangeTransition): void {
  network.settle(network.member(1).proposeChange(text, transition))
}

function acceptFrom(leader: Member, ids: readonly RaftId[]): Message[] {
  const index = leader.node.status().lastIndex
  return ids.flatMap((from) => leader.receive(MsgType.appResp, from, { index }))
}

describe('a simple change', () => {
  it('adds a voter, which gets the log and counts from then on', () => {
    const network = ledByOne()
    change(network, 'v4')
    network.tick(1)
    for (const id of [1, 2, 3, 4]) expect(confStateOf(network.member(id)).voters).toEqual([1, 2, 3, 4])
    expect(network.member(4).entries).toEqual(network.member(1).entries)
    for (const id of [2, 3]) network.isolate(id)
    network.propose(1)
    expect(network.member(1).commit).toBe(2)
  })

  it('removes a voter; what waits for its acknowledgement may be committed then', () => {
    const leader = new Member({ voters: [1, 2] })
    leader.winAndCommit()
    const change = leader.proposeChange('r2')
    leader.propose('behind the change')
    expect(leader.commit).toBe(1)
    // Only the change itself is acknowledged. What is behind it needs nobody else any more.
    leader.accept(change[0] as Message)
    expect([leader.commit, confStateOf(leader).voters]).toEqual([3, [1]])
  })

  it('may be repeated, and changes nothing then', () => {
    const network = ledByOne()
    change(network, 'v4')
    change(network, 'v4')
    expect(confStateOf(network.member(1)).voters).toEqual([1, 2, 3, 4])
    expect(typesOf(network.member(1))).toEqual([normal, confChangeV2, confChangeV2])
  })

  it('is in force when it is applied, not before', () => {
    const leader = new Member()
    leader.winAndCommit()
    leader.proposeChange('r3')
    expect(confStateOf(leader).voters).toEqual([1, 2, 3])
    acceptFrom(leader, [2])
    expect(confStateOf(leader).voters).toEqual([1, 2])
  })
})

describe('a change is refused, and leaves an empty entry,', () => {
  it('while another one is not applied yet', () => {
    const leader = new Member()
    leader.winAndCommit()
    leader.proposeChange('r3')
    leader.proposeChange('v3')
    expect(typesOf(leader)).toEqual([normal, confChangeV2, normal])
    acceptFrom(leader, [2])
    leader.proposeChange('v3')
    expect(typesOf(leader)).toEqual([normal, confChangeV2, normal, confChangeV2])
  })

  it('by a new leader that has not applied all that it found in its log', () => {
    const leader = new Member({ log: [1], hardState: { term: 1 } })
    leader.win()
    leader.proposeChange('r3')
    expect(typesOf(leader)).toEqual([normal, normal, normal])
    acceptFrom(leader, [2])
    leader.proposeChange('r3')
    expect(typesOf(leader).at(-1)).toBe(confChangeV2)
  })

  it('in a joint configuration, unless it leaves that one', () => {
    const network = ledByOne()
    change(network, 'v4', jointExplicit)
    change(network, 'v5')
    expect(typesOf(network.member(1)).at(-1)).toBe(normal)
    change(network, '')
    expect(confStateOf(network.member(1))).toMatchObject({ voters: [1, 2, 3, 4], votersOutgoing: [] })
  })

  it('if it leaves a joint configuration that is not there', () => {
    const leader = new Member()
    leader.winAndCommit()
    leader.proposeChange('')
    expect(typesOf(leader)).toEqual([normal, normal])
  })

  it('but not where the caller vouches for it', () => {
    const leader = new Member({ disableConfChangeValidation: true })
    leader.winAndCommit()
    leader.proposeChange('r3')
    leader.proposeChange('r3')
    expect(typesOf(leader)).toEqual([normal, confChangeV2, confChangeV2])
  })
})

describe('a joint configuration', () => {
  it('is left by itself as soon as it is in force, once', () => {
    const network = ledByOne()
    change(network, 'r2 r3 v4 v5')
    for (const text of ['a', 'b', 'c']) network.propose(1, text)
    network.tick(1)
    const leader = network.member(1)
    expect(confStateOf(leader)).toMatchObject({ voters: [1, 4, 5], votersOutgoing: [], autoLeave: false })
    expect(typesOf(leader)).toEqual([normal, confChangeV2, confChangeV2, normal, normal, normal])
    for (const id of [4, 5]) expect(network.member(id).entries).toEqual(leader.entries)
  })

  it('is left once, although the leader tries with each entry that it applies', () => {
    const leader = new Member()
    leader.winAndCommit()
    leader.proposeChange('v4', jointImplicit)
    for (const text of ['a', 'b']) leader.propose(text)
    for (const index of [2, 3, 4]) for (const from of [2, 3]) leader.receive(MsgType.appResp, from, { index })
    expect(leader.node.status().applied).toBe(4)
    expect(typesOf(leader)).toEqual([normal, confChangeV2, normal, normal, confChangeV2])
    acceptFrom(leader, [2, 3])
    expect(confStateOf(leader)).toMatchObject({ voters: [1, 2, 3, 4], votersOutgoing: [] })
    leader.propose('c')
    acceptFrom(leader, [2, 3])
    expect(typesOf(leader)).toHaveLength(6)
  })

  it('needs majorities of both halves to commit', () => {
    const leader = new Member()
    leader.winAndCommit()
    leader.applyChange('r2 r3 v4 v5', jointExplicit)
    leader.propose('a')
    acceptFrom(leader, [4, 5])
    expect(leader.commit).toBe(1)
    acceptFrom(leader, [2])
    expect(leader.commit).toBe(2)
  })

  it('needs majorities of both halves to elect', () => {
    const member = new Member()
    member.applyChange('r2 r3 v4 v5', jointExplicit)
    expect(member.campaign().map(({ to }) => to)).toEqual([2, 3, 4, 5])
    for (const from of [4, 5]) member.receive(MsgType.voteResp, from)
    expect(member.role).toBe(Role.candidate)
    member.receive(MsgType.voteResp, 3)
    expect(member.role).toBe(Role.leader)
  })

  it('is left by the next leader when the one that entered it is lost', () => {
    const network = ledByOne()
    // Its followers learn that the change is committed, and the leader is gone before it can propose to leave.
    const [first] = network.member(1).proposeChange('v4', jointImplicit)
    const append = { ...(first as Message), commit: 2 }
    for (const id of [2, 3]) network.member(id).receive(MsgType.app, 1, { ...append, to: id })
    expect(confStateOf(network.member(2))).toMatchObject({ votersOutgoing: [1, 2, 3], autoLeave: true })
    network.isolate(1)
    network.campaign(2)
    network.tick(2)
    expect(network.leaders).toContain(2)
    expect(confStateOf(network.member(2))).toMatchObject({ voters: [1, 2, 3, 4], votersOutgoing: [] })
    expect(network.member(4).entries).toEqual(network.member(2).entries)
  })

  it('can be entered and left with no net change', () => {
    const network = ledByOne()
    change(network, 'u1', jointImplicit)
    expect(confStateOf(network.member(1))).toMatchObject({ voters: [1, 2, 3], votersOutgoing: [], autoLeave: false })
  })
})

describe('a leader that removes itself', () => {
  it('commits that without its own copy, and steps down if it is told to', () => {
    const network = ledByOne({ stepDownOnRemoval: true })
    change(network, 'r1')
    expect(network.leaders).toEqual([])
    expect(confStateOf(network.member(2)).voters).toEqual([2, 3])
    expect(network.member(1).campaign()).toEqual([])
    network.campaign(2)
    expect(network.leaders).toEqual([2])
  })

  it('otherwise leads on without proposing anything', () => {
    const network = ledByOne()
    change(network, 'r1')
    expect(network.leaders).toEqual([1])
    expect(network.member(1).node.propose(bytesOf('late'))).toBe(Refusal.proposalDropped)
  })

  it('does not count its own copy of what it has proposed before', () => {
    const leader = new Member()
    leader.winAndCommit()
    leader.proposeChange('r1')
    leader.propose('behind the change')
    leader.receive(MsgType.appResp, 2, { index: 2 })
    expect(confStateOf(leader).voters).toEqual([2, 3])
    leader.receive(MsgType.appResp, 2, { index: 3 })
    expect(leader.commit).toBe(2)
    leader.receive(MsgType.appResp, 3, { index: 3 })
    expect(leader.commit).toBe(3)
  })

  it('steps down, too, when it makes itself a learner', () => {
    const network = ledByOne({ stepDownOnRemoval: true })
    change(network, 'l1')
    expect(network.leaders).toEqual([])
    expect(confStateOf(network.member(2))).toMatchObject({ voters: [2, 3], learners: [1] })
  })
})
