import { describe, expect, it } from 'vitest'
import { type Message, MsgType, message } from '../../../src/raft/core/messages.js'
import { EMPTY_CONF_STATE } from '../../../src/raft/core/types.js'
import { Witnesses } from '../../../src/raft/node/membership/witnesses.js'
import type { Held, PeerHello } from '../../../src/raft/ports/transport.js'
import { helloOf } from '../../kit/hello.js'
import { TestCluster } from './cluster.js'

const US = 1
const THEM = 2
const P1 = { memberUid: 'u2', processId: 'p1' }

/** This node has led term 5 up to `committed`, and heard what `answers` say from process p1 of a directory. */
function witness(committed: number, ...answers: Message[]): Witnesses {
  const made = new Witnesses(US, { term: 5, committed })
  for (const answer of answers) made.heard(P1, answer)
  return made
}

const hello = (processId: string, held: Partial<Held> = {}, change: Partial<PeerHello> = {}): PeerHello =>
  helloOf({ raftId: THEM, memberUid: 'u2', processId, held: { term: 0, vote: 0, lastIndex: 0, ...held }, ...change })
const accepted = (index: number, term = 5) => message(MsgType.appResp, US, THEM, { term, index })
const granted = (term = 5) => message(MsgType.voteResp, US, THEM, { term })
const isForgotten = (witnesses: Witnesses, held: Held) => witnesses.forgottenBy(hello('p2', held)) !== null

describe('a witness', () => {
  it.each<[string, Message[], Held, boolean]>([
    ['a lower term', [granted()], { term: 4, vote: US, lastIndex: 9 }, true],
    [
      'a refusal tells the term too',
      [message(MsgType.appResp, US, THEM, { term: 5, reject: true })],
      { term: 4, vote: 0, lastIndex: 9 },
      true,
    ],
    ['its vote', [granted()], { term: 5, vote: 0, lastIndex: 9 }, true],
    ['its vote, for another one now', [granted()], { term: 5, vote: 3, lastIndex: 9 }, true],
    ['an entry of the same term', [accepted(9)], { term: 5, vote: US, lastIndex: 8 }, true],
    ['a committed entry, in a later term', [accepted(7)], { term: 6, vote: 0, lastIndex: 6 }, true],
  ])('knows who has forgotten %s', (_what, answers, held, forgotten) => {
    expect(isForgotten(witness(7, ...answers), held)).toBe(forgotten)
  })

  it.each<[string, Message[], Held]>([
    ['all of it is there', [granted(), accepted(9)], { term: 5, vote: US, lastIndex: 9 }],
    ['there is more', [granted(), accepted(9)], { term: 8, vote: 3, lastIndex: 12 }],
    ['a later leader has replaced the tail that was not committed', [accepted(9)], { term: 6, vote: 0, lastIndex: 7 }],
    ['it voted for this node in an earlier term', [granted(4), accepted(3)], { term: 5, vote: 3, lastIndex: 3 }],
    [
      'it refused this node its vote',
      [message(MsgType.voteResp, US, THEM, { term: 5, reject: true })],
      { term: 5, vote: 3, lastIndex: 0 },
    ],
    [
      'it answered a heartbeat',
      [message(MsgType.heartbeatResp, US, THEM, { term: 5 })],
      { term: 4, vote: 0, lastIndex: 0 },
    ],
    [
      'it granted a pre-vote',
      [message(MsgType.preVoteResp, US, THEM, { term: 6 })],
      { term: 4, vote: 0, lastIndex: 0 },
    ],
    ['an old answer came late', [accepted(5), accepted(9, 4)], { term: 5, vote: 0, lastIndex: 5 }],
  ])('refuses no healthy directory: %s', (_what, answers, held) => {
    expect(isForgotten(witness(7, ...answers), held)).toBe(false)
  })

  it('counts as committed what was committed after the answer, in the same term', () => {
    const view = { term: 5, committed: 7 }
    const made = new Witnesses(US, view)
    made.heard(P1, accepted(9))
    view.committed = 8
    expect(isForgotten(made, { term: 6, vote: 0, lastIndex: 7 })).toBe(true)
    view.committed = 20
    expect(isForgotten(made, { term: 6, vote: 0, lastIndex: 8 })).toBe(true)
    expect(isForgotten(made, { term: 6, vote: 0, lastIndex: 9 })).toBe(false)
  })

  it('does not count what was committed in a term in which it knows nothing of that log', () => {
    const view = { term: 5, committed: 7 }
    const made = new Witnesses(US, view)
    made.heard(P1, accepted(9))
    view.term = 6
    view.committed = 20
    expect(isForgotten(made, { term: 6, vote: 0, lastIndex: 7 })).toBe(false)
  })

  it('does not hold against a process what it said itself: its hello is of its start', () => {
    const made = witness(7, granted(), accepted(9))
    expect(made.forgottenBy(hello('p1'))).toBeNull()
    expect(made.forgottenBy(hello('p2'))).not.toBeNull()
  })

  it('speaks of one directory, and not of another one under the same Raft id', () => {
    const made = witness(7, granted(), accepted(9))
    expect(made.forgottenBy(hello('p2', {}, { memberUid: 'u3' }))).toBeNull()
    expect(made.forgottenBy(hello('p2', {}, { raftId: 3 }))).toBeNull()
  })

  it('forgets who was removed', () => {
    const made = witness(7, granted(), accepted(9))
    made.retain({ ...EMPTY_CONF_STATE, voters: [US, THEM] })
    expect(made.forgottenBy(hello('p2'))).not.toBeNull()
    made.retain({ ...EMPTY_CONF_STATE, voters: [US] })
    expect(made.forgottenBy(hello('p2'))).toBeNull()
  })
})

describe('in a cluster', () => {
  async function putBack(seed: number) {
    const cluster = new TestCluster(seed, 3)
    await cluster.startAll()
    const leader = await cluster.waitForLeader()
    cluster.say(leader, 'early')
    await cluster.waitFor('early', () =>
      [...cluster.nodes.values()].every((one) => one.machine.state.words.length === 1),
    )
    const victim = cluster.founders.find(({ nodeId }) => nodeId !== leader.nodeId)?.nodeId ?? ''
    const copy = cluster.disks.get(victim)?.copy()
    cluster.say(leader, 'late')
    await cluster.waitFor('late', () =>
      [...cluster.nodes.values()].every((one) => one.machine.state.words.length === 2),
    )
    cluster.kill(victim)
    if (copy !== undefined) cluster.disks.set(victim, copy)
    return { cluster, leader, victim }
  }

  it('a directory that was put back to an older state is refused for good, now and at every later start', async () => {
    const { cluster, victim } = await putBack(41)
    const old = await cluster.start(victim)
    await cluster.waitFor('refused', () => old.fatal !== null)
    expect(old.fatal).toMatchObject({ exitCode: 4, error: { message: expect.stringMatching(/has forgotten/) } })
    for (const { nodeId } of cluster.founders) cluster.kill(nodeId)
    await expect(cluster.start(victim)).rejects.toThrow(/has forgotten/)
  })

  it('a directory that has everything is let in, however often its node and others are killed', async () => {
    const healthy = new TestCluster(43, 3)
    await healthy.startAll()
    for (let round = 0; round < 12; round++) {
      const leader = await healthy.waitForLeader()
      healthy.say(leader, `w${round}`)
      await healthy.clock.run(round % 3 === 0 ? 3 : 400)
      const victim = healthy.founders[round % 3]?.nodeId ?? ''
      healthy.kill(victim)
      await healthy.clock.run(300)
      await healthy.start(victim)
    }
    await healthy.waitForLeader()
    await healthy.clock.run(3_000)
    expect([...healthy.nodes.values()].map(({ fatal }) => fatal)).toEqual([null, null, null])
  })
})
