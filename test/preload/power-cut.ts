import { closeSync, existsSync, openSync, readdirSync, readFileSync, statSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { SeededRandom as Random } from '../../src/testing/seeded-random.js'

/** Layout of the table of power.c. */
const FILES = 256
const FILE_BYTES = 16
const WRITES = 64
const WRITE_HEADER_BYTES = 32
const WRITE_BYTES = 65_536
export const POWER_TABLE_BYTES = FILES * FILE_BYTES + WRITES * (WRITE_HEADER_BYTES + WRITE_BYTES)

/** What a disk writes at once: a write that was under way is there up to such a border. */
const SECTOR_BYTES = 512
/** Of half of the cuts the cache of the disk has written nothing, of the others some part. */
const NOTHING_CHANCE = 0.5

interface PendingWrite {
  readonly inode: number
  readonly offset: number
  readonly order: number
  readonly old: Buffer
}

/** How much was taken back, in files cut short and writes undone. */
export interface PowerLoss {
  readonly files: number
  readonly writes: number
}

/**
 * Takes from the files in `dataDir` what their server, which has ended, had written and not synced: all of it, or what
 * `random` says, as the disk of a machine would that lost its power.
 */
export function losePower(tablePath: string, dataDir: string, random: Random): PowerLoss {
  if (!existsSync(dataDir)) return { files: 0, writes: 0 }
  const table = readFileSync(tablePath)
  const paths = inodesBelow(dataDir)
  const losesAll = random.chance(NOTHING_CHANCE)
  let files = 0
  let writes = 0
  // The newest first: each puts back what it had found.
  for (const write of pendingWrites(table)) {
    const path = paths.get(write.inode)
    if (path === undefined || (!losesAll && random.chance(0.5))) continue
    undo(path, write, losesAll ? write.old.byteLength : sectors(random, write.old.byteLength))
    writes += 1
  }
  for (const { inode, syncedBytes } of newFiles(table)) {
    const path = paths.get(inode)
    const bytes = path === undefined ? 0 : statSync(path).size
    if (path === undefined || bytes <= syncedBytes) continue
    truncateSync(path, losesAll ? syncedBytes : syncedBytes + random.int(bytes - syncedBytes))
    files += 1
  }
  return { files, writes }
}

function sectors(random: Random, bytes: number): number {
  return Math.min(bytes, random.int(Math.ceil(bytes / SECTOR_BYTES) + 1) * SECTOR_BYTES)
}

/** Puts back the last `bytes` of what stood there. */
function undo(path: string, { offset, old }: PendingWrite, bytes: number): void {
  const fd = openSync(path, 'r+')
  const from = old.byteLength - bytes
  writeSync(fd, old, from, bytes, offset + from)
  closeSync(fd)
}

function pendingWrites(table: Buffer): readonly PendingWrite[] {
  const pending: PendingWrite[] = []
  for (let i = 0; i < WRITES; i++) {
    const at = FILES * FILE_BYTES + i * (WRITE_HEADER_BYTES + WRITE_BYTES)
    const [inode, offset, length, order] = [0, 8, 16, 24].map((field) => Number(table.readBigUInt64LE(at + field)))
    if (!inode || offset === undefined || length === undefined || order === undefined) continue
    const oldAt = at + WRITE_HEADER_BYTES
    pending.push({ inode, offset, order, old: table.subarray(oldAt, oldAt + length) })
  }
  return pending.sort((a, b) => b.order - a.order)
}

function newFiles(table: Buffer): readonly { readonly inode: number; readonly syncedBytes: number }[] {
  return Array.from({ length: FILES }, (_, i) => ({
    inode: Number(table.readBigUInt64LE(i * FILE_BYTES)),
    syncedBytes: Number(table.readBigUInt64LE(i * FILE_BYTES + 8)),
  })).filter(({ inode }) => inode !== 0)
}

function inodesBelow(dir: string): ReadonlyMap<number, string> {
  const paths = readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
  return new Map(paths.map((path) => [statSync(path).ino, path]))
}
