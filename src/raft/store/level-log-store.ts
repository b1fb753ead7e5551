import { invariant } from '../core/invariant.js'
import type { HardState, Index, SnapshotMetadata, Term } from '../core/types.js'
import type {
  Identity,
  LoadedLog,
  LogBatch,
  LogStore,
  SnapshotReader,
  SnapshotReceiver,
  SnapshotSource,
} from '../node/interfaces.js'
import type { BlockInfo } from './block.js'
import { sealOf } from './checked.js'
import type { Database } from './disk.js'
import { damaged } from './errors.js'
import type { FailureLatch } from './failure-latch.js'
import { encodeIdentity, IDENTITY_RECORD } from './identity.js'
import { blockKey, LOG_DIRECTORY } from './layout.js'
import type { LogImage, Plan } from './log-image.js'
import { fitsMark, type MarkFile } from './mark.js'
import type { SnapshotFiles } from './snapshot-files.js'

export interface StoreParts {
  readonly directory: string
  readonly database: Database
  readonly mark: MarkFile
  readonly image: LogImage
  readonly snapshots: SnapshotFiles
  readonly latch: FailureLatch
}

/**
 * The log on LevelDB. Writes of the database run one after another: plan, one batch, sync, then the mark. Snapshot files
 * are written beside them, because a long snapshot must not delay the log.
 */
export class LevelLogStore implements LogStore {
  readonly loaded: LoadedLog
  readonly #parts: StoreParts
  /** The last write in line; never rejects. */
  #line: Promise<unknown> = Promise.resolve()
  #isClosing = false
  /** Of the last write that is known to be synced. */
  #syncedSequence: number

  constructor(parts: StoreParts, loaded: LoadedLog) {
    this.#parts = parts
    this.loaded = loaded
    this.#syncedSequence = parts.image.meta.sequence
  }

  append(batch: LogBatch): Promise<void> {
    return this.#inLine('writing the log', async () => {
      const first = batch.entries[0]
      if (first === undefined && batch.hardState === null) return
      const cutBlock = first === undefined ? null : this.#parts.image.blockCutBy(first.index)
      const cut = cutBlock === null ? null : await this.#readBlock(cutBlock)
      await this.#write(this.#parts.image.planAppend(batch, cut), batch.mustSync)
    })
  }

  writeIdentity(identity: Identity): Promise<void> {
    return this.#inLine('writing the identity', async () => {
      const value = encodeIdentity(identity)
      const stored = this.#parts.image.records.get(IDENTITY_RECORD)
      invariant(stored === undefined || value.equals(stored), 'store: this directory belongs to another member (M40)')
      await this.#write(this.#parts.image.planRecord(IDENTITY_RECORD, value), true)
    })
  }

  putRecord(key: string, value: Uint8Array | null): Promise<void> {
    invariant(key !== IDENTITY_RECORD, 'store: the identity is written by writeIdentity')
    return this.#inLine('writing a record', () => this.#write(this.#parts.image.planRecord(key, value), true))
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
      await this.#write(image.planInstall(metadata, hardState), true)
      await snapshots.installed(metadata)
    }).then(() => {
      // The log goes on meanwhile. If this fails, the next call says so.
      this.sweep().catch(() => undefined)
    })
  }

  compact(index: Index): Promise<void> {
    return this.#inLine('compacting the log', async () => {
      const covered = this.#parts.snapshots.newest?.index ?? 0
      invariant(
        index <= covered,
        () => `store: the log up to ${index} would go, but the snapshot is of ${covered} (M42)`,
      )
      const plan = this.#parts.image.planCompact(index)
      if (plan !== null) await this.#write(plan, true)
    }).then(() => this.sweep())
  }

  /** Deletes what was forgotten, slice by slice, so that neither the event loop nor the log waits for all of it. */
  async sweep(): Promise<void> {
    const sweepSlice = async () => {
      const operations = this.#parts.image.planSweep()
      if (operations !== null) await this.#parts.database.write(operations, false)
      return operations !== null
    }
    while (!this.#isClosing && (await this.#inLine('deleting compacted entries', sweepSlice)));
  }

  /** Waits for the writes in line. Never rejects because of an earlier failure. */
  async close(): Promise<void> {
    this.#isClosing = true
    await this.#line
    await this.#parts.mark.close()
    await this.#parts.database.close()
  }

  /** After this the batch is durable and proven (see `mark.ts`). */
  async #write({ operations, meta, sequence }: Plan, sync: boolean): Promise<void> {
    const { database, mark } = this.#parts
    if (!sync) {
      await database.write(operations, false)
      return
    }
    if (fitsMark(operations)) {
      const journal = { base: this.#syncedSequence, operations }
      await settled([database.write(operations, true), mark.write(meta, journal)])
    } else {
      await database.write(operations, true)
      await mark.write(meta, { base: sequence, operations: [] })
    }
    this.#syncedSequence = sequence
  }

  async #readBlock(block: BlockInfo): Promise<Buffer> {
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

/** Waits for all of them even if one fails: nothing may still be writing when the failure is reported. */
async function settled(writes: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(writes)) if (result.status === 'rejected') throw result.reason
}
