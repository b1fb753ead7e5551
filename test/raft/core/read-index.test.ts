/** Reads without log entries (thesis 6.4). */
import { describe, expect, it } from 'vitest'
import { MsgType } from '../../../src/raft/core/messages.js'
import { ConfChangeTransition, EMPTY_BYTES, type RaftId } from '../../../src/raft/core/types.js'
import { bytesOf, ELECTION_TICK, Member, type MemberOptions } from './support/member.js'
import { Network } from './support/network.js'

function answersAt(member: Member): { index: number; text: string }[] {
  return member.readStates.map(({ index, context }) => ({ index, text: new TextDecoder().decode(context) }))
}

const isHeartbeat = ({ type }: { type: MsgType }) => type === MsgType.heartbeat

describe('a read', () => {
  it.each([
    { kind: 'safe', options: {} },
    { kind: 'lease-based', options: { readOnlyOption: 'lease-based', checkQuorum: true } },
  ] as const)('is answered at whoever asked, with what is committed by then ($kind)', ({ options }) => {
    const network = Network.of(3, options)
    network.campaign(1)
    for (const [round, id] of ([1, 2, 3, 1, 2, 3] as RaftId[]).entries()) {
      const member = network.member(id)
      member.readStates.length = 0
      for (let i = 0; i < 10; i++) network.propose(1)
      network.readIndex(id, `read ${round}`)
      expect(answersAt(member)).toEqual([{ index: 1 + 10 * (round + 1), text: `read ${round}` }])
    }
  })

  it('is answered at a learner', () => {
    const members = [1, 2].map((id) => new Member({ id, voters: [1], learners: [2] }))
    const network = new Network(...members)
    network.campaign(1)
    network.propose(1)
    for (const id of [1, 2]) {
      network.readIndex(id, 'read')
      expect(answersAt(network.member(id))).toEqual([{ index: 2, text: 'read' }])
    }
  })

  it('costs no log entry, and one round of heartbeats', () => {
    const network = Network.of(3)
    network.campaign(1)
    network.log.length = 0
    network.readIndex(1, 'read')
    expect(network.log.map(({ type }) => type).sort((a, b) => a - b)).toEqual([
      MsgType.heartbeat,
      MsgType.heartbeat,
      MsgType.heartbeatResp,
      MsgType.heartbeatResp,
    ])
  })

  it('is dropped by a member that knows no leader', () => {
    const member = new Member()
    member.node.readIndex(bytesOf('read'))
    expect([member.run(), member.readStates]).toEqual([[], []])
  })

  it('waits until the leader has committed an entry of its own term', () => {
    const network = Network.of(3, { log: [1, 1], hardState: { term: 1, commit: 2 } })
    network.ignore(MsgType.app)
    network.campaign(1)
    // Heartbeats make the leader known.
    network.tick(1)
    network.readIndex(1, 'early')
    network.readIndex(2, 'early too')
    expect([answersAt(network.member(1)), answersAt(network.member(2))]).toEqual([[], []])

    network.heal()
    network.tick(1)
    expect(network.member(1).commit).toBe(3)
    expect(answersAt(network.member(1))).toEqual([{ index: 3, text: 'early' }])
    expect(answersAt(network.member(2))).toEqual([{ index: 3, text: 'early too' }])
  })

  it('at the only voter waits for its own first entry, too', () => {
    const member = new Member({ voters: [1], log: [1, 1], hardState: { term: 1, commit: 1 } })
    member.node.campaign()
    // It leads once its vote is durable; its first entry is not durable then.
    while (member.node.status().term < 2 || member.lead !== 1) {
      const ready = member.node.ready()
      if (ready.hardState !== null) member.storage.setHardState(ready.hardState)
      member.storage.append(ready.entries)
      member.node.advance()
    }
    member.node.readIndex(bytesOf('early'))
    member.run()
    expect(answersAt(member)).toEqual([{ index: 3, text: 'early' }])
  })
})

describe('a leader that may have been replaced', () => {
  it('answers no read until a quorum confirms it', () => {
    const network = Network.of(3)
    network.campaign(1)
    network.isolate(1)
    network.readIndex(1, 'read')
    network.tick(1, 5)
    expect(answersAt(network.member(1))).toEqual([])
    network.heal()
    network.tick(1)
    expect(answersAt(network.member(1))).toEqual([{ index: 1, text: 'read' }])
  })

  it('is not confirmed by answers to heartbeats that it sent before the read', () => {
    const network = Network.of(3)
    network.campaign(1)
    network.hold(MsgType.heartbeatResp)
    network.readIndex(1, 'first')
    network.isolate(1)
    network.campaign(2)
    network.propose(2)
    network.readIndex(1, 'second')
    network.heal()
    network.release()
    // The held answers confirm the first read; by then, the second one must see what 2 committed.
    const second = answersAt(network.member(1)).find(({ text }) => text === 'second')
    expect(answersAt(network.member(1))).toContainEqual({ index: 1, text: 'first' })
    expect(second?.index ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(network.member(2).commit)
  })

  it('is not confirmed by an answer to an earlier read with the same context', () => {
    const leader = new Member()
    leader.winAndCommit()
    const contextOfNextRead = () => {
      leader.node.readIndex(bytesOf('same'))
      return leader.run().find(isHeartbeat)?.context ?? EMPTY_BYTES
    }
    const first = contextOfNextRead()
    const second = contextOfNextRead()
    expect([...second]).not.toEqual([...first])
    leader.receive(MsgType.heartbeatResp, 2, { context: first })
    expect(leader.readStates).toHaveLength(1)
    leader.receive(MsgType.heartbeatResp, 2, { context: first })
    leader.receive(MsgType.heartbeatResp, 3, { context: first })
    expect(leader.readStates).toHaveLength(1)
    leader.receive(MsgType.heartbeatResp, 3, { context: second })
    expect(leader.readStates).toHaveLength(2)
  })

  it('forgets reads that it could not answer when it is deposed', () => {
    const leader = new Member()
    leader.winAndCommit()
    leader.node.readIndex(bytesOf('lost'))
    const context = leader.run().find(isHeartbeat)?.context ?? EMPTY_BYTES
    leader.receive(MsgType.heartbeat, 2, { term: 2 })
    leader.win()
    for (const from of [2, 3]) leader.receive(MsgType.heartbeatResp, from, { context })
    expect(leader.readStates).toEqual([])
  })
})

describe('the confirmation of reads', () => {
  const confirm = (leader: Member, from: RaftId, context: Uint8Array) =>
    leader.receive(MsgType.heartbeatResp, from, { context })

  it('answers all reads up to the confirmed one, in their order', () => {
    const leader = new Member()
    leader.winAndCommit()
    let context = EMPTY_BYTES
    for (const text of ['a', 'b', 'c']) {
      leader.node.readIndex(bytesOf(text))
      context = leader.run().find(isHeartbeat)?.context ?? EMPTY_BYTES
    }
    confirm(leader, 3, context)
    expect(answersAt(leader).map(({ text }) => text)).toEqual(['a', 'b', 'c'])
  })

  it('needs both halves of a joint configuration', () => {
    const leader = new Member()
    leader.winAndCommit()
    leader.applyChange('r2 r3 v4 v5', ConfChangeTransition.jointExplicit)
    leader.node.readIndex(bytesOf('read'))
    const context = leader.run().find(isHeartbeat)?.context ?? EMPTY_BYTES
    confirm(leader, 2, context)
    confirm(leader, 3, context)
    expect(leader.readStates).toEqual([])
    confirm(leader, 4, context)
    expect(leader.readStates).toHaveLength(1)
  })

  it('may be complete by a membership change', () => {
    const leader = new Member()
    leader.winAndCommit()
    leader.node.readIndex(bytesOf('read'))
    leader.run()
    leader.applyChange('r2 r3', ConfChangeTransition.jointExplicit)
    expect(leader.readStates).toEqual([])
    leader.applyChange('')
    expect(answersAt(leader)).toEqual([{ index: 1, text: 'read' }])
  })

  it.each([EMPTY_BYTES, Uint8Array.of(1), new Uint8Array(8).fill(0xff)])(
    'ignores the foreign context %j',
    (context) => {
      const leader = new Member()
      leader.winAndCommit()
      leader.node.readIndex(bytesOf('read'))
      leader.run()
      confirm(leader, 2, context)
      confirm(leader, 3, context)
      expect(leader.readStates).toEqual([])
    },
  )
})

it('a lease-based leader that loses its quorum stops leading, and with it answering', () => {
  const options: Omit<MemberOptions, 'id'> = { readOnlyOption: 'lease-based', checkQuorum: true }
  const leader = new Member(options)
  leader.winAndCommit()
  leader.tick(2 * ELECTION_TICK)
  leader.node.readIndex(bytesOf('read'))
  leader.run()
  expect(leader.readStates).toEqual([])
})
