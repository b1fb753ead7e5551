/**
 * Why an input was refused. Refusals are ordinary answers on hot paths (a proposal without a leader), so they are
 * returned, not thrown; the words are those of etcd-raft, since scenario files print them.
 */
export const Refusal = {
  proposalDropped: 'raft proposal dropped',
  localMessage: 'raft: cannot step raft local message',
  peerNotFound: 'raft: cannot step as peer not found',
} as const
export type Refusal = (typeof Refusal)[keyof typeof Refusal]

/** A storage was asked to change something that it has already replaced by a snapshot. */
export class CompactedError extends Error {
  override readonly name = 'CompactedError'
  readonly code = 'TNL_COMPACTED'
  constructor() {
    super('requested index is unavailable due to compaction')
  }
}

/** A snapshot is not newer than the one that a storage has. */
export class SnapshotOutOfDateError extends Error {
  override readonly name = 'SnapshotOutOfDateError'
  readonly code = 'TNL_SNAPSHOT_OUT_OF_DATE'
  constructor() {
    super('requested index is older than the existing snapshot')
  }
}

/** A configuration value that cannot work; `message` names it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code = 'TNL_RAFT_CONFIG'
}
