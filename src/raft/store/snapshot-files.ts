import { join } from 'node:path'
import type { SnapshotMetadata } from '../core/types.js'
import { SNAPSHOT_SLICE_BYTES, SNAPSHOTS_KEPT, WAITING_SNAPSHOTS_KEPT } from '../limits.js'
import type { SnapshotReader, SnapshotReceiver, SnapshotSource } from '../ports/store.js'
import { CodecError } from './codec.js'
import type { Disk, DiskFile } from './disk.js'
import { codeOf, damaged } from './errors.js'
import type { FailureLatch } from './failure-latch.js'
import { SNAPSHOT_DIRECTORY } from './layout.js'
import {
  isOfLog,
  type LogExtent,
  newestFirst,
  parseSnapshotFileName,
  type SnapshotName,
  sameSnapshot,
  snapshotFileName,
} from './snapshot-choice.js'
import { readOutline, SnapshotWriter } from './snapshot-format.js'
import { FileSnapshotReader } from './snapshot-reader.js'
import { FileSnapshotReceiver } from './snapshot-receiver.js'

const TEMPORARY_SUFFIX = '.tmp'

/**
 * The snapshot files of one data directory. A snapshot is *installed* once the log belongs to it: it was taken of this
 * log, or the log was replaced by it. One that was merely received is *waiting*: until it is installed it covers nothing,
 * and no installed one may be removed because of it.
 */
export class SnapshotFiles {
  readonly #disk: Disk
  readonly #directory: string
  readonly #latch: FailureLatch
  #installed: SnapshotName[] = []
  #waiting: SnapshotName[] = []
  #temporaryFiles = 0

  constructor(disk: Disk, directory: string, latch: FailureLatch) {
    this.#disk = disk
    this.#directory = directory
    this.#latch = latch
  }

  /** The newest snapshot that the log belongs to, or null. */
  get newest(): SnapshotName | null {
    return this.#installed[0] ?? null
  }

  /** Removes leftovers and verifies the snapshot that the log starts from. Throws StoreError. */
  async load(log: LogExtent): Promise<SnapshotMetadata | null> {
    const where = `${SNAPSHOT_DIRECTORY}/`
    const files = await this.#disk.list(join(this.#directory, SNAPSHOT_DIRECTORY))
    if (files === null) throw damaged(this.#directory, where, 'the directory is missing')
    const leftovers: string[] = []
    for (const file of files) {
      const name = parseSnapshotFileName(file)
      if (name !== null && isOfLog(name, log)) this.#installed.push(name)
      else if (name !== null || file.endsWith(TEMPORARY_SUFFIX)) leftovers.push(file)
    }
    this.#installed.sort(newestFirst)
    for (const file of leftovers) await this.#disk.remove(this.#path(file))
    // The log starts from what is found here, and the process that renamed the file may have ended before it could make
    // that durable. A removal that a power loss undid could meet a longer log, to which the file then seems to belong.
    await this.#disk.syncDirectory(join(this.#directory, SNAPSHOT_DIRECTORY))
    const { newest } = this
    if (log.prev.index > (newest?.index ?? 0)) {
      const problem = newest === null ? 'there is no snapshot' : `the newest snapshot is of entry ${newest.index}`
      throw damaged(this.#directory, where, `${problem}, but the log starts after entry ${log.prev.index}`)
    }
    if (newest === null) return null
    const reader = await this.open(newest)
    await reader.close()
    return reader.metadata
  }

  /** Writes a snapshot; it is installed if `covered`, otherwise it waits to be. */
  async save(metadata: SnapshotMetadata, source: SnapshotSource, covered: boolean): Promise<void> {
    const temporary = this.#temporaryPath(metadata)
    try {
      const file = await this.#disk.openFile(temporary, 'create')
      try {
        await writeAll(file, metadata, source)
      } finally {
        await file.close()
      }
    } catch (error) {
      source.abort()
      // A full disk should not stay full because of this. What cannot be removed now is removed at the next start.
      await this.#disk.remove(temporary).catch(() => undefined)
      throw error
    }
    await this.#publish(metadata, temporary)
    this.#add(metadata, covered)
    await this.#prune()
  }

  async open(name: SnapshotName): Promise<SnapshotReader> {
    const file = await this.#openFile(name)
    try {
      const outline = await readOutline(file)
      if (!sameSnapshot(outline.metadata, name)) throw new CodecError(`it is the snapshot of ${outline.metadata.index}`)
      return new FileSnapshotReader(file, outline, this.#latch, (error) => this.#damagedSnapshot(name, error))
    } catch (error) {
      await file.close()
      if (error instanceof CodecError) throw this.#damagedSnapshot(name, error)
      throw error
    }
  }

  /** Only files that were there once are opened. */
  async #openFile(name: SnapshotName): Promise<DiskFile> {
    try {
      return await this.#disk.openFile(this.#path(snapshotFileName(name)), 'read')
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
      throw damaged(this.#directory, `${SNAPSHOT_DIRECTORY}/${snapshotFileName(name)}`, 'the file is missing', error)
    }
  }

  async receive(metadata: SnapshotMetadata, sizeBytes: number): Promise<SnapshotReceiver> {
    const temporary = this.#temporaryPath(metadata)
    const file = await this.#disk.openFile(temporary, 'create')
    return new FileSnapshotReceiver(file, metadata, sizeBytes, this.#latch, {
      publish: async () => {
        await this.#publish(metadata, temporary)
        this.#add(metadata, false)
        await this.#prune()
      },
      discard: () => this.#disk.remove(temporary),
    })
  }

  has(name: SnapshotName): boolean {
    return [...this.#installed, ...this.#waiting].some((other) => sameSnapshot(other, name))
  }

  /** The log now starts from this snapshot. */
  async installed(name: SnapshotName): Promise<void> {
    this.#add(name, true)
    await this.#prune()
  }

  #add({ index, term }: SnapshotName, isInstalled: boolean): void {
    const name = { index, term }
    const isOther = (other: SnapshotName) => !sameSnapshot(other, name)
    const isKnown = this.#installed.some((other) => !isOther(other))
    this.#waiting = this.#waiting.filter(isOther)
    if (isInstalled || isKnown) this.#installed = [...this.#installed.filter(isOther), name].sort(newestFirst)
    else this.#waiting = [...this.#waiting, name].sort(newestFirst)
  }

  async #prune(): Promise<void> {
    const newestIndex = this.newest?.index ?? 0
    const superseded = this.#waiting.filter((name, i) => name.index <= newestIndex || i >= WAITING_SNAPSHOTS_KEPT)
    this.#waiting = this.#waiting.filter((name) => !superseded.includes(name))
    const old = this.#installed.splice(SNAPSHOTS_KEPT)
    for (const name of [...superseded, ...old]) await this.#disk.remove(this.#path(snapshotFileName(name)))
  }

  async #publish(name: SnapshotName, temporary: string): Promise<void> {
    await this.#disk.rename(temporary, this.#path(snapshotFileName(name)))
    await this.#disk.syncDirectory(join(this.#directory, SNAPSHOT_DIRECTORY))
  }

  #path(file: string): string {
    return join(this.#directory, SNAPSHOT_DIRECTORY, file)
  }

  #temporaryPath(name: SnapshotName): string {
    return this.#path(`${snapshotFileName(name)}.${this.#temporaryFiles++}${TEMPORARY_SUFFIX}`)
  }

  #damagedSnapshot(name: SnapshotName, error: CodecError): Error {
    const file = `${SNAPSHOT_DIRECTORY}/${snapshotFileName(name)}`
    return damaged(this.#directory, file, `the snapshot is damaged: ${error.message}`, error)
  }
}

/** Each slice is awaited, so that the event loop turns between any two. */
async function writeAll(file: DiskFile, metadata: SnapshotMetadata, source: SnapshotSource): Promise<void> {
  const writer = new SnapshotWriter(file)
  await writer.begin(metadata)
  for (let chunk = source.next(SNAPSHOT_SLICE_BYTES); chunk !== null; chunk = source.next(SNAPSHOT_SLICE_BYTES)) {
    await writer.chunk(chunk)
  }
  await writer.end()
}
