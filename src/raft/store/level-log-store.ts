import { invariant } from '../../invariant.js'
import type { HardState, Index, SnapshotMetadata, Term } from '../core/types.js'
import type {
  Identity,
  LoadedLog,
  LogBatch,
  LogStore,
  Seed,
  SnapshotReader,
  SnapshotReceiver,
  SnapshotSource,
} from '../ports/store.js'
import type { BlockInfo } from './block.js'
import { sealOf } from './checked.js'
import { raiseFormat } from './data-directory.js'
import type { Database, Disk } from './disk.js'
import { damaged } from './errors.js'
import type { FailureLatch } from './failure-latch.js'
import { encodeIdentity, IDENTITY_RECORD } from './identity.js'
import { fitsSlot, type Journal } from './journal.js'
import { blockKey, LOG_DIRECTORY, META_KEY } from './layout.js'
import type { LogImage, Plan } from './log-image.js'
import { encodeMeta } from './meta.js'
import type { SnapshotFiles } from './snapshot-files.js'
import type { WriteBacklog } from './write-backlog.js'

export interface StoreParts {
  readonly disk: Disk
  readonly directory: string
  readonly database: Database
  readonly journal: Journal
  readonly backlog: WriteBacklog
  readonly image: LogImage
  readonly snapshots: SnapshotFiles
  readonly latch: FailureLatch
}

/**
 * The log on LevelDB. Writes run one after another: plan, journal, acknowledge; LevelDB follows behind. Snapshot files are
 * written beside them, because a long snapshot must not delay the log.
 */
export class LevelLogStore implements LogStore {
  loaded: LoadedLog
  seed: Seed | null = null
  readonly #parts: StoreParts
  /** The last write in line; never rejects. */
  #line: Promise<unknown> = Promise.resolve()
  #isClosing = false

  constructor(parts: StoreParts, loaded: LoadedLog) {
    this.#parts = parts
    this.loaded = loaded
  }

  forgetLoaded(): void {
    const { entries, prevIndex, prevTerm } = this.loaded
    const last = entries[entries.length - 1]
    // The end of what was loaded stays what it was.
    this.loaded = { ...this.loaded, entries: [], prevIndex: last?.index ?? prevIndex, prevTerm: last?.term ?? prevTerm }
  }

  onFailure(run: (error: unknown) => void): void {
    this.#parts.backlog.onFailure(run)
  }

  /** Also what needs no sync gets one: then every write has its slot, and their sequence has no gap. */
  append(batch: LogBatch): Promise<void> {
    return this.#inLine('writing the log', async () => {
      const first = batch.entries[0]
      if (first === undefined && batch.hardState === null) return
      const cutBlock = first === undefined ? null : this.#parts.image.blockCutBy(first.index)
      const cut = cutBlock === null ? null : await this.#readBlock(cutBlock)
      await this.#write(this.#parts.image.planAppend(batch, cut))
    })
  }

  writeIdentity(identity: Identity): Promise<void> {
    return this.#inLine('writing the identity', async () => {
      const value = encodeIdentity(identity)
      const stored = this.#parts.image.records.get(IDENTITY_RECORD)
      invariant(stored === undefined || value.equals(stored), 'store: this directory belongs to another member')
      await this.#write(this.#parts.image.planRecord(IDENTITY_RECORD, value))
    })
  }

  putRecord(key: string, value: Uint8Array | null): Promise<void> {
    invariant(key !== IDENTITY_RECORD, 'store: the identity is written by writeIdentity')
    return this.#inLine('writing a record', () => this.#write(this.#parts.image.planRecord(key, value)))
  }

  getRecord(key: string): Promise<Uint8Array | null> {
    return this.#inLine('reading a record', async () => this.#parts.image.records.get(key) ?? null)
  }

  saveSnapshot(metadata: SnapshotMetadata, source: SnapshotSource): Promise<void> {
    return this.#parts.latch.guard('writing a snapshot', () => {
      const { prev, last } = this.#parts.image.meta
      const isCovered = metadata.index >= prev.index && metadata.index <= last.index
      return this.#parts.snapshots.save(metadata, source, isCovered)
    })
  }

  openSnapshot(index: Index, term: Term): Promise<SnapshotReader> {
    return this.#parts.latch.guard('opening a snapshot', () => {
      invariant(this.#parts.snapshots.has({ index, term }), () => `store: no snapshot of ${index} in term ${term}`)
      return this.#parts.snapshots.open({ index, term })
    })
  }

  receiveSnapshot(metadata: SnapshotMetadata, sizeBytes: number): Promise<SnapshotReceiver> {
    return this.#parts.latch.guard('receiving a snapshot', () => this.#parts.snapshots.receive(metadata, sizeBytes))
  }

  installSnapshot(metadata: SnapshotMetadata, hardState: HardState | null): Promise<void> {
    return this.#inLine('installing a snapshot', async () => {
      const { snapshots, image } = this.#parts
      invariant(snapshots.has(metadata), () => `store: snapshot ${metadata.index} is not on disk`)
      await this.#write(image.planInstall(metadata, hardState))
      await snapshots.installed(metadata)
    }).then(() => {
      // The log goes on meanwhile. If this fails, the next call says so.
      this.sweep().catch(() => undefined)
    })
  }

  compact(index: Index): Promise<void> {
    return this.#inLine('compacting the log', async () => {
      const covered = this.#parts.snapshots.newest?.index ?? 0
      invariant(index <= covered, () => `store: the log up to ${index} would go, but the snapshot is of ${covered}`)
      const plan = this.#parts.image.planCompact(index)
      if (plan !== null) await this.#write(plan)
    }).then(() => this.sweep())
  }

  raiseLevel(level: number): Promise<void> {
    return this.#inLine('raising the format', async () => {
      const { disk, directory, backlog, database, image } = this.#parts
      if (!(await raiseFormat(disk, directory, level))) return
      // In a newer layout, if the level has one: who sets FORMAT back finds its version in the database, not in the journal alone.
      await backlog.drained()
      await database.write([{ type: 'put', key: META_KEY, value: encodeMeta(image.meta) }], true)
    })
  }

  /** Deletes what was forgotten, slice by slice, so that neither the event loop nor the log waits for all of it. */
  async sweep(): Promise<void> {
    const sweepSlice = async () => {
      const operations = this.#parts.image.planSweep()
      if (operations === null) return false
      // A block must not be deleted before it is written.
      await this.#parts.backlog.drained()
      await this.#parts.database.write(operations, false)
      return true
    }
    while (!this.#isClosing && (await this.#inLine('deleting compacted entries', sweepSlice)));
  }

  /** Waits for the writes in line. Never rejects because of an earlier failure. */
  async close(): Promise<void> {
    this.#isClosing = true
    await this.#line
    await this.#sayThatAllIsWritten().catch(() => undefined)
    await this.#parts.journal.close()
    await this.#parts.database.close()
  }

  /** After a clean stop nothing that LevelDB lacks can be explained by the stop. */
  #sayThatAllIsWritten(): Promise<void> {
    const { latch, backlog, journal, image } = this.#parts
    return latch.guard('closing the store', async () => {
      await backlog.drained()
      await journal.write(encodeMeta(image.meta), { base: image.meta.sequence, operations: [] })
    })
  }

  /** After this the batch is durable and proven (see `journal.ts`). */
  async #write(plan: Plan): Promise<void> {
    const { operations, meta, sequence } = plan
    const { backlog, journal } = this.#parts
    if (fitsSlot(operations)) {
      await backlog.makeRoom(sequence)
      const { syncedSequence } = backlog
      backlog.add(plan)
      await journal.write(meta, { base: syncedSequence, operations })
      backlog.check()
    } else {
      backlog.add(plan)
      await backlog.drained()
      await journal.write(meta, { base: sequence, operations: [] })
    }
  }

  async #readBlock(block: BlockInfo): Promise<Buffer> {
    await this.#parts.backlog.drained()
    const value = await this.#parts.database.read(blockKey(block.firstIndex))
    if (value === undefined || sealOf(value) !== block.checksum) {
      const what = `the block of entries ${block.firstIndex} to ${block.lastIndex} is not the one that was written`
      throw damaged(this.#parts.directory, `${LOG_DIRECTORY}/`, what)
    }
    return value
  }

  #inLine<T>(doing: string, work: () => Promise<T>): Promise<T> {
    const result = this.#line.then(() => this.#parts.latch.guard(doing, work))
    this.#line = result.catch(() => undefined)
    return result
  }
}
