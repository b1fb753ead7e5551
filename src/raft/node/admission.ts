/**
 * Who may connect as a peer. Refusals are words for operators and go to both logs; those that begin with `final:` tell
 * an empty or removed node that trying again is of no use (it stops with exit 4).
 */

import type { RaftId } from '../core/types.js'
import { REMEMBERED_REFUSALS } from '../limits.js'
import type { HelloVerdict, PeerHello } from './interfaces.js'
import type { NodeApi } from './node-api.js'

export const FINAL_REFUSAL = 'final: '

export interface Member {
  readonly nodeId: string
  readonly raftId: RaftId
  readonly peerAddress: string
  /** Null until a directory has claimed this member's Raft id. */
  readonly memberUid: string | null
}

/** How this node stands when a peer says hello. */
export interface AdmissionView {
  readonly hello: PeerHello
  readonly leads: boolean
  /** What this node knows of the peer's membership is the cluster's word and not only its own. */
  isSure(): boolean
  member(nodeId: string): Member | null
  /** Founding members are known by their place in `--cluster` and never claim. */
  readonly phase: 'forming' | 'joining' | 'running'
}

/**
 * When a node may turn a peer away for good: as a leader that a quorum confirmed after the peer had asked. A follower, and
 * a leader that was deposed without knowing it, may only not have heard yet that the peer was added.
 */
export class Certainty {
  readonly #confirmed = new Set<string>()

  constructor(private readonly node: Pick<NodeApi, 'confirmLeadership' | 'appliedIndex'>) {}

  /** False when first asked: the peer tries again, and the quorum has been asked by then. Serves one answer. */
  about({ nodeId, raftId, memberUid }: PeerHello): boolean {
    const key = `${nodeId} ${raftId} ${memberUid}`
    if (this.#confirmed.delete(key)) return true
    if (this.#confirmed.size >= REMEMBERED_REFUSALS) this.#confirmed.clear()
    this.node.confirmLeadership((index) => {
      if (index !== null && this.node.appliedIndex() >= index) this.#confirmed.add(key)
    })
    return false
  }
}

const accept: HelloVerdict = { accept: true }
const refuse = (reason: string): HelloVerdict => ({ accept: false, reason })

export function judgePeer(self: AdmissionView, peer: PeerHello): HelloVerdict {
  if (peer.nodeId === self.hello.nodeId) return refuse(`two processes call themselves ${peer.nodeId}`)
  if (self.phase === 'joining') return accept
  if (self.phase === 'forming') return judgeWhileForming(self, peer)
  if (!peer.empty && peer.clusterId !== self.hello.clusterId) {
    return refuse(
      `${FINAL_REFUSAL}${peer.nodeId} belongs to cluster ${peer.clusterId}, this is ${self.hello.clusterId}`,
    )
  }
  return peer.empty ? judgeEmpty(self, peer) : judgeMember(self, peer)
}

function judgeWhileForming(self: AdmissionView, peer: PeerHello): HelloVerdict {
  if (!peer.empty) {
    return peer.clusterId === self.hello.clusterId
      ? accept
      : refuse(`${peer.nodeId} belongs to cluster ${peer.clusterId} already, this node is only forming one`)
  }
  return peer.listHash === self.hello.listHash
    ? accept
    : refuse(`${peer.nodeId} was started with another --cluster list than ${self.hello.nodeId}`)
}

/** An empty directory at a formed cluster: a laggard of the formation, a node just added, or a wiped one (M40). */
function judgeEmpty(self: AdmissionView, peer: PeerHello): HelloVerdict {
  if (peer.clusterId === self.hello.clusterId) return accept
  const member = self.member(peer.nodeId)
  if (member === null) {
    const advice = `add it first: tnl members add ${peer.nodeId} HOST:PEERPORT`
    return refuse(`${finalIfSure(self)}${peer.nodeId} is not a member of this cluster; ${advice}`)
  }
  if (member.memberUid === null || member.memberUid === peer.memberUid) return accept
  return refuse(
    `${finalIfSure(self)}${peer.nodeId} was a member with data before, and its directory is empty now; an empty node could vote twice. ` +
      `Replace it: tnl members remove ${peer.nodeId}, then tnl members add ${peer.nodeId} ${member.peerAddress}`,
  )
}

function judgeMember(self: AdmissionView, peer: PeerHello): HelloVerdict {
  const member = self.member(peer.nodeId)
  if (member?.raftId === peer.raftId) {
    const other = member.memberUid !== null && member.memberUid !== '' && member.memberUid !== peer.memberUid
    return other ? refuse(`${FINAL_REFUSAL}another directory of ${peer.nodeId} is the member`) : accept
  }
  // Who is behind on membership changes must let in those that were added meanwhile: one of them may lead now, and
  // nobody else could tell it of the change.
  if (!self.leads) return accept
  const what = `${peer.nodeId} (raft id ${peer.raftId}) is not, or no longer, a member of this cluster`
  return refuse(`${finalIfSure(self)}${what}`)
}

const finalIfSure = (self: AdmissionView): string => (self.isSure() ? FINAL_REFUSAL : '')
