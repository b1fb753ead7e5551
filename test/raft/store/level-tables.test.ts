import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkTable } from '../../../src/raft/store/level-tables.js'
import { openStore } from '../../../src/raft/store/open-store.js'
import { append, entries, freshDirectory, storeErrorOf } from './helpers.js'

/** A closed directory with a table of many blocks; opening it once more made LevelDB write it. */
async function directoryWithTable(): Promise<{ directory: string; path: string; table: Buffer }> {
  const directory = freshDirectory()
  const store = await openStore(directory)
  for (let i = 0; i < 20; i++) await append(store, entries(i * 50 + 1, i * 50 + 50))
  await store.close()
  await (await openStore(directory)).close()
  const name = readdirSync(join(directory, 'log')).find((file) => file.endsWith('.ldb'))
  const path = join(directory, 'log', name ?? 'no table')
  return { directory, path, table: readFileSync(path) }
}

const flipped = (table: Buffer, at: number): Buffer => {
  const copy = Buffer.from(table)
  copy.writeUInt8(copy.readUInt8(at) ^ 1, at)
  return copy
}

describe('a table of LevelDB', () => {
  it('as LevelDB wrote it has nothing wrong with it', async () => {
    const { table } = await directoryWithTable()
    expect(table.byteLength).toBeGreaterThan(20_000)
    expect(() => checkTable(table)).not.toThrow()
  })

  it('with a bit flipped in any block, or in the handles at its end, is damaged', async () => {
    const { table } = await directoryWithTable()
    for (let at = 0; at < table.byteLength - 48; at += 97)
      expect(() => checkTable(flipped(table, at)), `${at}`).toThrow()
    for (let at = table.byteLength - 48; at < table.byteLength - 44; at++) {
      expect(() => checkTable(flipped(table, at)), `${at}`).toThrow()
    }
  })

  it('with a sector zeroed ends the start with a word, not with an assertion of LevelDB', async () => {
    const { directory, path, table } = await directoryWithTable()
    writeFileSync(path, Buffer.from(table).fill(0, 0, 512))
    const error = await storeErrorOf(openStore(directory))
    expect(error.kind).toBe('damaged')
    expect(error.message).toMatch(/log\/\d+\.ldb: the block at byte 0 is damaged/)
  })

  it('without its end is left to LevelDB, which ignores it if it was never used', async () => {
    const { directory, path, table } = await directoryWithTable()
    writeFileSync(join(directory, 'log', '900000.ldb'), table.subarray(0, 5_000))
    await (await openStore(directory)).close()
    writeFileSync(path, table.subarray(0, 5_000))
    expect((await storeErrorOf(openStore(directory))).kind).toBe('damaged')
  })
})
