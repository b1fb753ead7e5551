import type { SnapshotMetadata } from '../core/types.js'
import type { SnapshotReader } from '../ports/store.js'
import { CodecError } from './codec.js'
import type { DiskFile } from './disk.js'
import type { FailureLatch } from './failure-latch.js'
import { readChunks, type SnapshotOutline } from './snapshot-format.js'

/** An open snapshot file. It stays readable when a newer snapshot has taken its place. */
export class FileSnapshotReader implements SnapshotReader {
  readonly metadata: SnapshotMetadata
  readonly sizeBytes: number
  readonly #file: DiskFile
  readonly #outline: SnapshotOutline
  readonly #latch: FailureLatch
  readonly #damaged: (error: CodecError) => Error

  constructor(file: DiskFile, outline: SnapshotOutline, latch: FailureLatch, damaged: (error: CodecError) => Error) {
    this.metadata = outline.metadata
    this.sizeBytes = outline.sizeBytes
    this.#file = file
    this.#outline = outline
    this.#latch = latch
    this.#damaged = damaged
  }

  readRaw(offset: number, maxBytes: number): Promise<Uint8Array> {
    return this.#latch.guard('reading a snapshot', () => this.#file.read(offset, maxBytes))
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    const chunks = readChunks(this.#file, this.#outline)
    for (;;) {
      const step = await this.#latch.guard('reading a snapshot', () => this.#next(chunks))
      if (step.done === true) return
      yield step.value
    }
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  async #next(chunks: AsyncGenerator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
    try {
      return await chunks.next()
    } catch (error) {
      throw error instanceof CodecError ? this.#damaged(error) : error
    }
  }
}
