import { describe, expect, it } from 'vitest'
import { type AdmissionView, isBelieved, judgePeer } from '../../../src/raft/node/membership/peer-verdict.js'
import { type PeerHello, type Refusal, RefusalCode, type Refuser } from '../../../src/raft/ports/transport.js'
import { helloOf } from '../../kit/hello.js'

const HELLO = helloOf()
const UNFORMED = { ...HELLO, clusterId: '', raftId: 0, empty: true }

function view(change: Partial<AdmissionView> = {}): AdmissionView {
  const known = { nodeId: 'n2', raftId: 2, peerAddress: 'n2:1', memberUid: 'u2' }
  return {
    hello: HELLO,
    leads: false,
    knowledge: () => 'unsure',
    admitsOnlyMembers: false,
    forgottenBy: () => null,
    member: (nodeId) => (nodeId === 'n2' ? known : null),
    phase: 'running',
    ...change,
  }
}

const peer = (change: Partial<PeerHello> = {}): PeerHello => ({
  ...HELLO,
  nodeId: 'n2',
  raftId: 2,
  memberUid: 'u2',
  ...change,
})

describe('while a cluster forms', () => {
  const forming = view({ hello: UNFORMED, phase: 'forming' })

  it('members with the same --cluster list meet', () => {
    expect(judgePeer(forming, { ...UNFORMED, nodeId: 'n2' }).accept).toBe(true)
  })

  it('another list is refused', () => {
    const verdict = judgePeer(forming, { ...UNFORMED, nodeId: 'n2', listHash: 'h2' })
    expect(verdict).toMatchObject({ accept: false, refusal: { code: RefusalCode.otherList, isFinal: false } })
  })

  it('a member of a cluster that exists is refused', () => {
    expect(judgePeer(forming, peer()).accept).toBe(false)
  })
})

describe('in a cluster', () => {
  it('its members meet', () => {
    expect(judgePeer(view(), peer()).accept).toBe(true)
  })

  it('a member of another cluster is refused, and not for good: a stale address is the mistake of neither', () => {
    const verdict = judgePeer(view(), peer({ clusterId: 'c2' }))
    expect(verdict).toMatchObject({ accept: false, refusal: { code: RefusalCode.otherCluster, isFinal: false } })
    expect(verdict).toMatchObject({ refusal: { message: expect.stringContaining('c2') } })
  })

  it('another directory of a member is refused for good', () => {
    const verdict = judgePeer(view(), peer({ memberUid: 'u9' }))
    expect(verdict).toMatchObject({ accept: false, refusal: { code: RefusalCode.otherDirectory, isFinal: true } })
  })

  it('a second process of this very node is refused', () => {
    expect(judgePeer(view(), peer({ nodeId: 'n1' })).accept).toBe(false)
  })
})

describe('a final refusal', () => {
  const refusal: Refusal = { code: RefusalCode.notMember, isFinal: true, message: 'no longer a member' }
  const by = (change: Partial<Refuser> = {}): Refuser => ({ nodeId: 'n2', wasDialled: true, hello: peer(), ...change })
  const member = { clusterId: 'c1', isMember: (nodeId: string) => nodeId === 'n2' }
  const empty = { clusterId: null, isMember: () => false }

  it('is believed from a member that this node dialled and that names the same cluster', () => {
    expect(isBelieved(member, refusal, by())).toBe(true)
  })

  it.each([
    ['whoever dialled this node', by({ wasDialled: false })],
    ['one that has not said who it is', by({ hello: null })],
    ['a node of another cluster', by({ hello: peer({ clusterId: 'c2' }) })],
    ['one that is no member', by({ nodeId: 'n7', hello: peer({ nodeId: 'n7' }) })],
  ])('is not believed from %s', (_who, refuser) => {
    expect(isBelieved(member, refusal, refuser)).toBe(false)
  })

  it('is believed by an empty node from whom it was told to dial, and from nobody else', () => {
    expect(isBelieved(empty, refusal, by())).toBe(true)
    expect(isBelieved(empty, refusal, by({ wasDialled: false }))).toBe(false)
  })

  it('is not final because its words say so', () => {
    expect(isBelieved(member, { ...refusal, isFinal: false, message: 'final: go away' }, by())).toBe(false)
  })
})

describe('where peers have certificates', () => {
  const removed = peer({ nodeId: 'n9', raftId: 9, memberUid: 'u9' })
  const strict = (change: Partial<AdmissionView>) => view({ admitsOnlyMembers: true, ...change })

  it('one that was removed finds no door open, once a quorum has said so', () => {
    const verdict = judgePeer(strict({ knowledge: () => 'sure' }), removed)
    expect(verdict).toMatchObject({ accept: false, refusal: { code: RefusalCode.notMember, isFinal: true } })
  })

  it('who is not known waits until a quorum was asked', () => {
    const verdict = judgePeer(strict({}), removed)
    expect(verdict).toMatchObject({ accept: false, refusal: { code: RefusalCode.notMember, isFinal: false } })
  })

  it('who is not known is let in where no quorum answers: it may be the leader that a quorum needs', () => {
    expect(judgePeer(strict({ knowledge: () => 'alone' }), removed)).toEqual({ accept: true })
    const leader = strict({ leads: true, knowledge: () => 'alone' })
    expect(judgePeer(leader, removed)).toMatchObject({ accept: false, refusal: { isFinal: false } })
  })

  it('members meet', () => {
    expect(judgePeer(strict({}), peer())).toEqual({ accept: true })
  })
})
