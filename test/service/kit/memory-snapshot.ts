import type { SnapshotMetadata } from '../../../src/raft/core/types.js'
import type { StateMachine } from '../../../src/raft/ports/state-machine.js'
import type { SnapshotReader } from '../../../src/raft/ports/store.js'

const CHUNK_BYTES = 4_096

/** The state of a machine as it is now, as though it had been written to a file. */
export class MemorySnapshot implements SnapshotReader {
  isClosed = false
  readonly #bytes: Buffer

  constructor(
    readonly metadata: SnapshotMetadata,
    machine: Pick<StateMachine, 'snapshot'>,
  ) {
    const source = machine.snapshot()
    const chunks: Uint8Array[] = []
    for (let chunk = source.next(CHUNK_BYTES); chunk !== null; chunk = source.next(CHUNK_BYTES)) chunks.push(chunk)
    this.#bytes = Buffer.concat(chunks)
  }

  get sizeBytes(): number {
    return this.#bytes.byteLength
  }

  async readRaw(offset: number, maxBytes: number): Promise<Uint8Array> {
    return this.#bytes.subarray(offset, offset + maxBytes)
  }

  async *chunks(): AsyncIterable<Uint8Array> {
    yield this.#bytes
  }

  async close(): Promise<void> {
    this.isClosed = true
  }
}
