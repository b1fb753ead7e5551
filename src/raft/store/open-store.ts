import { join, resolve } from 'node:path'
import { FEATURE_LEVEL } from '../../feature-level.js'
import type { Clock } from '../../platform.js'
import { type LoadedLog, type LogStore, StoreError } from '../ports/store.js'
import { claimDirectory, createContents, forgetUnfinishedDatabase, readJournal } from './data-directory.js'
import type { Database, Disk } from './disk.js'
import { openFailure } from './errors.js'
import { FailureLatch } from './failure-latch.js'
import { decodeIdentity, IDENTITY_RECORD } from './identity.js'
import { isInitialJournal, Journal } from './journal.js'
import { JOURNAL_FILE, LOG_DIRECTORY, META_KEY } from './layout.js'
import { LevelLogStore } from './level-log-store.js'
import { checkTables } from './level-tables.js'
import { LogImage } from './log-image.js'
import { EMPTY_META, encodeMeta } from './meta.js'
import { nodeDisk } from './node-disk.js'
import { batchesToRepeat, LogScan, type RecoveredLog } from './recovery.js'
import { forgetSeed, openSeed } from './seed.js'
import { SnapshotFiles } from './snapshot-files.js'
import { WriteBacklog } from './write-backlog.js'

export interface StoreOptions {
  /** The seam for tests and the simulator. */
  readonly disk?: Disk
  /** Timers of the store; the simulator's are virtual. */
  readonly after?: Clock['after']
  /** The feature level of the program, if it is not that of this one: for tests. */
  readonly programLevel?: number
}

const systemAfter: Clock['after'] = (delayMs, run) => {
  const timeout = setTimeout(run, delayMs)
  return { cancel: () => clearTimeout(timeout) }
}

/**
 * Opens the store in `directory`, which is created if it is empty or not there. Everything that was ever acknowledged
 * is then in `loaded`. Rejects with a StoreError (damaged, foreign, locked, disk-full or io) or an OlderProgramError.
 */
export async function openStore(directory: string, options: StoreOptions = {}): Promise<LogStore> {
  const disk = options.disk ?? nodeDisk
  const place = resolve(directory)
  const programLevel = options.programLevel ?? FEATURE_LEVEL
  const latch = new FailureLatch(place)
  return latch.guard('opening the store', async () => {
    const { isNew, hasSeed } = await claimDirectory(disk, place, programLevel)
    await checkTables(disk, place)
    const database = isNew ? await createDatabase(disk, place) : await openDatabase(disk, place, false)
    try {
      await createContents(disk, place, database)
      const store = await openContents(disk, place, database, latch, options.after ?? systemAfter)
      if (hasSeed) await takeSeed(store, disk, place, latch)
      return store
    } catch (error) {
      await database.close()
      throw error
    }
  })
}

/** Tries again if a power cut has left a database that was never usable. */
async function createDatabase(disk: Disk, directory: string): Promise<Database> {
  try {
    return await openDatabase(disk, directory, true)
  } catch (error) {
    const isDamaged = error instanceof StoreError && error.kind === 'damaged'
    if (!isDamaged || !(await forgetUnfinishedDatabase(disk, directory))) throw error
    return openDatabase(disk, directory, true)
  }
}

async function openDatabase(disk: Disk, directory: string, createIfMissing: boolean): Promise<Database> {
  try {
    return await disk.openDatabase(join(directory, LOG_DIRECTORY), createIfMissing)
  } catch (error) {
    throw openFailure(directory, error)
  }
}

async function openContents(
  disk: Disk,
  directory: string,
  database: Database,
  latch: FailureLatch,
  after: Clock['after'],
): Promise<LevelLogStore> {
  const recovered = await recover(disk, directory, database)
  const { meta, entries } = recovered
  const snapshots = new SnapshotFiles(disk, directory, latch)
  const snapshot = await snapshots.load({ prev: meta.prev, last: meta.last, entries })
  const image = new LogImage(recovered)
  const journal = new Journal(await disk.openFile(join(directory, JOURNAL_FILE), 'durable'), recovered.proof.number)
  try {
    // LevelDB renames and creates files when it opens without syncing their directory.
    await disk.syncDirectory(join(directory, LOG_DIRECTORY))
    // The node will act upon what was found beyond the journal, so it is synced and proven first.
    const start = image.planStart(recovered.proof.meta.sequence)
    await database.write(start.operations, true)
    await journal.write(start.meta, { base: start.sequence, operations: [] })
  } catch (error) {
    await journal.close()
    throw error
  }
  const backlog = new WriteBacklog(database, latch, after, image.meta.sequence)
  const identity = recovered.records.get(IDENTITY_RECORD)
  const loaded: LoadedLog = {
    identity: identity === undefined ? null : decodeIdentity(identity),
    hardState: meta.hardState,
    snapshot,
    entries,
    prevIndex: meta.prev.index,
    prevTerm: meta.prev.term,
  }
  const store = new LevelLogStore({ disk, directory, database, journal, backlog, image, snapshots, latch }, loaded)
  await store.sweep()
  return store
}

/** Who has an identity has begun with it: the process before may have ended before it could remove it. */
async function takeSeed(store: LevelLogStore, disk: Disk, directory: string, latch: FailureLatch): Promise<void> {
  if (store.loaded.identity === null) store.seed = await openSeed(disk, directory, latch)
  else await forgetSeed(disk, directory)
}

async function recover(disk: Disk, directory: string, database: Database): Promise<RecoveredLog> {
  const bytes = await readJournal(disk, directory)
  const scan = new LogScan(directory)
  try {
    const repeat = batchesToRepeat(bytes, await database.read(META_KEY))
    if (repeat !== null) await database.write(repeat, true)
    for await (const pairs of database.scan()) for (const [key, value] of pairs) scan.add(key, value)
  } catch (error) {
    throw openFailure(directory, error)
  }
  // The last step of the creation, or what a crash left undone of it.
  if (scan.isEmpty && isInitialJournal(bytes)) {
    const meta = encodeMeta(EMPTY_META)
    await database.write([{ type: 'put', key: META_KEY, value: meta }], true)
    scan.add(META_KEY, meta)
  }
  return scan.finish(bytes)
}
