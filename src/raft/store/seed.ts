/**
 * The seed of a cluster: a saved snapshot in a data directory that is nobody's yet. The founders begin with it in place of an
 * empty state (membership/founder.ts); once the directory has an identity the seed has no more meaning, and goes.
 *
 *   seed        a sealed file (sealed-file.ts): what is agreed on before it is read, and the snapshot
 *
 * It is written beside and renamed, so that a directory has a whole one or none; and under LevelDB's lock, so that no node is
 * running there.
 */
import { dirname, join, resolve } from 'node:path'
import { SEALED_READ_BYTES } from '../limits.js'
import { type Seed, StoreError } from '../ports/store.js'
import { CodecError } from './codec.js'
import type { Database, Disk, DiskFile } from './disk.js'
import { storeFailure } from './errors.js'
import type { FailureLatch } from './failure-latch.js'
import { LOG_DIRECTORY, SEED_FILE, SEED_TEMPORARY_FILE } from './layout.js'
import { nodeDisk } from './node-disk.js'
import { openSealed, SealedWriter } from './sealed-file.js'
import { readOutline, type SnapshotOutline } from './snapshot-format.js'
import { FileSnapshotReader } from './snapshot-reader.js'

/** What the founders agree on, as the header says it. */
export type SeedTerms = Pick<Seed, 'seal' | 'index' | 'leastUnixSeconds' | 'plantedUnixSeconds' | 'nodeLeaseMs'>

/** What a directory may hold that a seed is planted in: the root of an ext4 volume, and what a power cut left of planting. */
const NAMES_OF_NOTHING: ReadonlySet<string> = new Set(['lost+found', LOG_DIRECTORY, SEED_TEMPORARY_FILE])

/** Whether there is nothing that planting a seed would be in the way of. */
export async function isPlantable(directory: string, disk: Disk = nodeDisk): Promise<boolean> {
  const names = (await disk.list(resolve(directory))) ?? []
  return names.every((name) => NAMES_OF_NOTHING.has(name))
}

/** Durable when it resolves. Throws StoreError: `locked` while a node runs there, `foreign` where something else is. */
export async function plantSeed(
  directory: string,
  terms: SeedTerms,
  snapshot: DiskFile,
  disk: Disk = nodeDisk,
): Promise<void> {
  const place = resolve(directory)
  try {
    if (!(await isPlantable(place, disk))) throw notEmpty(place)
    await disk.makeDirectory(place)
    await disk.syncDirectory(dirname(place))
    const database = await disk.openDatabase(join(place, LOG_DIRECTORY), true)
    try {
      // Looked at again under the lock: a node may have been started meanwhile.
      if (!(await isPlantable(place, disk)) || !(await isEmpty(database))) throw notEmpty(place)
      await write(disk, place, terms, snapshot)
    } finally {
      await database.close()
    }
  } catch (error) {
    throw storeFailure(place, 'writing the seed', error)
  }
}

async function write(disk: Disk, directory: string, terms: SeedTerms, snapshot: DiskFile): Promise<void> {
  const temporary = join(directory, SEED_TEMPORARY_FILE)
  const file = await disk.openFile(temporary, 'create')
  try {
    const writer = new SealedWriter(file)
    const bytes = await snapshot.sizeBytes()
    await writer.begin('TNLSEED', terms, bytes)
    for (let at = 0; at < bytes; at += SEALED_READ_BYTES)
      await writer.append(await snapshot.read(at, SEALED_READ_BYTES))
    await writer.end()
  } finally {
    await file.close()
  }
  await disk.syncDirectory(directory)
  await disk.rename(temporary, join(directory, SEED_FILE))
  await disk.syncDirectory(directory)
}

async function isEmpty(database: Database): Promise<boolean> {
  for await (const pairs of database.scan()) if (pairs.length > 0) return false
  return true
}

function notEmpty(directory: string): StoreError {
  return new StoreError('foreign', `${directory} is not empty. Nothing in it was changed`)
}

/** The seed that lies there. Throws StoreError: what is wrong with it can be mended only by planting it again. */
export async function openSeed(disk: Disk, directory: string, latch: FailureLatch): Promise<Seed> {
  const path = join(directory, SEED_FILE)
  const failed = (error: CodecError): StoreError => {
    const advice = 'Empty the directory and restore the saved snapshot once more: tnl snapshot restore'
    return new StoreError('damaged', `${path} cannot be used: ${error.message}. ${advice}`, { cause: error })
  }
  const open = async (): Promise<{ terms: SeedTerms; file: DiskFile; outline: SnapshotOutline }> => {
    const file = await disk.openFile(path, 'read')
    try {
      const { about, body } = await openSealed(file, 'TNLSEED')
      return { terms: about as unknown as SeedTerms, file: body, outline: await readOutline(body) }
    } catch (error) {
      await file.close()
      throw error instanceof CodecError ? failed(error) : error
    }
  }
  const { terms, file } = await open()
  await file.close()
  const { seal, index, leastUnixSeconds, plantedUnixSeconds, nodeLeaseMs } = terms
  return {
    seal,
    index,
    leastUnixSeconds,
    plantedUnixSeconds,
    nodeLeaseMs,
    open: () =>
      latch.guard('reading the seed', async () => {
        const opened = await open()
        return new FileSnapshotReader(opened.file, opened.outline, latch, failed)
      }),
    forget: () => latch.guard('removing the seed', () => forgetSeed(disk, directory)),
  }
}

export async function forgetSeed(disk: Disk, directory: string): Promise<void> {
  await disk.remove(join(directory, SEED_FILE))
  await disk.syncDirectory(directory)
}
