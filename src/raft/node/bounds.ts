import {
  APPEND_MESSAGE_BYTES,
  BUNDLE_FRAME_BYTES,
  DISK_HANGS_MS,
  ENTRY_BYTES,
  FORWARD_BYTES,
  INFLIGHT_BYTES,
  LOG_HELD_BYTES,
  LOG_HELD_ENTRIES,
  PROPOSALS_BYTES,
  SNAPSHOT_INTERVAL_BYTES,
  SNAPSHOT_INTERVAL_ENTRIES,
  TRAILING_WINDOW_BYTES,
  TRAILING_WINDOW_ENTRIES,
  UNCOMMITTED_BYTES,
} from '../limits.js'

/** The amounts, and one time, that a node goes by. Servers all have those of `limits.ts`; the simulator reaches small ones in seconds. */
export interface Bounds {
  readonly entryBytes: number
  readonly proposalsBytes: number
  readonly forwardBytes: number
  readonly uncommittedBytes: number
  readonly bundleFrameBytes: number
  readonly appendMessageBytes: number
  readonly inflightBytes: number
  readonly snapshotIntervalEntries: number
  readonly snapshotIntervalBytes: number
  readonly trailingEntries: number
  readonly trailingBytes: number
  readonly heldEntries: number
  readonly heldBytes: number
  /** A process whose write is older may end (see slow-disk.ts). */
  readonly diskHangsMs: number
}

export const DEFAULT_BOUNDS: Bounds = {
  entryBytes: ENTRY_BYTES,
  proposalsBytes: PROPOSALS_BYTES,
  forwardBytes: FORWARD_BYTES,
  uncommittedBytes: UNCOMMITTED_BYTES,
  bundleFrameBytes: BUNDLE_FRAME_BYTES,
  appendMessageBytes: APPEND_MESSAGE_BYTES,
  inflightBytes: INFLIGHT_BYTES,
  snapshotIntervalEntries: SNAPSHOT_INTERVAL_ENTRIES,
  snapshotIntervalBytes: SNAPSHOT_INTERVAL_BYTES,
  trailingEntries: TRAILING_WINDOW_ENTRIES,
  trailingBytes: TRAILING_WINDOW_BYTES,
  heldEntries: LOG_HELD_ENTRIES,
  heldBytes: LOG_HELD_BYTES,
  diskHangsMs: DISK_HANGS_MS,
}

export const boundsOf = ({ bounds }: { readonly bounds?: Partial<Bounds> }): Bounds => ({
  ...DEFAULT_BOUNDS,
  ...bounds,
})
