import type { Clock } from '../../../src/platform.js'
import type { Entry, HardState, SnapshotMetadata } from '../../../src/raft/core/types.js'
import type {
  Identity,
  LoadedLog,
  LogBatch,
  LogStore,
  SnapshotReader,
  SnapshotReceiver,
  SnapshotSource,
} from '../../../src/raft/ports/store.js'

const CHUNK_HEADER_BYTES = 4

/** What survives a crash of the process. Everything written here counts as synced. */
export class FakeDisk {
  identity: Identity | null = null
  hardState: HardState = { term: 0, vote: 0, commit: 0 }
  entries: Entry[] = []
  prevIndex = 0
  prevTerm = 0
  snapshot: SnapshotMetadata | null = null
  readonly snapshots = new Map<string, { metadata: SnapshotMetadata; bytes: Uint8Array }>()
  readonly records = new Map<string, Uint8Array>()
  #held: (() => void)[] | null = null

  /** As an operator copies a directory, or a snapshot of its volume. */
  copy(): FakeDisk {
    const { identity, hardState, entries, prevIndex, prevTerm, snapshot } = this
    const copy = Object.assign(new FakeDisk(), { identity, hardState, entries, prevIndex, prevTerm, snapshot })
    for (const [name, one] of this.snapshots) copy.snapshots.set(name, one)
    for (const [name, bytes] of this.records) copy.records.set(name, bytes)
    return copy
  }

  /** Writes are not answered any more ... */
  hang(): void {
    this.#held ??= []
  }

  /** ... until it answers all of them. */
  answer(): void {
    const held = this.#held ?? []
    this.#held = null
    for (const run of held) run()
  }

  whenItAnswers(run: () => void): void {
    if (this.#held === null) run()
    else this.#held.push(run)
  }
}

/** A store in memory whose writes take a little virtual time, and which a crash cuts off. */
export class FakeStore implements LogStore {
  readonly loaded: LoadedLog
  readonly seed = null
  /** To be called as the real store does when a write fails behind an acknowledgement. */
  failure: (error: unknown) => void = () => undefined
  #closed = false

  constructor(
    readonly disk: FakeDisk,
    private readonly clock: Clock,
    private readonly writeMs: () => number = () => 1,
  ) {
    const { identity, hardState, snapshot, entries, prevIndex, prevTerm } = disk
    this.loaded = { identity, hardState, snapshot, entries: [...entries], prevIndex, prevTerm }
  }

  #write<T>(work: () => T): Promise<T> {
    return new Promise((resolve) => {
      const finish = () => {
        if (!this.#closed) resolve(work())
      }
      this.clock.after(this.writeMs(), () => this.disk.whenItAnswers(finish))
    })
  }

  forgetLoaded(): void {}

  onFailure(run: (error: unknown) => void): void {
    this.failure = run
  }

  append(batch: LogBatch): Promise<void> {
    return this.#write(() => {
      const { disk } = this
      if (batch.hardState !== null) disk.hardState = batch.hardState
      const first = batch.entries[0]
      if (first === undefined) return
      disk.entries = [...disk.entries.slice(0, first.index - disk.prevIndex - 1), ...batch.entries]
    })
  }

  writeIdentity(identity: Identity): Promise<void> {
    return this.#write(() => {
      this.disk.identity = identity
    })
  }

  putRecord(key: string, value: Uint8Array | null): Promise<void> {
    return this.#write(() => {
      if (value === null) this.disk.records.delete(key)
      else this.disk.records.set(key, value)
    })
  }

  getRecord(key: string): Promise<Uint8Array | null> {
    return Promise.resolve(this.disk.records.get(key) ?? null)
  }

  saveSnapshot(metadata: SnapshotMetadata, source: SnapshotSource): Promise<void> {
    const parts: Uint8Array[] = []
    for (let chunk = source.next(1000); chunk !== null; chunk = source.next(1000)) {
      const header = new Uint8Array(CHUNK_HEADER_BYTES)
      new DataView(header.buffer).setUint32(0, chunk.length)
      parts.push(header, chunk.slice())
    }
    return this.#write(() => this.#keep(metadata, new Uint8Array(Buffer.concat(parts))))
  }

  #keep(metadata: SnapshotMetadata, bytes: Uint8Array): void {
    this.disk.snapshots.set(`${metadata.index}-${metadata.term}`, { metadata, bytes })
    const newest = this.disk.snapshot
    if (newest !== null && newest.index < metadata.index && metadata.index <= this.#lastIndex())
      this.disk.snapshot = metadata
  }

  #lastIndex(): number {
    return this.disk.prevIndex + this.disk.entries.length
  }

  openSnapshot(index: number, term: number): Promise<SnapshotReader> {
    const found = this.disk.snapshots.get(`${index}-${term}`)
    if (found === undefined) return Promise.reject(new Error(`no snapshot ${index}-${term}`))
    const { metadata, bytes } = found
    return Promise.resolve({
      metadata,
      sizeBytes: bytes.length,
      readRaw: (offset, maxBytes) => Promise.resolve(bytes.slice(offset, offset + maxBytes)),
      async *chunks() {
        for (let offset = 0; offset < bytes.length; ) {
          const length = new DataView(bytes.buffer, bytes.byteOffset + offset).getUint32(0)
          yield bytes.slice(offset + CHUNK_HEADER_BYTES, offset + CHUNK_HEADER_BYTES + length)
          offset += CHUNK_HEADER_BYTES + length
        }
      },
      close: () => Promise.resolve(),
    })
  }

  /** As a file, it has no room for what was only announced. */
  receiveSnapshot(metadata: SnapshotMetadata): Promise<SnapshotReceiver> {
    const chunks: Uint8Array[] = []
    let position = 0
    return Promise.resolve({
      write: (offset, chunk) => {
        if (offset === position) {
          chunks.push(chunk.slice())
          position += chunk.length
        }
        return Promise.resolve(position)
      },
      finish: () =>
        this.#write(() => {
          this.#keep(metadata, new Uint8Array(Buffer.concat(chunks)))
          return metadata
        }),
      abort: () => Promise.resolve(),
    })
  }

  installSnapshot(metadata: SnapshotMetadata, hardState: HardState | null): Promise<void> {
    return this.#write(() => {
      const { disk } = this
      disk.snapshot = metadata
      disk.entries = []
      disk.prevIndex = metadata.index
      disk.prevTerm = metadata.term
      if (hardState !== null) disk.hardState = hardState
    })
  }

  raiseLevel(): Promise<void> {
    return this.#write(() => undefined)
  }

  compact(index: number): Promise<void> {
    return this.#write(() => {
      const { disk } = this
      const cut = index - disk.prevIndex
      const last = disk.entries[cut - 1]
      if (last === undefined) return
      disk.prevTerm = last.term
      disk.prevIndex = index
      disk.entries = disk.entries.slice(cut)
    })
  }

  close(): Promise<void> {
    this.#closed = true
    return Promise.resolve()
  }
}
