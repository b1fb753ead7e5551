/** Proof that an earlier process of this directory is dead (rules.md rule 1). */
import type { Epoch } from '../../locks/commands/commands.js'
import { awaited, type Look, type LooksFirst } from '../../raft/ports/looks-first.js'

export interface EpochRecord {
  readonly epoch: Epoch
  /** The kernel's boot id when the record was written. */
  readonly bootId: string
  /** Device and inode of the directory's lock file. */
  readonly lockIdentity: string
}

/** The disk side, injected. This process holds the directory's lock for as long as it lives. */
export interface EpochRecords {
  readonly bootId: string
  readonly lockIdentity: string
  /** The directory is on a file system where a lock that was taken means that its former owner on this kernel is gone. */
  readonly localFs: boolean
  load(): Promise<readonly EpochRecord[]>
  /** Replaces what is stored; resolves once it is synced. */
  store(records: readonly EpochRecord[]): Promise<void>
}

export function recordsThatLook(records: EpochRecords, look: Look): LooksFirst<EpochRecords> {
  const { bootId, lockIdentity, localFs } = records
  const looking: EpochRecords = {
    bootId,
    lockIdentity,
    localFs,
    load: () => awaited(look, records.load()),
    store: (list) => awaited(look, records.store(list)),
  }
  return looking as LooksFirst<EpochRecords>
}

/** True if `earlier`, records of processes before this one, prove that nobody can still speak under `epoch`. */
export function provesDeath(records: EpochRecords, earlier: readonly EpochRecord[], epoch: Epoch): boolean {
  if (!records.localFs || records.bootId === '' || records.lockIdentity === '') return false
  return earlier.some(
    (record) =>
      record.epoch === epoch && record.bootId === records.bootId && record.lockIdentity === records.lockIdentity,
  )
}
