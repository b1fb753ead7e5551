/**
 * The data directory as a whole: whose it is, and its creation. The steps of the creation are ordered so that a crash
 * between any two leaves a directory that is either still nobody's or complete but for its first meta record; nothing is
 * ever wiped, and everything after the claim happens under LevelDB's lock.
 */
import { dirname, join } from 'node:path'
import { BASE_LEVEL, SERVICE_LEVEL } from '../../feature-level.js'
import { olderThan } from '../ports/older-program.js'
import type { Database, Disk } from './disk.js'
import { damaged, foreign } from './errors.js'
import { INITIAL_JOURNAL, isUnfinishedJournal, JOURNAL_BYTES } from './journal.js'
import {
  FORMAT_FILE,
  JOURNAL_FILE,
  LEVELDB_CURRENT_FILE,
  LEVELDB_FIRST_MANIFEST,
  LOG_DIRECTORY,
  SEED_FILE,
  SEED_TEMPORARY_FILE,
  SNAPSHOT_DIRECTORY,
} from './layout.js'

const FORMAT_NAME = 'tcpnetlock-data'
/**
 * The version of the directory as a whole follows from the feature level of what is in it (docs/adr/0022): an older program
 * refuses it by that number, before it has read anything else. Versions 1 to 3 were written before there were levels.
 */
const FORMATS_BEFORE_LEVELS = 3
export const formatOfLevel = (level: number): number => FORMATS_BEFORE_LEVELS + level
const OLDEST_FORMAT_VERSION = formatOfLevel(BASE_LEVEL)
const FORMAT_LIMIT_BYTES = 4096
const FORMAT_TEMPORARY_FILE = `${FORMAT_FILE}.tmp`
/** What a directory without FORMAT may hold: the root of an ext4 volume, and what an unfinished creation left. */
const NAMES_OF_NOBODY: ReadonlySet<string> = new Set([
  'lost+found',
  FORMAT_TEMPORARY_FILE,
  LOG_DIRECTORY,
  JOURNAL_FILE,
  SNAPSHOT_DIRECTORY,
  SEED_FILE,
  SEED_TEMPORARY_FILE,
])

export interface DirectoryState {
  /** Nobody's yet; otherwise FORMAT is ours. */
  readonly isNew: boolean
  readonly hasSeed: boolean
}

/** Says whose the directory is; creates it if it is not there. Throws StoreError or OlderProgramError, and then nothing was changed. */
export async function claimDirectory(disk: Disk, directory: string, programLevel: number): Promise<DirectoryState> {
  const names = await disk.list(directory)
  const hasSeed = names?.includes(SEED_FILE) === true
  if (names?.includes(FORMAT_FILE) === true) {
    const version = await readFormat(disk, directory, names)
    if (version < OLDEST_FORMAT_VERSION) {
      const known = `was written by TcpNetLock 0.2 or earlier (format version ${version}), which this program cannot read`
      throw foreign(directory, known)
    }
    if (version > formatOfLevel(programLevel)) {
      const what = `the data directory ${directory} (format version ${version})`
      throw olderThan(what, version - FORMATS_BEFORE_LEVELS, programLevel)
    }
    return { isNew: false, hasSeed }
  }
  if (names?.some((name) => !NAMES_OF_NOBODY.has(name)) === true) throw notOurs(directory, names)
  if (names?.includes(JOURNAL_FILE) === true && !isUnfinishedJournal(await readJournal(disk, directory))) {
    throw notOurs(directory, names)
  }
  await disk.makeDirectory(directory)
  await disk.syncDirectory(dirname(directory))
  return { isNew: true, hasSeed }
}

/**
 * Under the lock: makes what is missing in a new directory. FORMAT comes last, so that what has it is whole. It begins with the
 * lowest level, whatever this program knows: as long as the cluster has not risen the older program may come back.
 */
export async function createContents(disk: Disk, directory: string, database: Database): Promise<void> {
  const names = (await disk.list(directory)) ?? []
  if (names.includes(FORMAT_FILE)) {
    // The process that renamed it may have ended before it could make that durable.
    await disk.syncDirectory(directory)
    return
  }
  for await (const pairs of database.scan()) if (pairs.length > 0) throw notOurs(directory, names)
  await disk.makeDirectory(join(directory, SNAPSHOT_DIRECTORY))
  await writeFile(disk, join(directory, JOURNAL_FILE), INITIAL_JOURNAL)
  if (names.includes(SEED_TEMPORARY_FILE)) await disk.remove(join(directory, SEED_TEMPORARY_FILE))
  // A program that knows nothing of seeds would begin an empty cluster: it must not take this directory for an empty one.
  await writeFormat(disk, directory, formatOfLevel(names.includes(SEED_FILE) ? SERVICE_LEVEL : BASE_LEVEL))
}

/** Durable when it resolves. False: the directory has that level already, or a higher one, and stays. */
export async function raiseFormat(disk: Disk, directory: string, level: number): Promise<boolean> {
  const version = await readFormat(disk, directory, (await disk.list(directory)) ?? [])
  if (version >= formatOfLevel(level)) return false
  await writeFormat(disk, directory, formatOfLevel(level))
  return true
}

/**
 * LevelDB does not sync the first manifest of a new database, and writes nothing else before it has a second one. So if
 * CURRENT still names the first, or nothing, this database was never usable: then CURRENT is removed, and LevelDB starts
 * over. For a directory that is nobody's yet and whose database cannot be opened. False if that is not the reason.
 */
export async function forgetUnfinishedDatabase(disk: Disk, directory: string): Promise<boolean> {
  const log = join(directory, LOG_DIRECTORY)
  if ((await disk.list(log))?.includes(LEVELDB_CURRENT_FILE) !== true) return false
  const current = (await readFile(disk, join(log, LEVELDB_CURRENT_FILE), FORMAT_LIMIT_BYTES)).toString('utf8')
  if (current !== '' && current !== LEVELDB_FIRST_MANIFEST) return false
  await disk.remove(join(log, LEVELDB_CURRENT_FILE))
  return true
}

async function writeFormat(disk: Disk, directory: string, version: number): Promise<void> {
  const temporary = join(directory, FORMAT_TEMPORARY_FILE)
  await writeFile(disk, temporary, Buffer.from(`${JSON.stringify({ format: FORMAT_NAME, version })}\n`))
  await disk.syncDirectory(directory)
  await disk.rename(temporary, join(directory, FORMAT_FILE))
  await disk.syncDirectory(directory)
}

export async function readJournal(disk: Disk, directory: string): Promise<Buffer> {
  const names = (await disk.list(directory)) ?? []
  if (!names.includes(JOURNAL_FILE)) throw damaged(directory, JOURNAL_FILE, 'the file is missing')
  return readFile(disk, join(directory, JOURNAL_FILE), JOURNAL_BYTES)
}

function notOurs(directory: string, names: readonly string[]): Error {
  if (names.includes(JOURNAL_FILE) && names.includes(LOG_DIRECTORY)) {
    return damaged(directory, FORMAT_FILE, 'the file is missing or cannot be understood')
  }
  return foreign(directory, 'is not empty and was not written by this program')
}

async function readFormat(disk: Disk, directory: string, names: readonly string[]): Promise<number> {
  const text = (await readFile(disk, join(directory, FORMAT_FILE), FORMAT_LIMIT_BYTES)).toString('utf8')
  const version = parseVersion(text)
  if (version === null) throw notOurs(directory, names)
  return version
}

function parseVersion(text: string): number | null {
  try {
    const { format, version } = JSON.parse(text) as { format?: unknown; version?: unknown }
    return format === FORMAT_NAME && typeof version === 'number' && Number.isSafeInteger(version) ? version : null
  } catch {
    return null
  }
}

async function readFile(disk: Disk, path: string, maxBytes: number): Promise<Buffer> {
  const file = await disk.openFile(path, 'read')
  try {
    return await file.read(0, maxBytes)
  } finally {
    await file.close()
  }
}

async function writeFile(disk: Disk, path: string, bytes: Buffer): Promise<void> {
  const file = await disk.openFile(path, 'create')
  try {
    await file.write(0, bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}
