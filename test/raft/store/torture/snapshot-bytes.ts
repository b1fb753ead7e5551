import type { SnapshotMetadata } from '../../../../src/raft/core/types.js'
import type { DiskFile } from '../../../../src/raft/store/disk.js'
import { SnapshotWriter } from '../../../../src/raft/store/snapshot-format.js'

/** A snapshot file as a peer sends it. */
export async function snapshotFileBytes(metadata: SnapshotMetadata, chunks: readonly Uint8Array[]): Promise<Buffer> {
  const parts: Uint8Array[] = []
  const done = Promise.resolve()
  const file: DiskFile = {
    read: () => Promise.reject(new Error('only written')),
    write: (_position, bytes) => {
      parts.push(bytes)
      return done
    },
    sync: () => done,
    sizeBytes: () => Promise.resolve(0),
    close: () => done,
  }
  const writer = new SnapshotWriter(file)
  await writer.begin(metadata)
  for (const chunk of chunks) await writer.chunk(chunk)
  await writer.end()
  return Buffer.concat(parts)
}
