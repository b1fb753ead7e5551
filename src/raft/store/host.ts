/** What proofs of death need to know about the machine and the disk (rules.md rule 1). */
import { readFile, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { LEVELDB_LOCK_FILE, LOG_DIRECTORY } from './layout.js'

const BOOT_ID_FILE = '/proc/sys/kernel/random/boot_id'

/**
 * File systems on which a lock of one kernel excludes every other user of the directory, by the magic number of
 * statfs(2). Anything that a second machine could mount at the same time is not here.
 */
const LOCAL_ON_LINUX: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // xfs
  0x9123683e, // btrfs
  0x2fc12fc1, // zfs
  0xca451a4e, // bcachefs
  0xf2f52010, // f2fs
  0x3153464a, // jfs
  0x794c7630, // overlayfs
  0x01021994, // tmpfs
  0x858458f6, // ramfs
])
const LOCAL_ON_MACOS: ReadonlySet<number> = new Set([
  0x11, // hfs
  0x1a, // apfs
])

export interface LockFileIdentity {
  /** Decimal strings: both are 64-bit numbers. */
  readonly device: string
  readonly inode: string
}

/** Of LevelDB's lock file in a data directory. Never opens it: closing any descriptor would drop the lock. */
export async function lockFileIdentity(directory: string): Promise<LockFileIdentity> {
  const { dev, ino } = await stat(join(directory, LOG_DIRECTORY, LEVELDB_LOCK_FILE), { bigint: true })
  return { device: dev.toString(), inode: ino.toString() }
}

/** True only for file systems known to be used by one machine at a time. */
export async function isLocalFileSystem(directory: string): Promise<boolean> {
  const { type } = await statfs(directory)
  if (process.platform === 'linux') return LOCAL_ON_LINUX.has(type)
  return process.platform === 'darwin' && LOCAL_ON_MACOS.has(type)
}

/** Identifies this run of the kernel; null where there is no such thing. */
export async function bootId(): Promise<string | null> {
  try {
    return (await readFile(BOOT_ID_FILE, 'utf8')).trim()
  } catch {
    return null
  }
}
