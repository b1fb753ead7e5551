/** What the simulator's newer program writes is all there for itself, and for the present one a version that it names. */
import { describe, expect, it } from 'vitest'
import { FEATURE_LEVEL } from '../../src/feature-level.js'
import { formatOfLevel, raiseFormat } from '../../src/raft/store/data-directory.js'
import type { Disk } from '../../src/raft/store/disk.js'
import { newestSlot } from '../../src/raft/store/journal.js'
import { JOURNAL_FILE } from '../../src/raft/store/layout.js'
import { openStore } from '../../src/raft/store/open-store.js'
import { MemoryDisk } from '../../src/testing/memory-disk.js'
import { append, entries, plain, storeErrorOf } from '../raft/store/helpers.js'
import { holdsNewerLayout, NewerLayout, newerJournal, olderJournal } from './newer-layout.js'

const DIRECTORY = '/data/node'
const JOURNAL = `${DIRECTORY}/${JOURNAL_FILE}`
const NEWER_LEVEL = FEATURE_LEVEL + 1
const open = (disk: Disk, programLevel = FEATURE_LEVEL) => openStore(DIRECTORY, { disk, programLevel })

/** Entries 1 to 5 by the present program, 6 to 8 and a record by the newer one. */
async function mixed(): Promise<MemoryDisk> {
  const disk = new MemoryDisk(() => 0)
  const present = await open(disk)
  await append(present, entries(1, 5))
  await present.close()
  const newer = await open(new NewerLayout(disk), NEWER_LEVEL)
  await newer.raiseLevel(NEWER_LEVEL)
  expect(plain(newer.loaded.entries)).toEqual(plain(entries(1, 5)))
  await append(newer, entries(6, 8))
  await newer.putRecord('one', new Uint8Array([7]))
  return disk
}

const wholeJournal = (disk: MemoryDisk): Buffer => disk.file(JOURNAL).read(0, Number.MAX_SAFE_INTEGER)

describe('a newer layout', () => {
  it('is read by the newer program, together with what the present one wrote', async () => {
    const disk = await mixed()
    const store = await open(new NewerLayout(disk), NEWER_LEVEL)
    expect(plain(store.loaded.entries)).toEqual(plain(entries(1, 8)))
    expect(await store.getRecord('one')).toEqual(new Uint8Array([7]))
  })

  it('is in the database and in the journal', async () => {
    const disk = await mixed()
    const versions = [...(disk.database?.scan() ?? [])].map(([, value]) => value.readUInt8(4))
    expect(new Set(versions)).toEqual(new Set([1, 2]))
    const [seen, real] = [newestSlot(wholeJournal(disk)), newestSlot(olderJournal(wholeJournal(disk)))]
    expect(seen?.meta.sequence ?? 0).toBeLessThan(real?.meta.sequence ?? 0)
  })

  it('is refused by the present program, which names the version and changes nothing', async () => {
    const disk = await mixed()
    const [newer, present] = [formatOfLevel(NEWER_LEVEL), formatOfLevel(FEATURE_LEVEL)]
    await expect(open(disk)).rejects.toThrow(`(format version ${newer}) needs feature level ${NEWER_LEVEL}`)
    const setBack = (bytes: Buffer) => Buffer.from(bytes.toString().replace(String(newer), String(present)))
    disk.file(`${DIRECTORY}/FORMAT`).damage(setBack)
    const before = [wholeJournal(disk), ...(disk.database?.scan() ?? [])].toString()
    const error = await storeErrorOf(open(disk))
    expect(error.kind).toBe('damaged')
    expect(error.message).toContain('its version is 2, not 1')
    expect([wholeJournal(disk), ...(disk.database?.scan() ?? [])].toString()).toBe(before)
  })

  it('is there as soon as a raise is complete, and not while only FORMAT has been raised', async () => {
    const disk = new MemoryDisk(() => 0)
    await (await open(disk)).close()
    await raiseFormat(disk, DIRECTORY, NEWER_LEVEL)
    expect(holdsNewerLayout(disk)).toBe(false)

    const raised = new MemoryDisk(() => 0)
    await (await open(raised)).close()
    await (await open(new NewerLayout(raised), NEWER_LEVEL)).raiseLevel(NEWER_LEVEL)
    expect(holdsNewerLayout(raised)).toBe(true)
  })

  it('leaves alone what is damaged', async () => {
    const disk = await mixed()
    const torn = newerJournal(wholeJournal(disk).subarray(0, 1_000))
    expect(torn.equals(wholeJournal(disk).subarray(0, 1_000))).toBe(true)
  })
})
