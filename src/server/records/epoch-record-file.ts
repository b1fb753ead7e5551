/** The disk side of rule 1's proof of death: records of this directory's epochs, and what ties them to this kernel. */
import { pack, unpack } from 'msgpackr'
import type { LogStore } from '../../raft/ports/store.js'
import { bootId, isLocalFileSystem, lockFileIdentity } from '../../raft/store/host.js'
import type { EpochRecord, EpochRecords } from '../../service/lock-service.js'

const RECORD_KEY = 'epochs'

export async function openEpochRecords(dataDir: string, store: LogStore): Promise<EpochRecords> {
  const { device, inode } = await lockFileIdentity(dataDir)
  return {
    bootId: (await bootId()) ?? '',
    lockIdentity: `${device}:${inode}`,
    localFs: await isLocalFileSystem(dataDir),
    load: async () => {
      const bytes = await store.getRecord(RECORD_KEY)
      return bytes === null ? [] : (unpack(bytes) as EpochRecord[])
    },
    store: (records) => store.putRecord(RECORD_KEY, pack(records)),
  }
}
