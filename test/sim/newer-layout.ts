/**
 * The disk as a newer program uses it: from the moment at which FORMAT names the next feature level, whatever the store writes
 * to the log and to the journal carries the next version byte under a checksum that fits. It reads both layouts, so the store
 * above it sees only its own. A program without it finds bytes of which it knows nothing but the version.
 */
import { dirname, join } from 'node:path'
import { crc32c } from '@node-rs/crc32'
import { FEATURE_LEVEL } from '../../src/feature-level.js'
import { CHECKSUM_BYTES, seal, sealOf } from '../../src/raft/store/checked.js'
import { CODEC_VERSION } from '../../src/raft/store/codec.js'
import { formatOfLevel } from '../../src/raft/store/data-directory.js'
import type { Database, DatabaseOperation, Disk, DiskFile, OpenMode } from '../../src/raft/store/disk.js'
import { JOURNAL_BYTES, SLOT_BYTES, SLOTS } from '../../src/raft/store/journal.js'
import { FORMAT_FILE, JOURNAL_FILE } from '../../src/raft/store/layout.js'
import { META_BYTES } from '../../src/raft/store/meta.js'
import type { MemoryDisk } from '../../src/testing/memory-disk.js'
import type { Host } from './host.js'
import type { World } from './world.js'

const NEWER_LAYOUT_VERSION = CODEC_VERSION + 1

/** Of blocks, records and the meta record alike. */
const VERSION_AT = CHECKSUM_BYTES
/** Of a copy in the journal (`journal.ts`): meta record | u64 base | u32 length of the operations | u32 checksum. */
const LENGTH_AT = META_BYTES + 8
const SLOT_CHECKSUM_AT = LENGTH_AT + 4
const HEADER_BYTES = SLOT_CHECKSUM_AT + 4
/** Of an operation: u8 put or not | u16 length of the key | u32 length of the value | key | value. */
const OPERATION_HEADER_BYTES = 7

/** A copy with the other version. What is damaged, or has neither version, stays as it is. */
function restamped(value: Buffer, from: number, to: number): Buffer {
  if (value.byteLength <= VERSION_AT || sealOf(value) === null || value.readUInt8(VERSION_AT) !== from) return value
  const copy = Buffer.from(value)
  copy.writeUInt8(to, VERSION_AT)
  seal(copy)
  return copy
}

const newer = (value: Buffer): Buffer => restamped(value, CODEC_VERSION, NEWER_LAYOUT_VERSION)
const older = (value: Buffer): Buffer => restamped(value, NEWER_LAYOUT_VERSION, CODEC_VERSION)

/** In place: the values of the operations of one copy. */
function restampOperations(operations: Buffer, stamp: (value: Buffer) => Buffer): void {
  for (let at = 0; at < operations.byteLength; ) {
    const valueAt = at + OPERATION_HEADER_BYTES + operations.readUInt16BE(at + 1)
    at = valueAt + operations.readUInt32BE(at + 3)
    operations.set(stamp(operations.subarray(valueAt, at)), valueAt)
  }
}

const checksumOf = (header: Buffer, operations: Buffer): number =>
  crc32c(header.subarray(0, SLOT_CHECKSUM_AT), crc32c(operations))

/** In place: one copy of a batch in the journal, if it is whole. */
function restampCopy(header: Buffer, operations: Buffer, stamp: (value: Buffer) => Buffer): void {
  if (checksumOf(header, operations) !== header.readUInt32BE(SLOT_CHECKSUM_AT)) return
  restampOperations(operations, stamp)
  header.set(stamp(header.subarray(0, META_BYTES)))
  header.writeUInt32BE(checksumOf(header, operations), SLOT_CHECKSUM_AT)
}

/** In place: both copies, which lie around `middle`. */
function restampCopies(bytes: Buffer, middle: number, stamp: (value: Buffer) => Buffer): void {
  for (const headerAt of [middle - HEADER_BYTES, middle]) {
    const header = bytes.subarray(headerAt, headerAt + HEADER_BYTES)
    const length = header.readUInt32BE(LENGTH_AT)
    const operationsAt = headerAt < middle ? headerAt - length : headerAt + HEADER_BYTES
    const isInside = operationsAt >= 0 && operationsAt + length <= bytes.byteLength
    if (isInside) restampCopy(header, bytes.subarray(operationsAt, operationsAt + length), stamp)
  }
}

/** A journal as a newer program understands it: also what an older one wrote. */
export function olderJournal(file: Buffer): Buffer {
  const copy = Buffer.from(file)
  if (copy.byteLength !== JOURNAL_BYTES) return copy
  for (let slot = 0; slot < SLOTS; slot++) {
    restampCopies(copy.subarray(slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES), SLOT_BYTES / 2, older)
  }
  return copy
}

/** An older program can see for itself that this directory is too new for it, whatever FORMAT says. */
export function holdsNewerLayout(disk: MemoryDisk): boolean {
  const journal = disk.paths().find((path) => path.endsWith(`/${JOURNAL_FILE}`))
  const slots = journal === undefined ? Buffer.alloc(0) : disk.file(journal).read(0, JOURNAL_BYTES)
  const values = [...(disk.database?.scan() ?? [])].map(([, value]) => value)
  return !olderJournal(slots).equals(slots) || values.some((value) => older(value) !== value)
}

/** What is written to one slot: operations, header, header, operations. */
export function newerJournal(bytes: Uint8Array): Buffer {
  const copy = Buffer.from(bytes)
  restampCopies(copy, copy.byteLength / 2, newer)
  return copy
}

function newerOperations(operations: readonly DatabaseOperation[]): DatabaseOperation[] {
  return operations.map((one) => (one.type === 'put' ? { ...one, value: newer(one.value) } : one))
}

export class NewerLayout implements Disk {
  /** FORMAT names the next level. */
  #isRaised = false

  constructor(private readonly disk: Disk) {}

  async openDatabase(directory: string, createIfMissing: boolean): Promise<Database> {
    const database = await this.disk.openDatabase(directory, createIfMissing)
    await this.#look(dirname(directory))
    return {
      write: (operations, sync) => database.write(this.#isRaised ? newerOperations(operations) : operations, sync),
      read: async (key) => {
        const value = await database.read(key)
        return value === undefined ? undefined : older(value)
      },
      scan: async function* () {
        for await (const pairs of database.scan()) yield pairs.map(([key, value]) => [key, older(value)] as const)
      },
      close: () => database.close(),
    }
  }

  async openFile(path: string, mode: OpenMode): Promise<DiskFile> {
    const file = await this.disk.openFile(path, mode)
    if (!path.endsWith(`/${JOURNAL_FILE}`)) return file
    return {
      read: async (position, maxBytes) => olderJournal(await file.read(position, maxBytes)),
      // A new file is the same in every layout: it has proven nothing yet.
      write: (position, bytes) =>
        file.write(position, mode === 'durable' && this.#isRaised ? newerJournal(bytes) : bytes),
      sync: () => file.sync(),
      sizeBytes: () => file.sizeBytes(),
      close: () => file.close(),
    }
  }

  list(directory: string): Promise<string[] | null> {
    return this.disk.list(directory)
  }
  makeDirectory(path: string): Promise<void> {
    return this.disk.makeDirectory(path)
  }
  async rename(from: string, to: string): Promise<void> {
    await this.disk.rename(from, to)
    if (to.endsWith(`/${FORMAT_FILE}`)) await this.#look(dirname(to))
  }
  remove(path: string): Promise<void> {
    return this.disk.remove(path)
  }
  syncDirectory(path: string): Promise<void> {
    return this.disk.syncDirectory(path)
  }

  async #look(directory: string): Promise<void> {
    if ((await this.disk.list(directory))?.includes(FORMAT_FILE) !== true) return
    const file = await this.disk.openFile(join(directory, FORMAT_FILE), 'read')
    const format = (await file.read(0, 4_096)).toString()
    await file.close()
    this.#isRaised = format.includes(`"version":${formatOfLevel(FEATURE_LEVEL + 1)}`)
  }
}

/**
 * The older program refuses what a newer one wrote, or ends where the cluster rose above it; with the newer one nothing is
 * lost. `foundNewer`: its FORMAT was set back, and in the directory it met bytes of the newer layout. Otherwise it had found
 * nothing newer there, if anything was set back, and it was the cluster that turned out to be.
 */
export function newerRefused(world: World, host: Host, words: string, foundNewer: boolean): void {
  const { nodeId, volume } = host
  const ranLevel = host.member?.deps.programLevel ?? host.programLevel
  const isRefused = words.includes('format version')
  const reason = foundNewer
    ? `its version is ${NEWER_LAYOUT_VERSION}, not ${CODEC_VERSION}`
    : `, and this program knows ${ranLevel}`
  if (!words.includes(reason)) world.fail(`${nodeId} refuses what is newer and does not say why: ${words}`)
  if ((foundNewer || isRefused) && !volume.isAsFound())
    world.fail(`${nodeId} refuses a newer directory and has changed it`)
  world.count(
    foundNewer ? 'seen newer layout refused' : isRefused ? 'seen downgrade refused' : 'seen program left behind',
  )
  volume.restoreFormat()
  host.programLevel = foundNewer ? FEATURE_LEVEL + 1 : Math.max(host.programLevel, ranLevel + 1, neededLevel(words))
}

/** 0: the words do not say. */
const neededLevel = (words: string): number => Number(/needs feature level (\d+)/.exec(words)?.[1] ?? 0)
