/**
 * The seam of the network.
 * - Who calls: the node, from any of its turns. The transport calls the handlers when bytes arrived, a connection ended or a
 *   dial did; never from within a call of the node, which is in the middle of something else then.
 * - What may throw: `start` rejects with a BindError, `onFrame` throws PeerProtocolError; nothing else does. `send` never waits:
 *   a frame may be lost, and what it carried is sent again by whoever needs it to arrive.
 */
import type { Index, RaftId, Term } from '../core/types.js'

export const Lane = { control: 0, bulk: 1 } as const
export type Lane = (typeof Lane)[keyof typeof Lane]

/** What a peer frame carries. The transport does not look inside; node and server do. */
export const FrameKind = {
  raft: 1,
  /** Commands that a node which does not lead asks the leader to propose. */
  propose: 2,
  snapshotBegin: 3,
  snapshotChunk: 4,
  snapshotAck: 5,
  /** The first bootstrap of a cluster (rules.md, Consensus). */
  bootstrap: 6,
  /** Node lease renewals and their answers (rules.md rules 2, 3). */
  renew: 7,
  renewed: 8,
  /** Administration asked at another node than the leader. */
  admin: 9,
  adminResult: 10,
  /** A leader's word to a node that proposes: it takes no new work now (1), or does so again (0). */
  busy: 11,
} as const
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind]

export interface Peer {
  readonly nodeId: string
  /** 0 while unknown: during bootstrap, or at a joiner. */
  readonly raftId: RaftId
  /** HOST:PORT of its peer port. */
  readonly address: string
  /** Another HOST:PORT where it may be found while it does not answer there. */
  readonly otherAddress?: string
}

/** Bytes that no honest peer of this version sends: the connection that they came over is closed, and nothing else happens. */
export class PeerProtocolError extends Error {
  override readonly name: string = 'PeerProtocolError'
  readonly code: string = 'TNL_PEER_PROTOCOL'
}

/** What a directory has promised: its term, its vote in that term (0: none), and the last index of its log. */
export interface Held {
  readonly term: Term
  readonly vote: RaftId
  readonly lastIndex: Index
}

/** Said by both sides first. Empty strings and 0 mean "not known yet". */
export interface PeerHello {
  readonly clusterId: string
  readonly nodeId: string
  readonly raftId: RaftId
  readonly memberUid: string
  /** Hash of the `--cluster` list; compared only while a cluster forms. */
  readonly listHash: string
  /** True while the directory holds no identity. */
  readonly empty: boolean
  /** What its program can read and write (docs/operations/upgrade.md). */
  readonly level: number
  /** Random; tells this process from earlier ones of the same directory. */
  readonly processId: string
  /** What the directory held when this process started; says nothing of what the process has stored since. */
  readonly held: Held
}

/** Why a peer is turned away. The codes travel; the words beside them are for people alone. */
export const RefusalCode = {
  /** No version of the peer protocol is common to both. */
  version: 'version',
  /** Two processes say the same node id, or a node has dialled itself. */
  sameNode: 'same-node',
  /** Another node than the one that was dialled answers at that address. */
  otherNode: 'other-node',
  otherCluster: 'other-cluster',
  /** Started with another `--cluster` list, while a cluster forms. */
  otherList: 'other-list',
  /** The one has formed a cluster, the other is only forming one. */
  forming: 'forming',
  notMember: 'not-member',
  /** A member's directory is empty now. */
  emptied: 'emptied',
  /** Another directory is the member. */
  otherDirectory: 'other-directory',
  /** It did not prove that it knows the peer secret, or has another one. */
  secret: 'secret',
  /** Its certificate does not name it, or it has none. */
  certificate: 'certificate',
  /** Its directory has forgotten what an earlier process of it had answered. */
  forgotten: 'forgotten',
} as const
export type RefusalCode = (typeof RefusalCode)[keyof typeof RefusalCode]

export interface Refusal {
  /** A `RefusalCode`, or a word of a newer program. */
  readonly code: string
  /** Trying again is of no use. Whether that is believed is the business of who was refused (peer-verdict.ts). */
  readonly isFinal: boolean
  readonly message: string
}

/** The verdict on a peer's hello; a refusal is sent to it and both logs name the reason. */
export type HelloVerdict = { readonly accept: true } | { readonly accept: false; readonly refusal: Refusal }

/** Who refused this node. */
export interface Refuser {
  readonly nodeId: string
  /** This node had dialled it, as the one that it says to be. */
  readonly wasDialled: boolean
  /** What it said of itself before; null if it said nothing, or had not proved yet that it knows the peer secret. */
  readonly hello: PeerHello | null
}

export const PeerDownReason = {
  closed: 'closed',
  refused: 'refused',
  timeout: 'timeout',
  replaced: 'replaced',
} as const
export type PeerDownReason = (typeof PeerDownReason)[keyof typeof PeerDownReason]

export interface TransportHandlers {
  hello(): PeerHello
  /** `wasDialled`: this node had dialled the peer, which then does not take its word as final. */
  judge(hello: PeerHello, wasDialled: boolean): HelloVerdict
  onRefused(refusal: Refusal, by: Refuser): void
  /**
   * `kind` may be one that this program does not know. Throws PeerProtocolError when the peer cannot have meant that, before
   * anything of it was used: then the connection is closed.
   */
  onFrame(from: string, kind: FrameKind, payload: Uint8Array): void
  onUp(peer: PeerHello): void
  /** `refused`: the connection ended and a dial at once was refused or reset too, which is a hint that the process is dead. */
  onDown(nodeId: string, reason: PeerDownReason): void
}

/** Connections to the peers, keyed by node id. Frames of one lane arrive in order or not at all. */
export interface Transport {
  start(handlers: TransportHandlers): Promise<void>
  /** The peers to keep a connection to. Connections to others are closed. */
  setPeers(peers: readonly Peer[]): void
  /** False when there is no connection or the lane's buffer is full: then nothing was queued and the peer is unreachable. */
  send(to: string, lane: Lane, kind: FrameKind, parts: readonly Uint8Array[]): boolean
  isUp(nodeId: string): boolean
  /** The connection to this peer is there, and it was this node that dialled. */
  wasDialled(nodeId: string): boolean
  /** Bytes queued on the bulk lane, for the pacing of snapshot transfers. */
  bulkBacklogBytes(to: string): number
  close(): Promise<void>
}

/** Who answered at an address that nobody vouches for yet. */
export type Greeting =
  /** Nobody is there, or nobody yet. */
  | { readonly kind: 'unreachable'; readonly detail: string }
  /** Somebody is there who is no peer. */
  | { readonly kind: 'stranger'; readonly detail: string }
  | { readonly kind: 'peer'; readonly hello: PeerHello }
