import { FormatError } from '../../bytes/reader.js'
import type { SnapshotMetadata } from '../core/types.js'
import { SNAPSHOT_SYNC_STEP_BYTES } from '../limits.js'
import { type SnapshotReceiver, SnapshotRejected, type StateReader } from '../ports/store.js'
import { CodecError } from './codec.js'
import type { DiskFile } from './disk.js'
import type { FailureLatch } from './failure-latch.js'
import { sameSnapshot } from './snapshot-choice.js'
import { readChunks, readOutline } from './snapshot-format.js'

/** What becomes of the temporary file. */
export interface ReceivedFile {
  publish(): Promise<void>
  discard(): Promise<void>
}

/** Collects the raw bytes of a peer's snapshot file in a temporary file, which nothing trusts before `finish`. */
export class FileSnapshotReceiver implements SnapshotReceiver {
  readonly #file: DiskFile
  readonly #metadata: SnapshotMetadata
  readonly #sizeBytes: number
  readonly #latch: FailureLatch
  readonly #result: ReceivedFile
  #position = 0
  #syncedTo = 0
  #isOpen = true

  constructor(
    file: DiskFile,
    metadata: SnapshotMetadata,
    sizeBytes: number,
    latch: FailureLatch,
    result: ReceivedFile,
  ) {
    this.#file = file
    this.#metadata = metadata
    this.#sizeBytes = sizeBytes
    this.#latch = latch
    this.#result = result
  }

  /** Bytes at any other offset than the expected one are refused: after a gap the transfer restarts (mutant M50). */
  write(offset: number, bytes: Uint8Array): Promise<number> {
    return this.#latch.guard('receiving a snapshot', async () => {
      if (!this.#isOpen) throw new SnapshotRejected('this transfer has ended')
      if (offset !== this.#position) return this.#position
      if (offset + bytes.byteLength > this.#sizeBytes) throw new SnapshotRejected('more bytes than were announced')
      this.#position += bytes.byteLength
      await this.#file.write(offset, bytes)
      if (this.#position - this.#syncedTo >= SNAPSHOT_SYNC_STEP_BYTES) {
        await this.#file.sync()
        this.#syncedTo = this.#position
      }
      return this.#position
    })
  }

  finish(reader: StateReader): Promise<SnapshotMetadata> {
    return this.#latch.guard('receiving a snapshot', async () => {
      if (!this.#isOpen) throw new SnapshotRejected('this transfer has ended')
      try {
        await this.#verify(reader)
        await this.#file.sync()
      } catch (error) {
        await this.#discard()
        throw error
      }
      this.#isOpen = false
      await this.#file.close()
      await this.#result.publish()
      return this.#metadata
    })
  }

  abort(): Promise<void> {
    return this.#latch.guard('giving up a snapshot', () => this.#discard())
  }

  async #discard(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    await this.#file.close()
    await this.#result.discard()
  }

  /** Reads back what is in the file, so that what was verified is what will be restored. */
  async #verify(reader: StateReader): Promise<void> {
    if (this.#position !== this.#sizeBytes) throw new SnapshotRejected('fewer bytes than were announced')
    try {
      const outline = await readOutline(this.#file)
      if (!sameSnapshot(outline.metadata, this.#metadata)) throw new CodecError('it is another snapshot')
      // Each chunk is verified as it is read.
      for await (const chunk of readChunks(this.#file, outline)) reader.push(chunk)
      reader.end()
    } catch (error) {
      if (error instanceof CodecError || error instanceof FormatError)
        throw new SnapshotRejected(`the snapshot that arrived: ${error.message}`)
      throw error
    }
  }
}
