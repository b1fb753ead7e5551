/** What the journal has and LevelDB has not: batches that are acknowledged while LevelDB's write is still under way. */
import { expect, it } from 'vitest'
import type { Entry } from '../../../src/raft/core/types.js'
import type { LogStore } from '../../../src/raft/ports/store.js'
import type { Database } from '../../../src/raft/store/disk.js'
import { SLOTS } from '../../../src/raft/store/journal.js'
import { META_KEY } from '../../../src/raft/store/layout.js'
import { decodeMeta } from '../../../src/raft/store/meta.js'
import { openStore } from '../../../src/raft/store/open-store.js'
import { MemoryDisk } from '../../../src/testing/memory-disk.js'
import { append, entries, plain, storeErrorOf } from './helpers.js'

const DIRECTORY = '/data'
/** As many batches make LevelDB's write begin without its timer, which never fires here. */
const BATCHES_OF_A_WRITE = SLOTS / 2

/** A disk whose database can be made to hang in its writes, as LevelDB does on a slow machine. */
class HangingDisk extends MemoryDisk {
  #released: Promise<void> | null = null
  #release: () => void = () => undefined

  hang(): void {
    this.#released = new Promise((resolve) => {
      this.#release = resolve
    })
  }

  goOn(): void {
    this.#released = null
    this.#release()
  }

  override async openDatabase(directory: string, createIfMissing: boolean): Promise<Database> {
    const database = await super.openDatabase(directory, createIfMissing)
    return {
      ...database,
      write: async (operations, sync) => {
        if (this.#released !== null) await this.#released
        await database.write(operations, sync)
      },
    }
  }
}

const open = (disk: MemoryDisk): Promise<LogStore> =>
  openStore(DIRECTORY, { disk, after: () => ({ cancel: () => undefined }) })

/** Nothing on this disk waits for anything but promises, so one turn of the event loop brings it to rest. */
const atRest = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function entriesOn(disk: MemoryDisk): Promise<unknown> {
  disk.restart()
  const store = await open(disk)
  const found: readonly Entry[] = store.loaded.entries
  await store.close()
  return plain(found)
}

it('nothing that is acknowledged is only where a later batch is written, however long LevelDB hangs', async () => {
  const disk = new HangingDisk(() => 0)
  const store = await open(disk)
  disk.hang()
  let acknowledged = 0
  const batches = Array.from({ length: 3 * SLOTS }, (_, i) => {
    const batch = append(store, entries(i + 1, i + 1), i)
    return batch.then(() => {
      acknowledged = i + 1
    })
  })
  await atRest()
  // It did not wait for LevelDB as long as it could go on without it.
  expect(acknowledged).toBeGreaterThan(BATCHES_OF_A_WRITE)
  expect(await entriesOn(disk.copy())).toEqual(plain(entries(1, acknowledged)))
  disk.goOn()
  await Promise.all(batches)
  expect(acknowledged).toBe(batches.length)
  expect(await entriesOn(disk.copy())).toEqual(plain(entries(1, batches.length)))
  await store.close()
})

it('a database that lost what it had synced is refused, though the journal still has all of it', async () => {
  const disk = new MemoryDisk(() => 0)
  const store = await open(disk)
  const inDatabase = () => decodeMeta(disk.database?.synced(META_KEY.toString('hex')) ?? Buffer.alloc(0))
  const atStart = inDatabase().last.index
  for (let i = 1; i <= BATCHES_OF_A_WRITE; i++) await append(store, entries(i, i), i - 1)
  await atRest()
  expect(inDatabase().last.index).toBe(BATCHES_OF_A_WRITE)
  const last = BATCHES_OF_A_WRITE + 3
  for (let i = BATCHES_OF_A_WRITE + 1; i <= last; i++) await append(store, entries(i, i), i - 1)

  const whole = disk.copy()
  expect(await entriesOn(whole)).toEqual(plain(entries(1, last)))

  const damaged = disk.copy()
  // The last write of the database: the one with the first batches.
  expect(damaged.database?.loseWrite((count) => count - 1)).toBe(true)
  damaged.restart()
  const error = await storeErrorOf(open(damaged))
  expect(error.kind).toBe('damaged')
  expect(error.message).toContain(`the database ends with write 1, entry ${atStart}`)
  expect(error.message).toContain(`up to entry ${last}`)
  await store.close()
})
