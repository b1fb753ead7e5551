/** The Raft paper, section 5.3: log replication. */
import { describe, expect, it } from 'vitest'
import { MsgType, message } from '../../../src/raft/core/messages.js'
import type { RaftId, Term } from '../../../src/raft/core/types.js'
import { entriesFrom, entry, Member, textOf } from './support/member.js'
import { Network } from './support/network.js'

describe('the leader (5.3)', () => {
  it('stores a proposal and sends it to all, with the entry before it', () => {
    const leader = new Member()
    leader.winAndCommit()
    const appends = leader.propose('some data')
    const entries = [entry(1, 2, 'some data')]
    const append = (to: RaftId) => message(MsgType.app, to, 1, { term: 1, index: 1, logTerm: 1, commit: 1, entries })
    expect(appends).toEqual([append(2), append(3)])
    expect(leader.entries.slice(1)).toEqual(entries)
    expect(leader.commit).toBe(1)
  })

  it('commits and applies what a majority has, and tells the others', () => {
    const leader = new Member()
    leader.winAndCommit()
    const [append] = leader.propose('some data')
    const told = leader.accept(append ?? message(MsgType.app, 2))
    expect(leader.commit).toBe(2)
    expect(leader.applied.map(textOf)).toEqual(['', 'some data'])
    expect(told.map(({ type, to, commit }) => ({ type, to, commit }))).toEqual([
      { type: MsgType.app, to: 2, commit: 2 },
      { type: MsgType.app, to: 3, commit: 2 },
    ])
  })

  it.each([
    { size: 1, acceptors: [], commits: true },
    { size: 3, acceptors: [], commits: false },
    { size: 3, acceptors: [2], commits: true },
    { size: 3, acceptors: [2, 3], commits: true },
    { size: 5, acceptors: [], commits: false },
    { size: 5, acceptors: [2], commits: false },
    { size: 5, acceptors: [2, 3], commits: true },
    { size: 5, acceptors: [2, 3, 4], commits: true },
    { size: 5, acceptors: [2, 3, 4, 5], commits: true },
  ])('of $size commits with the acknowledgements of $acceptors: $commits', ({ size, acceptors, commits }) => {
    const leader = new Member({ voters: [1, 2, 3, 4, 5].slice(0, size) })
    leader.winAndCommit()
    const appends = leader.propose('some data')
    for (const append of appends) if (acceptors.includes(append.to)) leader.accept(append)
    expect(leader.commit).toBe(commits ? 2 : 1)
  })

  it.each<{ log: Term[] }>([{ log: [] }, { log: [2] }, { log: [1, 2] }, { log: [1] }])(
    'commits $log of earlier leaders together with its own entry, in order',
    ({ log }) => {
      const leader = new Member({ log, hardState: { term: 2 } })
      const empty = leader.win()
      leader.propose('some data')
      for (const append of empty) leader.accept({ ...append, entries: leader.entries.slice(append.index) })
      expect(leader.applied.map(({ term }) => term)).toEqual([...log, 3, 3])
      expect(leader.applied).toEqual(leader.entries)
    },
  )

  it.each<{ follower: Term[] }>([
    { follower: [1, 1, 1, 4, 4, 5, 5, 6, 6] },
    { follower: [1, 1, 1, 4] },
    { follower: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6] },
    { follower: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7] },
    { follower: [1, 1, 1, 4, 4, 4, 4] },
    { follower: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3] },
  ])('makes $follower of a follower the same as its own log (figure 7)', ({ follower }) => {
    const log = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
    const lead = new Member({ id: 1, log, hardState: { term: 8, commit: log.length } })
    const network = new Network(lead, new Member({ id: 2, log: follower, hardState: { term: 7 } }))
    network.campaign(1)
    // The third member is there only to vote: the second one may have the longer log.
    network.inject(MsgType.voteResp, 1, 3, { term: 9 })
    network.propose(1)
    expect(network.member(2).terms).toEqual([...log, 9, 9])
    expect(network.member(2).entries).toEqual(lead.entries)
    expect(network.member(2).commit).toBe(12)
  })
})

describe('a follower (5.3)', () => {
  it.each([
    { texts: ['a'], commit: 1 },
    { texts: ['a', 'b'], commit: 2 },
    { texts: ['b', 'a'], commit: 2 },
    { texts: ['a', 'b'], commit: 1 },
    { texts: ['a', 'b'], commit: 9 },
  ])('applies the first of $texts when it learns that $commit is committed', ({ texts, commit }) => {
    const follower = new Member()
    const entries = texts.map((text, i) => entry(1, i + 1, text))
    follower.receive(MsgType.app, 2, { term: 1, entries, commit })
    expect(follower.commit).toBe(Math.min(commit, texts.length))
    expect(follower.applied).toEqual(entries.slice(0, commit))
  })

  it.each([
    // Agrees with what is committed: acknowledged up to there.
    { logTerm: 0, index: 0, answer: { index: 1 } },
    { logTerm: 1, index: 1, answer: { index: 1 } },
    // Agrees with what is not.
    { logTerm: 2, index: 2, answer: { index: 2 } },
    // Another entry is there, or none.
    { logTerm: 1, index: 2, answer: { index: 2, reject: true, rejectHint: 1, logTerm: 1 } },
    { logTerm: 3, index: 3, answer: { index: 3, reject: true, rejectHint: 2, logTerm: 2 } },
  ])('with log [1, 2] checks the entry before an append: $index of term $logTerm', ({ logTerm, index, answer }) => {
    const follower = new Member({ log: [1, 2], hardState: { term: 2, commit: 1 } })
    const sent = follower.receive(MsgType.app, 2, { logTerm, index })
    expect(sent).toEqual([message(MsgType.appResp, 2, 1, { term: 2, ...answer })])
  })

  it.each<{ index: number; logTerm: Term; append: Term[]; log: Term[] }>([
    { index: 2, logTerm: 2, append: [3], log: [1, 2, 3] },
    { index: 1, logTerm: 1, append: [3, 4], log: [1, 3, 4] },
    { index: 0, logTerm: 0, append: [1], log: [1, 2] },
    { index: 0, logTerm: 0, append: [3], log: [3] },
  ])('with log [1, 2] replaces only what conflicts: $append after $index gives $log', (given) => {
    const follower = new Member({ log: [1, 2], hardState: { term: 2 } })
    const { index, logTerm } = given
    follower.receive(MsgType.app, 2, { term: 4, index, logTerm, entries: entriesFrom(index + 1, given.append) })
    expect(follower.terms).toEqual(given.log)
    expect(follower.entries.map((one) => one.index)).toEqual(given.log.map((_, i) => i + 1))
  })
})
