import { describe, expect, it } from 'vitest'
import { type AdmissionView, judgePeer } from '../../src/raft/node/admission.js'
import type { PeerHello } from '../../src/raft/node/interfaces.js'

const HELLO: PeerHello = { clusterId: 'c1', nodeId: 'n1', raftId: 1, memberUid: 'u1', listHash: 'h1', empty: false }
const UNFORMED = { ...HELLO, clusterId: '', raftId: 0, empty: true }

function view(change: Partial<AdmissionView> = {}): AdmissionView {
  const known = { nodeId: 'n2', raftId: 2, peerAddress: 'n2:1', memberUid: 'u2' }
  return {
    hello: HELLO,
    leads: false,
    isSure: () => false,
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
    expect(verdict).toMatchObject({ accept: false, reason: expect.stringContaining('another --cluster list') })
  })

  it('a member of a cluster that exists is refused', () => {
    expect(judgePeer(forming, peer()).accept).toBe(false)
  })
})

describe('in a cluster', () => {
  it('its members meet', () => {
    expect(judgePeer(view(), peer()).accept).toBe(true)
  })

  it('a member of another cluster is refused for good', () => {
    const verdict = judgePeer(view(), peer({ clusterId: 'c2' }))
    expect(verdict).toMatchObject({ accept: false, reason: expect.stringMatching(/^final: .*c2/) })
  })

  it('another directory of a member is refused for good', () => {
    const verdict = judgePeer(view(), peer({ memberUid: 'u9' }))
    expect(verdict).toMatchObject({ accept: false, reason: expect.stringMatching(/^final: /) })
  })

  it('a second process of this very node is refused', () => {
    expect(judgePeer(view(), peer({ nodeId: 'n1' })).accept).toBe(false)
  })
})
