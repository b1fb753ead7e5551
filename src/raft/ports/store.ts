/**
 * The seam of the disk.
 * - Who calls: the start of a node (`loaded`, `openSnapshot`); the append loop (`append`, `installSnapshot`, one write at a time,
 *   in the order of the log); beside it, at any moment, the makers and transfers of snapshots, the trimmer (`compact`), and
 *   whoever keeps a small record.
 * - What may throw: nothing; a method rejects, with a StoreError. From then on every method rejects with that same error,
 *   because nobody knows what is on the disk. The exceptions leave the store as it was: `SnapshotReceiver.finish`, when what was
 *   received is at fault, and OlderProgramError.
 */
import type { Entry, HardState, Index, RaftId, SnapshotMetadata, Term } from '../core/types.js'

/** Who this directory belongs to. Written once, before the first vote, and compared at each start (`foreign`). */
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

/** A saved snapshot that was put into a directory which is nobody's yet: the founders begin with its state (ADR 32). */
export interface Seed {
  /** SHA-256 of what was saved: all founders must have the same. */
  readonly seal: string
  /** Of the last entry that it contains. */
  readonly index: Index
  /** Tokens of the restored cluster begin no lower than with this time (x 2^20), whatever a clock says then. */
  readonly leastUnixSeconds: number
  /** When it was put there, by this machine's clock. */
  readonly plantedUnixSeconds: number
  /** L of the cluster that was saved. */
  readonly nodeLeaseMs: number
  open(): Promise<SnapshotReader>
  /** The cluster has begun. */
  forget(): Promise<void>
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

/** Reads the chunks of a snapshot as the state machine would, and replaces nothing. Throws FormatError or OlderProgramError. */
export interface StateReader {
  push(chunk: Uint8Array): void
  end(): void
}

export interface SnapshotReceiver {
  /** Bytes must come in order; returns the offset expected next. */
  write(offset: number, bytes: Uint8Array): Promise<number>
  /**
   * Verifies, syncs and renames; afterwards the snapshot is durable and `openSnapshot` finds it. `reader` is given all that the
   * file holds: only what can be read by this program is taken. Rejects with `SnapshotRejected` if the bytes are not that
   * snapshot or no state, with OlderProgramError if they are for a newer program; nothing of it is kept then.
   */
  finish(reader: StateReader): Promise<SnapshotMetadata>
  abort(): Promise<void>
}

/** The durable side of one node. An fsync error is never retried (fsyncgate): the first failure is the last thing it does. */
export interface LogStore {
  readonly loaded: LoadedLog
  /** Only in a directory without an identity. */
  readonly seed: Seed | null
  /** The node has taken over `loaded`: its entries, which may be hundreds of MiB, are not kept here any longer. */
  forgetLoaded(): void
  /** Calls `run` once if a write fails that was acknowledged already, so that no caller is told. */
  onFailure(run: (error: unknown) => void): void
  append(batch: LogBatch): Promise<void>
  writeIdentity(identity: Identity): Promise<void>
  /** Small synced records of the upper layers (epoch records, bootstrap record). Null deletes. */
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
  /**
   * The cluster's feature level has risen: from now on an older program refuses this directory before it reads anything in it.
   * A level that it has already changes nothing.
   */
  raiseLevel(level: number): Promise<void>
  close(): Promise<void>
}

export type StoreErrorKind = 'damaged' | 'foreign' | 'locked' | 'disk-full' | 'io'

/** `message` says what, where and what to do. What a process ends with is not decided here but in server/exit-status.ts. */
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

/** This directory has forgotten what it had acknowledged: it must never take part again, and is refused at every start. */
export class ForgottenError extends StoreError {
  constructor(what: string) {
    super(
      'damaged',
      `this directory has forgotten what it had acknowledged (${what}): it was put back to an older state, or its disk lost what it had reported as written. ` +
        'It must not be used again: tnl members remove this node, then add it as a new one with an empty --data-dir',
    )
  }
}
