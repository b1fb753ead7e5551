/**
 * Which nodes may connect as peers. Refusals go to both logs; a final one tells an empty or removed node that trying again is of
 * no use (it stops with exit 4, if it believes it).
 */

import type { RaftId } from '../../core/types.js'
import { type HelloVerdict, type PeerHello, type Refusal, RefusalCode, type Refuser } from '../../ports/transport.js'
import { haveOneList } from './bootstrap.js'
import type { Knowledge } from './certainty.js'

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
  /** Whether what this node knows of the peer's membership is the cluster's word and not only its own. */
  knowledge(): Knowledge
  /** Peers have certificates: one that was removed must find no door open, not even at a node that does not lead. */
  readonly admitsOnlyMembers: boolean
  /** What the peer's directory has forgotten of what it once answered this node, in words; null if nothing is known. */
  forgottenBy(peer: PeerHello): string | null
  member(nodeId: string): Member | null
  /** Founding members are known by their place in `--cluster` and never claim. */
  readonly phase: 'forming' | 'joining' | 'running'
}

const accept: HelloVerdict = { accept: true }
const refuse = (code: RefusalCode, message: string, isFinal = false): HelloVerdict => ({
  accept: false,
  refusal: { code, isFinal, message },
})

export function judgePeer(self: AdmissionView, peer: PeerHello): HelloVerdict {
  if (peer.nodeId === self.hello.nodeId) {
    return refuse(RefusalCode.sameNode, `two processes call themselves ${peer.nodeId}`)
  }
  if (self.phase === 'joining') return accept
  if (self.phase === 'forming') return judgeWhileForming(self, peer)
  if (!peer.empty && peer.clusterId !== self.hello.clusterId) {
    const message = `${peer.nodeId} belongs to cluster ${peer.clusterId}, this is ${self.hello.clusterId}`
    // Never for good: an address that went to another cluster is the mistake of neither.
    return refuse(RefusalCode.otherCluster, message)
  }
  if (peer.empty) return judgeEmpty(self, peer)
  const forgotten = self.forgottenBy(peer)
  if (forgotten === null) return judgeMember(self, peer)
  return refuse(RefusalCode.forgotten, `${peer.nodeId} has forgotten: ${forgotten}`, true)
}

function judgeWhileForming(self: AdmissionView, peer: PeerHello): HelloVerdict {
  if (!peer.empty) {
    const message = `${peer.nodeId} belongs to cluster ${peer.clusterId} already, this node is only forming one`
    return peer.clusterId === self.hello.clusterId ? accept : refuse(RefusalCode.forming, message)
  }
  return peer.listHash === self.hello.listHash ? accept : refuse(RefusalCode.otherList, whatDiffers(self.hello, peer))
}

function whatDiffers(self: PeerHello, peer: PeerHello): string {
  if (!haveOneList(self.listHash, peer.listHash)) {
    return `${peer.nodeId} was started with another --cluster list than ${self.nodeId}`
  }
  return (
    `${peer.nodeId} and ${self.nodeId} do not begin with the same saved snapshot: ` +
    'stop them, and restore the same file on every node (tnl snapshot restore)'
  )
}

/** An empty directory at a formed cluster: a laggard of the bootstrap, a node just added, or a wiped one (mutant M40). */
function judgeEmpty(self: AdmissionView, peer: PeerHello): HelloVerdict {
  if (peer.clusterId === self.hello.clusterId) return accept
  const member = self.member(peer.nodeId)
  if (member === null) {
    const advice = `add it first: tnl members add ${peer.nodeId} HOST:PEERPORT`
    const message = `${peer.nodeId} is not a member of this cluster; ${advice}`
    return refuse(RefusalCode.notMember, message, isSure(self))
  }
  if (member.memberUid === null || member.memberUid === peer.memberUid) return accept
  const message =
    `${peer.nodeId} was a member with data before, and its directory is empty now; an empty node could vote twice. ` +
    `Replace it: tnl members remove ${peer.nodeId}, then tnl members add ${peer.nodeId} ${member.peerAddress}`
  return refuse(RefusalCode.emptied, message, isSure(self))
}

function judgeMember(self: AdmissionView, peer: PeerHello): HelloVerdict {
  const member = self.member(peer.nodeId)
  if (member?.raftId === peer.raftId) {
    const other = member.memberUid !== null && member.memberUid !== '' && member.memberUid !== peer.memberUid
    if (!other) return accept
    return refuse(RefusalCode.otherDirectory, `another directory of ${peer.nodeId} is the member`, true)
  }
  const what = `${peer.nodeId} (raft id ${peer.raftId}) is not, or no longer, a member of this cluster`
  // Raft ids only grow: a later member has this name, so the earlier one was removed, and nobody need be asked.
  if (member !== null && member.raftId > peer.raftId) return refuse(RefusalCode.notMember, what, true)
  const knowledge = self.knowledge()
  if (self.leads || knowledge === 'sure') return refuse(RefusalCode.notMember, what, knowledge === 'sure')
  // A node that lags on membership changes must admit members added since: one of them may lead now, and
  // nobody else could tell it of the change. Where a quorum can be asked there is somebody else.
  if (!self.admitsOnlyMembers || knowledge === 'alone') return accept
  return refuse(RefusalCode.notMember, what)
}

const isSure = (self: AdmissionView): boolean => self.knowledge() === 'sure'

/** What this node knows when a final refusal reaches it. */
export interface RefusedView {
  /** Null while the directory is empty. */
  readonly clusterId: string | null
  isMember(nodeId: string): boolean
}

/**
 * Whether a final refusal is believed (rules.md, Consensus, Words of peers): whoever reaches the peer port can say one. So it must
 * come from a member that this node dialled and that says it is of the same cluster. An empty node knows no cluster yet and
 * believes whom it was told to dial.
 */
export function isBelieved(self: RefusedView, refusal: Refusal, { nodeId, wasDialled, hello }: Refuser): boolean {
  if (!refusal.isFinal || !wasDialled || hello === null) return false
  return self.clusterId === null || (hello.clusterId === self.clusterId && self.isMember(nodeId))
}
