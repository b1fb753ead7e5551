/** A node's store, with every write told to the store check, and points at which the process may die. */
import type { HardState, Index, SnapshotMetadata, Term } from '../../../src/raft/core/types.js'
import type {
  Identity,
  LogBatch,
  LogStore,
  SnapshotReader,
  SnapshotReceiver,
  SnapshotSource,
} from '../../../src/raft/ports/store.js'
import type { Process } from '../process.js'
import type { Write } from './durable-log.js'
import type { DurableVolume } from './durable-volume.js'

/** Points in the work of the store at which a process dies; more of them are in `disk.ts`. */
export const STORE_FAILPOINTS = [
  'before snapshot install',
  'after snapshot install',
  'before compaction',
  'after compaction',
  'before format',
  'after format',
  'after identity',
  'before record',
  'after record',
  'between received chunks',
] as const

export interface StoreWatch {
  /** A write begins. */
  writes(write: Write): void
}

export const hexOf = (value: Uint8Array): string => Buffer.from(value).toString('hex')

/** The process that waits for it is dead. */
const never = <T>(): Promise<T> => new Promise(() => undefined)

export class TappedStore implements LogStore {
  readonly loaded: LogStore['loaded']
  readonly seed = null
  #appending = false
  #hasFailed = false

  constructor(
    private readonly process: Process,
    private readonly store: LogStore,
    private readonly volume: DurableVolume,
    private readonly watch: StoreWatch,
  ) {
    this.loaded = store.loaded
  }

  onFailure(run: (error: unknown) => void): void {
    this.store.onFailure((error) => {
      if (this.process.isAlive) run(error)
    })
  }

  forgetLoaded(): void {
    this.store.forgetLoaded()
  }

  async append(batch: LogBatch): Promise<void> {
    if (this.#appending) this.process.world.fail(`${this.process.name}: two storage batches in flight`)
    this.#appending = true
    await this.#write({ kind: 'append', batch }, () => this.store.append(batch))
    this.#appending = false
  }

  async writeIdentity(identity: Identity): Promise<void> {
    await this.#write({ kind: 'identity', identity }, () => this.store.writeIdentity(identity))
    return this.#at('after identity')
  }

  async installSnapshot(metadata: SnapshotMetadata, hardState: HardState | null): Promise<void> {
    await this.#at('before snapshot install')
    await this.#write({ kind: 'install', metadata, hardState }, () => this.store.installSnapshot(metadata, hardState))
    if (metadata.index > 1) this.process.world.count('snapshot installed')
    return this.#at('after snapshot install')
  }

  async compact(index: Index): Promise<void> {
    await this.#at('before compaction')
    await this.#write({ kind: 'compact', index }, () => this.store.compact(index))
    this.process.world.count('log compacted')
    return this.#at('after compaction')
  }

  async raiseLevel(level: number): Promise<void> {
    await this.#at('before format')
    await this.store.raiseLevel(level)
    return this.#at('after format')
  }

  async putRecord(key: string, value: Uint8Array | null): Promise<void> {
    await this.#at('before record')
    await this.#write({ kind: 'record', key, value: value === null ? null : hexOf(value) }, () =>
      this.store.putRecord(key, value),
    )
    return this.#at('after record')
  }

  getRecord(key: string): Promise<Uint8Array | null> {
    return this.store.getRecord(key)
  }

  async saveSnapshot(metadata: SnapshotMetadata, source: SnapshotSource): Promise<void> {
    this.volume.snapshotBegun(metadata)
    await this.store.saveSnapshot(metadata, source)
    this.volume.snapshotSaved(metadata)
  }

  openSnapshot(index: Index, term: Term): Promise<SnapshotReader> {
    return this.store.openSnapshot(index, term)
  }

  async receiveSnapshot(metadata: SnapshotMetadata, sizeBytes: number): Promise<SnapshotReceiver> {
    this.volume.snapshotBegun(metadata)
    const receiver = await this.store.receiveSnapshot(metadata, sizeBytes)
    return {
      write: async (offset, bytes) => {
        await this.#at('between received chunks')
        return receiver.write(offset, bytes)
      },
      finish: (reader) => receiver.finish(reader),
      abort: () => receiver.abort(),
    }
  }

  close(): Promise<void> {
    return this.store.close()
  }

  /** What fails stays under way, and nothing follows it: the store is not used any more. */
  async #write(write: Write, run: () => Promise<void>): Promise<void> {
    if (!this.process.isAlive) return never()
    if (this.#hasFailed) return run()
    this.watch.writes(write)
    this.volume.begun(write)
    try {
      await run()
    } catch (error) {
      this.#hasFailed = true
      throw error
    }
    this.volume.acknowledged(write)
  }

  /** Goes on at once, or never. */
  #at(failpoint: (typeof STORE_FAILPOINTS)[number]): Promise<void> {
    return this.process.pass(failpoint) ? never() : Promise.resolve()
  }
}
