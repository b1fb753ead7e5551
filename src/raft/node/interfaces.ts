/**
 * The seams of the Raft node: what the driver needs from a disk, a network, a clock and a state machine. The simulator
 * supplies fakes for the first three and runs the real driver and the real state machine over them.
 */
import type {
  ConfChangeSingle,
  ConfState,
  Entry,
  HardState,
  Index,
  RaftId,
  SnapshotMetadata,
  Term,
} from '../core/types.js'

// ---------------------------------------------------------------------------------------------- clock

export interface Timer {
  cancel(): void
}

/** Monotonic milliseconds and timers. Both readings have an arbitrary origin; only differences mean anything. */
export interface Clock {
  /** For whoever speaks or holds: the larger of hrtime and boot time, which includes suspend (engine.md §4 rule 7). */
  speakerNow(): number
  /** For whoever takes away: the smaller of the two. */
  takerNow(): number
  /** Wall-clock time for display only: logs, "held for". Milliseconds since 1970. */
  wallNow(): number
  after(delayMs: number, run: () => void): Timer
  /** Runs `run` once the current turn of the event loop has handled what arrived. Several calls keep their order. */
  soon(run: () => void): void
}

/** Randomness is injected too: a seed replays a run exactly. */
export interface Random {
  /** A uniform integer in [0, bound). */
  int(bound: number): number
  bytes(count: number): Uint8Array
}

// -------------------------------------------------------------------------------------------- storage

/** Who this directory belongs to. Written once, before the first vote, and compared at each start (exit 4). */
export interface Identity {
  readonly clusterId: string
  readonly nodeId: string
  readonly raftId: RaftId
  /** Random; tells a directory from a wiped successor that has the same node id. */
  readonly memberUid: string
}

export interface LoadedLog {
  readonly identity: Identity | null
  readonly hardState: HardState
  /** The newest complete snapshot on disk, or null. */
  readonly snapshot: SnapshotMetadata | null
  /** Contiguous, from `firstIndex` (at most snapshot.index + 1; a trailing window below the snapshot may be kept). */
  readonly entries: readonly Entry[]
  /** Index and term of the entry just before `entries[0]`. */
  readonly prevIndex: Index
  readonly prevTerm: Term
}

/** One atomic, synced write. `entries` replace everything stored from `entries[0].index` on. */
export interface LogBatch {
  readonly hardState: HardState | null
  readonly entries: readonly Entry[]
  /** False when only the commit index changed: then no sync is waited for. */
  readonly mustSync: boolean
}

/** Produces a snapshot of the state at one index while later entries go on being applied. Each call returns soon (< 5 ms). */
export interface SnapshotSource {
  /** The next chunk of about `targetBytes`, or null at the end. */
  next(targetBytes: number): Uint8Array | null
  /** Ends an unfinished production, so that the state machine need not keep its past any longer. */
  abort(): void
}

export interface SnapshotReader {
  readonly metadata: SnapshotMetadata
  /** Total bytes of the file as transferred between peers. */
  readonly sizeBytes: number
  /** Raw bytes of the file, for a transfer to a peer. Empty at the end. */
  readRaw(offset: number, maxBytes: number): Promise<Uint8Array>
  /** The chunks as the source produced them, each verified by its checksum. */
  chunks(): AsyncIterable<Uint8Array>
  close(): Promise<void>
}

/** What arrived is not the snapshot that was announced. Only the transfer failed: the store stays usable. */
export class SnapshotRejected extends Error {
  override readonly name = 'SnapshotRejected'
  readonly code = 'TNL_SNAPSHOT_REJECTED'
}

export interface SnapshotReceiver {
  /** Bytes must come in order; returns the offset expected next. */
  write(offset: number, bytes: Uint8Array): Promise<number>
  /**
   * Verifies, syncs and renames; afterwards the snapshot is durable and `openSnapshot` finds it. Rejects with
   * `SnapshotRejected` if the bytes are not that snapshot; nothing of it is kept then.
   */
  finish(): Promise<SnapshotMetadata>
  abort(): Promise<void>
}

/**
 * The durable side of one node. At most one `append` is in flight. Every method that fails leaves the store unusable
 * and rejects with a `StoreError`: an fsync error is never retried (fsyncgate).
 */
export interface LogStore {
  readonly loaded: LoadedLog
  /** The node has taken over `loaded`: its entries, which may be hundreds of MiB, are not kept here any longer. */
  forgetLoaded(): void
  /** Calls `run` once if a write fails that was acknowledged already, so that no caller is told. */
  onFailure(run: (error: unknown) => void): void
  append(batch: LogBatch): Promise<void>
  writeIdentity(identity: Identity): Promise<void>
  /** Small synced records of the upper layers (epoch records, formation record). Null deletes. */
  putRecord(key: string, value: Uint8Array | null): Promise<void>
  getRecord(key: string): Promise<Uint8Array | null>
  /** Writes a snapshot: temporary file, sync, rename, sync of the directory. */
  saveSnapshot(metadata: SnapshotMetadata, source: SnapshotSource): Promise<void>
  openSnapshot(index: Index, term: Term): Promise<SnapshotReader>
  receiveSnapshot(metadata: SnapshotMetadata, sizeBytes: number): Promise<SnapshotReceiver>
  /** Makes a received snapshot the start of the log, with `hardState`: every stored entry goes, in one synced batch. */
  installSnapshot(metadata: SnapshotMetadata, hardState: HardState | null): Promise<void>
  /** Forgets entries up to and including `index`. Only ever at or below a durable snapshot. */
  compact(index: Index): Promise<void>
  close(): Promise<void>
}

export type StoreErrorKind = 'damaged' | 'foreign' | 'locked' | 'disk-full' | 'io'

/** `message` says what, where and what to do. damaged/foreign end with exit 4, locked with 2, disk-full and io with 3. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code = 'TNL_STORE'
  constructor(
    readonly kind: StoreErrorKind,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options)
  }
}

/** This directory has forgotten what it had acknowledged: it must never take part again (exit 4, at every start). */
export class ForgottenError extends StoreError {
  constructor(what: string) {
    super(
      'damaged',
      `this directory has forgotten what it had acknowledged (${what}): it was put back to an older state, or its disk lost what it had reported as written. ` +
        'It must not be used again: tnl members remove this node, then add it as a new one with an empty --data-dir',
    )
  }
}

// ------------------------------------------------------------------------------------------ transport

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
  /** The first formation of a cluster (engine.md §2 Bootstrap). */
  formation: 6,
  /** Node lease renewals and their answers (engine.md §4 rules 2, 3). */
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
  /** 0 while unknown: during formation, or at a joiner. */
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
  /** What its program can read and write (engine.md §7). */
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
  /** Its directory has forgotten what an earlier process of it had answered. */
  forgotten: 'forgotten',
} as const
export type RefusalCode = (typeof RefusalCode)[keyof typeof RefusalCode]

export interface Refusal {
  /** A `RefusalCode`, or a word of a newer program. */
  readonly code: string
  /** Trying again is of no use. Whether that is believed is the business of who was refused (`RaftNode`). */
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
  /** `closed`: the connection ended and a dial at once was refused or reset too, which is a hint that the process is dead. */
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

// -------------------------------------------------------------------------------------- state machine

/** A deterministic state machine. `apply*` is called in log order, once per index, on every node alike. */
export interface StateMachine {
  /** One command of an entry; an entry is a batch of them. Must not throw on commands of a log that it wrote itself. */
  applyCommand(index: Index, command: Uint8Array): void
  /** After the last command of the entry at `index` (also for empty entries and membership changes). */
  endEntry(index: Index): void
  applyMembership(index: Index, confState: ConfState, changes: readonly ConfChangeSingle[], context: Uint8Array): void
  /** A consistent image of the state after the last `endEntry`. */
  snapshot(): SnapshotSource
  beginRestore(): SnapshotRestorer
  /** Equal on all nodes at equal indexes, whatever way the state came about. */
  stateHash(): string
}

export interface SnapshotRestorer {
  push(chunk: Uint8Array): void
  /** Replaces the whole state by what was pushed (never merges, raft-reference M48). */
  finish(index: Index): void
}
