/** The Raft paper, section 5.4: the election restriction, and which entries a leader commits. */
import { describe, expect, it } from 'vitest'
import { MsgType, message } from '../../../src/raft/core/messages.js'
import type { Term } from '../../../src/raft/core/types.js'
import { ELECTION_TICK, entriesFrom, Member } from './support/member.js'

describe('the election restriction (5.4.1)', () => {
  it.each<{ log: Term[]; term: Term }>([
    { log: [1], term: 1 },
    { log: [1, 2], term: 2 },
  ])('a candidate with log $log says in its requests how its log ends', ({ log, term }) => {
    const member = new Member()
    member.receive(MsgType.app, 2, { term, entries: entriesFrom(1, log) })
    const requests = member.tick(ELECTION_TICK)
    const ends = { index: log.length, logTerm: term }
    expect(requests).toEqual([2, 3].map((to) => message(MsgType.vote, to, 1, { term: term + 1, ...ends })))
  })

  it.each<{ log: Term[]; logTerm: Term; index: number; granted: boolean }>([
    // Last entries of the same term: the longer log wins.
    { log: [1], logTerm: 1, index: 1, granted: true },
    { log: [1], logTerm: 1, index: 2, granted: true },
    { log: [1, 1], logTerm: 1, index: 1, granted: false },
    // The candidate's last entry is of a higher term: it wins at any length.
    { log: [1], logTerm: 2, index: 1, granted: true },
    { log: [1], logTerm: 2, index: 2, granted: true },
    { log: [1, 1], logTerm: 2, index: 1, granted: true },
    // The voter's is: the candidate loses at any length.
    { log: [2], logTerm: 1, index: 1, granted: false },
    { log: [2], logTerm: 1, index: 2, granted: false },
    { log: [2, 2], logTerm: 1, index: 1, granted: false },
    { log: [1, 2], logTerm: 1, index: 9, granted: false },
  ])('a voter with log $log votes for one that ends at $index in term $logTerm: $granted', (given) => {
    const { log, logTerm, index, granted } = given
    const voter = new Member({ voters: [1, 2], log, hardState: { term: 2 } })
    const [answer, ...others] = voter.receive(MsgType.vote, 2, { term: 3, logTerm, index })
    expect(answer).toEqual(message(MsgType.voteResp, 2, 1, { term: 3, reject: !granted }))
    expect(others).toEqual([])
  })
})

describe('commitment (5.4.2)', () => {
  it.each([
    // On a majority, but of earlier terms: figure 8 shows how such an entry can still be replaced.
    { acked: 1, commit: 0 },
    { acked: 2, commit: 0 },
    // The leader's own entries, and all before them.
    { acked: 3, commit: 3 },
    { acked: 4, commit: 4 },
  ])('a leader in term 3 with log [1, 2, 3, 3] and acknowledgement $acked commits $commit', ({ acked, commit }) => {
    const leader = new Member({ voters: [1, 2], log: [1, 2], hardState: { term: 2 } })
    leader.win()
    leader.propose('in term 3')
    expect(leader.terms).toEqual([1, 2, 3, 3])
    leader.receive(MsgType.appResp, 2, { index: acked })
    expect(leader.commit).toBe(commit)
  })
})
