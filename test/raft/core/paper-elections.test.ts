/** The Raft paper, sections 5.1 and 5.2: terms and elections. One test for each sentence that can be tested. */
import { describe, expect, it } from 'vitest'
import { MsgType, message } from '../../../src/raft/core/messages.js'
import { type RaftId, Role } from '../../../src/raft/core/types.js'
import { ELECTION_TICK, Member, seededInt } from './support/member.js'

/** Members in term 1 in each role, as they got there by themselves. */
const inRole = {
  follower: (options = {}) => {
    const member = new Member(options)
    member.receive(MsgType.heartbeat, member.id === 2 ? 3 : 2, { term: 1 })
    return member
  },
  candidate: (options = {}) => {
    const member = new Member(options)
    member.campaign()
    return member
  },
  leader: (options = {}) => {
    const member = new Member(options)
    member.win()
    return member
  },
} as const
const roles = ['follower', 'candidate', 'leader'] as const

describe('terms (5.1)', () => {
  it.each(roles)('a %s that sees a higher term takes it over and is a follower', (role) => {
    const member = inRole[role]()
    expect(member.term).toBe(1)
    member.receive(MsgType.app, 2, { term: 2 })
    expect([member.term, member.role]).toEqual([2, Role.follower])
    expect(member.storage.initialState().hardState).toMatchObject({ term: 2, vote: 0 })
  })

  it('a message of an older term is not acted upon', () => {
    const member = new Member({ hardState: { term: 2 } })
    const entries = [{ term: 1, index: 1, type: 0, data: new Uint8Array(1) } as const]
    expect(member.receive(MsgType.app, 2, { term: 1, entries })).toEqual([])
    expect(member.receive(MsgType.vote, 2, { term: 1, index: 9, logTerm: 9 })).toEqual([])
    expect([member.term, member.lead, member.entries]).toEqual([2, 0, []])
  })
})

describe('elections (5.2)', () => {
  it('a member starts as a follower', () => {
    expect(new Member().role).toBe(Role.follower)
    expect(new Member({ hardState: { term: 5, vote: 1 } }).role).toBe(Role.follower)
  })

  it('a leader sends heartbeats without entries to all, in each heartbeat interval', () => {
    const member = new Member({ heartbeatTick: 3 })
    member.win()
    for (let i = 0; i < 10; i++) member.propose('entry')
    expect(member.tick(2)).toEqual([])
    expect(member.tick()).toEqual([2, 3].map((to) => message(MsgType.heartbeat, to, 1, { term: 1 })))
    expect(member.tick(2)).toEqual([])
    expect(member.tick()).toHaveLength(2)
  })

  it.each(['follower', 'candidate'] as const)(
    'a %s that hears from no leader for an election timeout asks all for their votes, in a new term',
    (role) => {
      const member = inRole[role]()
      expect(member.tick(ELECTION_TICK - 1)).toEqual([])
      const sent = member.tick()
      expect([member.term, member.role]).toEqual([2, Role.candidate])
      expect(sent).toEqual([2, 3].map((to) => message(MsgType.vote, to, 1, { term: 2 })))
      // It votes for itself, and says so on disk before anybody hears of it.
      expect(member.storage.initialState().hardState).toMatchObject({ term: 2, vote: 1 })
    },
  )

  it.each([
    { size: 1, yes: [], no: [], ends: 'leader' },
    { size: 3, yes: [2, 3], no: [], ends: 'leader' },
    { size: 3, yes: [2], no: [], ends: 'leader' },
    { size: 5, yes: [2, 3, 4, 5], no: [], ends: 'leader' },
    { size: 5, yes: [2, 3, 4], no: [], ends: 'leader' },
    { size: 5, yes: [2, 3], no: [], ends: 'leader' },
    { size: 3, yes: [], no: [2, 3], ends: 'follower' },
    { size: 5, yes: [], no: [2, 3, 4, 5], ends: 'follower' },
    { size: 5, yes: [2], no: [3, 4, 5], ends: 'follower' },
    { size: 3, yes: [], no: [], ends: 'candidate' },
    { size: 5, yes: [2], no: [], ends: 'candidate' },
    { size: 5, yes: [], no: [2, 3], ends: 'candidate' },
    { size: 5, yes: [], no: [], ends: 'candidate' },
  ] as const)('with $size members, votes of $yes and refusals of $no it ends as $ends', ({ size, yes, no, ends }) => {
    const member = new Member({ voters: [1, 2, 3, 4, 5].slice(0, size) })
    member.campaign()
    for (const from of yes) member.receive(MsgType.voteResp, from)
    for (const from of no) member.receive(MsgType.voteResp, from, { reject: true })
    expect([member.role, member.term]).toEqual([Role[ends], 1])
  })

  it('a vote that arrives twice counts once', () => {
    const member = new Member({ voters: [1, 2, 3, 4, 5] })
    member.campaign()
    for (let i = 0; i < 5; i++) member.receive(MsgType.voteResp, 2)
    expect(member.role).toBe(Role.candidate)
  })

  it.each([
    { vote: 0, candidate: 2, granted: true },
    { vote: 0, candidate: 3, granted: true },
    { vote: 2, candidate: 2, granted: true },
    { vote: 3, candidate: 3, granted: true },
    { vote: 2, candidate: 3, granted: false },
    { vote: 3, candidate: 2, granted: false },
  ])('one vote per term: after a vote for $vote, $candidate gets one: $granted', ({ vote, candidate, granted }) => {
    const member = new Member({ hardState: { term: 1, vote } })
    const answer = message(MsgType.voteResp, candidate, 1, { term: 1, reject: !granted })
    expect(member.receive(MsgType.vote, candidate)).toEqual([answer])
    expect(member.storage.initialState().hardState.vote).toBe(granted ? candidate : vote)
  })

  it.each([1, 2])('a candidate in term 1 follows a leader that it hears of in term %i', (term) => {
    const candidate = inRole.candidate()
    candidate.receive(MsgType.app, 2, { term })
    expect([candidate.role, candidate.term, candidate.lead]).toEqual([Role.follower, term, 2])
  })

  it.each(['follower', 'candidate'] as const)('the timeout of a %s is anything from one to two intervals', (role) => {
    const timeouts = new Set<number>()
    for (let drawn = 0; drawn < ELECTION_TICK; drawn++) {
      const member = inRole[role]({ randomInt: () => drawn })
      let ticks = 1
      while (member.tick().length === 0) ticks++
      timeouts.add(ticks)
    }
    expect([...timeouts]).toEqual(Array.from({ length: ELECTION_TICK }, (_, i) => ELECTION_TICK + i))
  })

  it.each(['follower', 'candidate'] as const)('a %s draws a new timeout in each term', (role) => {
    const drawn: number[] = []
    const randomInt = (bound: number) => {
      drawn.push(bound)
      return 0
    }
    const member = inRole[role]({ randomInt })
    const before = drawn.length
    member.receive(MsgType.heartbeat, 3, { term: 2 })
    member.tick(ELECTION_TICK)
    expect(drawn.length).toBeGreaterThanOrEqual(before + 2)
    expect(new Set(drawn)).toEqual(new Set([ELECTION_TICK]))
  })

  it.each(['follower', 'candidate'] as const)('of five members that are a %s, mostly one times out first', (role) => {
    const seed = Date.now() >>> 0
    const randomInt = seededInt(seed)
    const voters: RaftId[] = [1, 2, 3, 4, 5]
    const rounds = 400
    let conflicts = 0
    for (let round = 0; round < rounds; round++) {
      const members = voters.map((id) => inRole[role]({ id, voters, randomInt }))
      let timedOut = 0
      while (timedOut === 0) timedOut = members.filter((member) => member.tick().length > 0).length
      if (timedOut > 1) conflicts++
    }
    // With ten ticks to draw from, five members conflict in about one of four rounds.
    expect(conflicts / rounds, `seed ${seed}`).toBeLessThan(0.35)
  })
})
