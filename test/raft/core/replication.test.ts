/** How a leader finds out what a follower has, and how it feeds it: probing, streaming, limits. */
import { describe, expect, it } from 'vitest'
import { InvariantViolation } from '../../../src/invariant.js'
import { Refusal } from '../../../src/raft/core/errors.js'
import { ENTRY_OVERHEAD_BYTES } from '../../../src/raft/core/log/entries.js'
import { type Message, MsgType, message } from '../../../src/raft/core/messages.js'
import { type Index, type RaftId, Role, type Term } from '../../../src/raft/core/types.js'
import { bytesOf, entriesFrom, Member, type MemberOptions, textOf } from './support/member.js'
import { Network } from './support/network.js'

/** Leader 1 of members 1 and 2. Both have its first entry, so it streams to 2. */
function streamingLeader(options: MemberOptions = {}): Member {
  const leader = new Member({ voters: [1, 2], ...options })
  leader.winAndCommit()
  expect(progressOf(leader, 2)).toMatch(/^StateReplicate match=1 next=2$/)
  return leader
}

function progressOf(leader: Member, id: RaftId): string {
  return String(leader.node.status().progress.get(id))
}

function appendsTo(id: RaftId, messages: readonly Message[]): Message[] {
  return messages.filter(({ type, to }) => type === MsgType.app && to === id)
}

describe('a follower with another log', () => {
  it.each<{ leader: Term[]; follower: Term[]; hint: [Index, Term]; next: [Index, Term] }>([
    // The leader skips what is newer than the hint.
    { leader: [1, 2, 2, 4, 4, 4, 4], follower: [1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3], hint: [7, 3], next: [3, 2] },
    { leader: [1, 2, 2, 3, 4, 4, 4, 5], follower: [1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3], hint: [8, 3], next: [4, 3] },
    { leader: [2, 5, 5, 5, 5, 5, 5, 5, 5], follower: [2, 4, 4, 4, 4, 4], hint: [6, 4], next: [1, 2] },
    // The follower skips what is newer than the probe.
    { leader: [1, 1, 1, 1], follower: [1, 2, 2, 4], hint: [1, 1], next: [1, 1] },
    { leader: [1, 1, 1, 1, 1, 1], follower: [1, 2, 2, 4], hint: [1, 1], next: [1, 1] },
    { leader: [1, 1, 1, 1], follower: [1, 2, 2, 4, 4, 4], hint: [1, 1], next: [1, 1] },
    { leader: [2, 2, 2, 2, 2], follower: [2, 4, 4, 4, 4, 4, 4, 4], hint: [1, 2], next: [1, 2] },
    // It is only shorter.
    { leader: [1, 1, 1, 4, 5], follower: [1, 1, 1, 4], hint: [4, 4], next: [4, 4] },
  ])('is found to agree within one probe per term: $leader, $follower', (given) => {
    const term = given.leader.at(-1) ?? 0
    const leader = new Member({ log: given.leader, hardState: { term: term - 1, commit: given.leader.length } })
    const follower = new Member({ id: 2, log: given.follower, hardState: { term, vote: 1 } })
    const [probe] = appendsTo(2, leader.win())
    const [rejection] = follower.receive(MsgType.app, 1, { ...probe, to: 2 })
    expect(rejection).toMatchObject({ type: MsgType.appResp, reject: true, index: given.leader.length })
    expect([rejection?.rejectHint, rejection?.logTerm]).toEqual(given.hint)
    const [nextProbe] = leader.receive(MsgType.appResp, 2, { ...rejection, to: 1 })
    expect([nextProbe?.index, nextProbe?.logTerm]).toEqual(given.next)
  })

  it('that has compacted the place in question makes the leader go back one entry', () => {
    const leader = new Member({ log: [1, 1, 3], hardState: { term: 2, commit: 3 } })
    const follower = new Member({ id: 2, log: [1, 1, 3, 3, 3], hardState: { term: 3, vote: 1 } })
    follower.storage.compact(5)
    const [probe] = appendsTo(2, leader.win())
    const [rejection] = follower.receive(MsgType.app, 1, { ...probe, to: 2 })
    expect(rejection).toMatchObject({ reject: true, rejectHint: 3, logTerm: 0 })
    const [nextProbe] = leader.receive(MsgType.appResp, 2, { ...rejection, to: 1 })
    expect([nextProbe?.index, nextProbe?.logTerm]).toEqual([2, 1])
  })
})

describe('a probed follower', () => {
  it('gets one append with entries per round of heartbeats', () => {
    const leader = new Member({ voters: [1, 2] })
    expect(leader.win()).toHaveLength(1)
    for (let round = 0; round < 3; round++) {
      expect(appendsTo(2, leader.propose('more'))).toEqual([])
      expect(appendsTo(2, leader.tick())).toEqual([])
      const [probe, ...others] = leader.receive(MsgType.heartbeatResp, 2)
      expect(probe).toMatchObject({ type: MsgType.app, index: 0 })
      expect(others).toEqual([])
    }
  })

  it('is streamed to once it acknowledges, even something old', () => {
    const leader = streamingLeader()
    leader.propose('a')
    leader.node.reportUnreachable(2)
    expect(progressOf(leader, 2)).toBe('StateProbe match=1 next=2')
    leader.receive(MsgType.appResp, 2, { index: 1 })
    expect(progressOf(leader, 2)).toMatch(/^StateReplicate match=1 next=3 inflight=1/)
  })

  it('is asked by an empty append after a heartbeat even if it has everything, which ends the probing', () => {
    const leader = streamingLeader()
    leader.node.reportUnreachable(2)
    const sent = leader.receive(MsgType.heartbeatResp, 2)
    expect(sent).toEqual([message(MsgType.app, 2, 1, { term: 1, index: 1, logTerm: 1, commit: 1 })])
    leader.receive(MsgType.appResp, 2, { index: 1 })
    expect(progressOf(leader, 2)).toBe('StateReplicate match=1 next=2')
    expect(leader.receive(MsgType.heartbeatResp, 2)).toEqual([])
  })

  it('is not disturbed by a rejection of another place than the probed one', () => {
    const leader = new Member({ voters: [1, 2], log: [1, 1, 1], hardState: { term: 1 } })
    leader.win()
    expect(leader.receive(MsgType.appResp, 2, { index: 2, reject: true, rejectHint: 2, logTerm: 1 })).toEqual([])
    expect(progressOf(leader, 2)).toMatch(/next=4 paused/)
    leader.receive(MsgType.appResp, 2, { index: 3, reject: true, rejectHint: 1, logTerm: 1 })
    expect(progressOf(leader, 2)).toMatch(/next=2 paused/)
  })
})

describe('a streaming leader', () => {
  it('sends each proposal at once, without waiting for answers', () => {
    const leader = streamingLeader()
    const sent = [leader.propose('a'), leader.propose('b', 'c'), leader.propose('d')].flat()
    expect(sent.map(({ index, entries }) => [index, ...entries.map(textOf)])).toEqual([
      [1, 'a'],
      [2, 'b', 'c'],
      [4, 'd'],
    ])
  })

  it('stops when as many messages are under way as allowed, and goes on as they are acknowledged', () => {
    const leader = streamingLeader({ maxInflightMsgs: 3 })
    const sent = ['a', 'b', 'c', 'd', 'e'].flatMap((text) => leader.propose(text))
    expect(sent.map(({ index }) => index)).toEqual([1, 2, 3])
    expect(progressOf(leader, 2)).toBe('StateReplicate match=1 next=5 paused inflight=3[full]')

    const more = leader.receive(MsgType.appResp, 2, { index: 3 })
    // Two slots are free, and all that waits fits into one message.
    expect(more.filter(({ entries }) => entries.length > 0).map((m) => [m.index, m.entries.length])).toEqual([[4, 2]])
    expect(progressOf(leader, 2)).toMatch(/match=3 next=7 inflight=2/)
    // What was acknowledged already frees nothing.
    leader.receive(MsgType.appResp, 2, { index: 2 })
    expect(progressOf(leader, 2)).toMatch(/match=3 next=7 inflight=2/)
  })

  it('stops when as many bytes are under way as allowed', () => {
    const leader = streamingLeader({ maxInflightBytes: 10, maxSizePerMsg: 1 })
    const sent = ['4444', '4444', '4444', '4444'].flatMap((text) => leader.propose(text))
    // The third message reaches the limit.
    expect(sent).toHaveLength(3)
    const more = leader.receive(MsgType.appResp, 2, { index: 2 })
    expect(more.flatMap(({ entries }) => entries)).toHaveLength(1)
  })

  it('sends an empty append into a full window after each heartbeat, since all of it may be lost', () => {
    const leader = streamingLeader({ maxInflightMsgs: 2 })
    for (const text of ['a', 'b', 'c']) leader.propose(text)
    const [knock, ...others] = leader.receive(MsgType.heartbeatResp, 2)
    expect(knock).toMatchObject({ type: MsgType.app, index: 3, entries: [] })
    expect(others).toEqual([])
    // The follower has none of them and says so; the flow starts again at once.
    const again = leader.receive(MsgType.appResp, 2, { index: 3, reject: true, rejectHint: 1, logTerm: 1 })
    expect(again.map(({ index, entries }) => [index, entries.length])).toEqual([[1, 3]])
    expect(progressOf(leader, 2)).toMatch(/^StateProbe match=1 next=2 paused/)
  })

  it.each([
    { limit: 0, sizes: [1, 1, 1, 1] },
    { limit: 2 * (ENTRY_OVERHEAD_BYTES + 4), sizes: [2, 2] },
    { limit: 3 * (ENTRY_OVERHEAD_BYTES + 4) - 1, sizes: [2, 2] },
    { limit: Number.POSITIVE_INFINITY, sizes: [4] },
  ])('cuts messages at $limit bytes: $sizes', ({ limit, sizes }) => {
    const leader = streamingLeader({ maxSizePerMsg: limit })
    const sent = leader.propose('1111', '2222', '3333', '4444')
    const rest = leader.receive(MsgType.appResp, 2, { index: 2 })
    const messages = [...sent, ...rest].filter(({ entries }) => entries.length > 0)
    // The first message carries what fits; the acknowledgement of its first entry brings out all the others.
    expect(messages.map(({ entries }) => entries.length)).toEqual(sizes)
  })

  it('probes a follower again that is reported unreachable', () => {
    const leader = streamingLeader()
    leader.propose('a')
    leader.node.reportUnreachable(2)
    expect(progressOf(leader, 2)).toBe('StateProbe match=1 next=2')
    expect(appendsTo(2, leader.propose('b')).map((m) => [m.index, m.entries.length])).toEqual([[1, 2]])
  })

  it('ignores acknowledgements from before its term: their entries may have been replaced', () => {
    const leader = new Member({ voters: [1, 2], log: [1, 1], hardState: { term: 1 } })
    leader.win()
    leader.receive(MsgType.appResp, 2, { term: 1, index: 3 })
    expect([leader.term, leader.commit, progressOf(leader, 2)]).toEqual([2, 0, expect.stringContaining('match=0')])
    leader.receive(MsgType.appResp, 2, { term: 2, index: 3 })
    expect(leader.commit).toBe(3)
  })

  it('ignores rejections of what the follower has acknowledged since', () => {
    const leader = streamingLeader()
    leader.propose('a')
    leader.receive(MsgType.appResp, 2, { index: 2 })
    expect(leader.receive(MsgType.appResp, 2, { index: 2, reject: true, rejectHint: 1, logTerm: 1 })).toEqual([])
    expect(progressOf(leader, 2)).toMatch(/^StateReplicate match=2 next=3/)
  })
})

describe('heartbeats', () => {
  it('tell each follower no commit index beyond what it is known to have', () => {
    const leader = new Member()
    leader.winAndCommit()
    const [toSecond] = leader.propose('a')
    leader.accept(toSecond ?? message(MsgType.app, 2))
    expect(leader.commit).toBe(2)
    const beats = leader.tick()
    expect(beats.map(({ to, commit }) => [to, commit])).toEqual([
      [2, 2],
      [3, 1],
    ])
  })

  it('bring a follower that lost an append up to date, and cause nothing else', () => {
    const network = Network.of(3)
    network.campaign(1)
    network.cut(1, 3)
    network.propose(1)
    network.heal()
    network.tick(1)
    expect(network.member(3)).toMatchObject({ terms: [1, 1], commit: 2 })
    network.log.length = 0
    network.tick(1)
    expect(network.log).toHaveLength(4)
    expect(appendsTo(3, network.log)).toEqual([])
  })

  it('move the commit index of a follower, and never back', () => {
    const follower = new Member({ log: [1, 1, 1], hardState: { term: 1, commit: 1 } })
    follower.receive(MsgType.heartbeat, 2, { commit: 3 })
    expect(follower.commit).toBe(3)
    follower.receive(MsgType.heartbeat, 2, { commit: 2 })
    expect(follower.commit).toBe(3)
    expect(follower.applied).toHaveLength(3)
  })
})

describe('a follower', () => {
  const follower = () => new Member({ log: [1, 1, 1, 1], hardState: { term: 1, commit: 1 } })

  it('does not lose entries to a late, shorter append', () => {
    const member = follower()
    const answers = member.receive(MsgType.app, 2, { index: 1, logTerm: 1, entries: entriesFrom(2, [1]) })
    // It vouches only for what this append shows to be the leader's.
    expect(answers).toEqual([message(MsgType.appResp, 2, 1, { term: 1, index: 2 })])
    expect(member.terms).toEqual([1, 1, 1, 1])
  })

  it('commits no entry that the append does not show to be the leaders', () => {
    const member = follower()
    member.receive(MsgType.app, 2, { term: 2, index: 2, logTerm: 1, entries: [], commit: 4 })
    expect(member.commit).toBe(2)
  })

  it('answers an append from before its commit index with that index', () => {
    const member = new Member({ log: [1, 1, 1], hardState: { term: 1, commit: 3 } })
    const answers = member.receive(MsgType.app, 2, { index: 1, logTerm: 1, entries: entriesFrom(2, [2, 2]) })
    expect(answers).toEqual([message(MsgType.appResp, 2, 1, { term: 1, index: 3 })])
    expect(member.terms).toEqual([1, 1, 1])
  })

  it('stops when the leader says that more is committed than it has: its log was lost or cut', () => {
    const member = new Member({ log: [1, 1], hardState: { term: 1, commit: 2 } })
    expect(() => member.receive(MsgType.heartbeat, 2, { commit: 3 })).toThrow(
      /commit index 3 is above the last index 2/,
    )
    expect(() => member.node.tick()).toThrow(InvariantViolation)
  })

  it('handles appends that overtake each other', () => {
    const leader = streamingLeader()
    const member = new Member({ id: 2, voters: [1, 2], log: [1], hardState: { term: 1 } })
    const appends = [...leader.propose('a'), ...leader.propose('b'), ...leader.propose('c')]
    const [first, second, third] = appends as [Message, Message, Message]
    const network = new Network(leader, member)
    network.settle([third, second, first, second])
    network.tick(1)
    expect(member.entries).toEqual(leader.entries)
    expect([leader.commit, member.commit]).toEqual([4, 4])
  })

  it('passes proposals on to its leader, and drops them without one or when told to', () => {
    const member = new Member()
    expect(member.node.propose(bytesOf('lost'))).toBe(Refusal.proposalDropped)
    member.receive(MsgType.heartbeat, 2, { term: 1 })
    const [forwarded] = member.propose('passed on')
    expect(forwarded).toMatchObject({ type: MsgType.prop, to: 2, from: 1, term: 0 })
    expect(forwarded?.entries.map(textOf)).toEqual(['passed on'])

    const strict = new Member({ disableProposalForwarding: true })
    strict.receive(MsgType.heartbeat, 2, { term: 1 })
    expect(strict.node.propose(bytesOf('lost'))).toBe(Refusal.proposalDropped)
  })
})

describe('proposals that are not applied yet', () => {
  const limited = () => {
    const leader = streamingLeader({ maxUncommittedEntriesSize: 8 })
    return { leader, propose: (text: string) => leader.node.propose(bytesOf(text)) }
  }

  it('are dropped beyond the limit, and let in again when others are applied', () => {
    const { leader, propose } = limited()
    expect([propose('1234'), propose('1234'), propose('1')]).toEqual([null, null, Refusal.proposalDropped])
    leader.run()
    expect(propose('1')).toBe(Refusal.proposalDropped)
    leader.receive(MsgType.appResp, 2, { index: 2 })
    expect([propose('1234'), propose('1')]).toEqual([null, Refusal.proposalDropped])
  })

  it('may be as large as they like when there are no others', () => {
    const { leader, propose } = limited()
    expect([propose('far too large'), propose('1')]).toEqual([null, Refusal.proposalDropped])
    leader.run()
    leader.receive(MsgType.appResp, 2, { index: 2 })
    expect(propose('far too large')).toBeNull()
  })

  it('without data are never dropped', () => {
    const { propose } = limited()
    expect([propose('far too large'), propose(''), propose('')]).toEqual([null, null, null])
  })

  it('of an earlier leadership do not count against a new one', () => {
    const { leader, propose } = limited()
    expect(propose('12345678')).toBeNull()
    leader.run()
    leader.receive(MsgType.heartbeat, 2, { term: 2 })
    leader.win()
    expect(propose('12345678')).toBeNull()
    // Applying what was proposed then makes no more room than there is.
    leader.run()
    leader.receive(MsgType.appResp, 2, { index: 4 })
    expect([propose('12345678'), propose('1')]).toEqual([null, Refusal.proposalDropped])
  })

  it('are not limited at a follower that passes them on', () => {
    const member = new Member({ maxUncommittedEntriesSize: 8 })
    member.receive(MsgType.heartbeat, 2, { term: 1 })
    for (let i = 0; i < 5; i++) expect(member.node.propose(bytesOf('12345678'))).toBeNull()
  })
})

it('a leader alone commits what it has stored, without any messages', () => {
  const leader = new Member({ voters: [1] })
  leader.win()
  expect(leader.propose('a', 'b')).toEqual([])
  expect([leader.role, leader.commit, leader.applied.map(textOf)]).toEqual([Role.leader, 3, ['', 'a', 'b']])
})
