import { cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { LogStore } from '../../../src/raft/ports/store.js'
import { newestSlot, SLOT_BYTES } from '../../../src/raft/store/journal.js'
import { META_BYTES } from '../../../src/raft/store/meta.js'
import { openStore } from '../../../src/raft/store/open-store.js'
import { append, entries, freshDirectory, plain, storeErrorOf } from './helpers.js'

/** Leaves LevelDB as far behind as it may be. */
const never = { after: () => ({ cancel: () => undefined }) }

/** The directory as a crash would leave it now. */
function crashed(directory: string): string {
  const copy = join(directory, '..', 'copy')
  rmSync(copy, { recursive: true, force: true })
  cpSync(directory, copy, { recursive: true })
  return copy
}

async function withEntries(count: number, work: (store: LogStore, directory: string) => Promise<void>): Promise<void> {
  const directory = freshDirectory()
  const store = await openStore(directory, never)
  try {
    for (let i = 1; i <= count; i++) await append(store, entries(i, i), i - 1)
    await work(store, directory)
  } finally {
    await store.close()
  }
}

async function entriesIn(directory: string): Promise<unknown> {
  const store = await openStore(directory)
  await store.close()
  return plain(store.loaded.entries)
}

const changed = (file: string, change: (bytes: Buffer) => void): void => {
  const bytes = readFileSync(file)
  change(bytes)
  writeFileSync(file, bytes)
}

it('one damaged bit or sector in the newest slot loses nothing, though only the journal has the last batches', async () => {
  await withEntries(5, async (_store, directory) => {
    const whole = readFileSync(join(directory, 'synced'))
    const start = (newestSlot(whole)?.number ?? 0) * SLOT_BYTES
    const used = [...whole.subarray(start, start + SLOT_BYTES).keys()].filter((at) => whole[start + at] !== 0)
    expect(used.length).toBeGreaterThan(100)
    for (const at of used.filter((_, i) => i % 12 === 0)) {
      const copy = crashed(directory)
      changed(join(copy, 'synced'), (bytes) => bytes.writeUInt8((bytes[start + at] ?? 0) ^ 4, start + at))
      expect(await entriesIn(copy)).toEqual(plain(entries(1, 5)))
    }
    const middle = start + SLOT_BYTES / 2
    for (const sector of [middle - 4096, middle]) {
      const copy = crashed(directory)
      changed(join(copy, 'synced'), (bytes) => bytes.fill(0, sector, sector + 4096))
      expect(await entriesIn(copy)).toEqual(plain(entries(1, 5)))
    }
  })
})

it('an older copy of the journal is refused: what came after it may be nowhere else', async () => {
  await withEntries(5, async (store, directory) => {
    const old = readFileSync(join(directory, 'synced'))
    for (let i = 6; i <= 40; i++) await append(store, entries(i, i), i - 1)
    const copy = crashed(directory)
    writeFileSync(join(copy, 'synced'), old)
    const error = await storeErrorOf(openStore(copy))
    expect(error.kind).toBe('damaged')
    expect(error.message).toMatch(/synced: it ends with write \d+, but the database has write \d+: it is an older copy/)
  })
})

it('a journal cut short is refused', async () => {
  await withEntries(20, async (_store, directory) => {
    const { byteLength } = readFileSync(join(directory, 'synced'))
    const insideHeader = 2.5 * SLOT_BYTES + META_BYTES + 1
    for (const keep of [Math.floor(0.3 * byteLength), byteLength - 1, insideHeader]) {
      const copy = crashed(directory)
      truncateSync(join(copy, 'synced'), keep)
      const error = await storeErrorOf(openStore(copy))
      expect(error.kind).toBe('damaged')
      expect(error.message).toMatch(/synced: it is cut to \d+ bytes/)
    }
  })
})

it('a start that ends before its slot is written can be repeated any number of times', async () => {
  await withEntries(3, async (_store, directory) => {
    const copy = crashed(directory)
    for (let start = 0; start < 4; start++) {
      const journal = readFileSync(join(copy, 'synced'))
      expect(await entriesIn(copy)).toEqual(plain(entries(1, 3)))
      writeFileSync(join(copy, 'synced'), journal)
    }
  })
})

it('a file of another program that has the name of the journal is not overwritten', async () => {
  const directory = freshDirectory()
  mkdirSync(directory)
  writeFileSync(join(directory, 'synced'), 'last run: yesterday\n')
  expect((await storeErrorOf(openStore(directory))).kind).toBe('foreign')
  expect(readFileSync(join(directory, 'synced'), 'utf8')).toBe('last run: yesterday\n')
})
