import { cpSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Level } from 'level'
import { describe, expect, it } from 'vitest'
import { StoreError } from '../../../src/raft/ports/store.js'
import { encodeBlock, readBlockInfo } from '../../../src/raft/store/block.js'
import { newestSlot, SLOT_BYTES, SLOTS } from '../../../src/raft/store/journal.js'
import { openStore } from '../../../src/raft/store/open-store.js'
import { append, chunksOf, entries, entry, freshDirectory, metadata, plain, readChunks, sourceOf } from './helpers.js'

const ENTRIES = 160

/** A member's directory as a crash leaves it: a table and a log in LevelDB, two snapshots, a compacted log, a record. */
async function original(): Promise<string> {
  const directory = freshDirectory()
  let store = await openStore(directory)
  await store.writeIdentity({ clusterId: 'c', nodeId: 'n1', raftId: 1, memberUid: 'u' })
  for (let i = 1; i <= ENTRIES / 2; i++) await append(store, entries(i, i), i - 1)
  for (const index of [8, 12]) await store.saveSnapshot(metadata(index), sourceOf(chunksOf(3, 100)))
  await store.compact(10)
  await store.close()
  store = await openStore(directory)
  for (let i = ENTRIES / 2 + 1; i <= ENTRIES; i++) await append(store, entries(i, i), i - 1)
  // LevelDB writes nothing when it is closed; waiting for it makes the damage that follows the only thing that is wrong.
  await store.close()
  const copy = join(directory, '..', 'original')
  cpSync(directory, copy, { recursive: true })
  return copy
}

function copyOf(directory: string): string {
  const copy = join(directory, '..', 'copy')
  rmSync(copy, { recursive: true, force: true })
  cpSync(directory, copy, { recursive: true })
  return copy
}

/** Opens the directory: either everything is there, or a StoreError says what, where and what to do. */
async function wholeOrRefused(directory: string): Promise<'whole' | StoreError> {
  let store: Awaited<ReturnType<typeof openStore>>
  try {
    store = await openStore(directory)
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    expect(error.message).toContain(directory)
    if (error.kind === 'damaged') expect(error.message).toMatch(/members remove.*wipe.*members add/)
    return error
  }
  try {
    const { loaded } = store
    expect(plain(loaded.entries)).toEqual(plain(entries(11, ENTRIES)))
    expect(loaded.hardState).toEqual({ term: 1, vote: 1, commit: ENTRIES - 1 })
    expect(loaded.identity).toMatchObject({ nodeId: 'n1', raftId: 1 })
    const outcome = await readChunks(store, 12).catch((error: unknown) => error)
    if (outcome instanceof StoreError) return outcome
    expect(outcome).toEqual(chunksOf(3, 100))
  } finally {
    await store.close()
  }
  return 'whole'
}

const refusal = async (directory: string, kind: StoreError['kind']): Promise<string> => {
  const outcome = await wholeOrRefused(directory)
  if (outcome === 'whole') throw new Error('the damage was not seen')
  expect(outcome.kind).toBe(kind)
  return outcome.message
}

const inLog = (directory: string, pattern: RegExp): string => {
  const name = readdirSync(join(directory, 'log')).find((file) => pattern.test(file))
  if (name === undefined) throw new Error(`no file like ${pattern}`)
  return join(directory, 'log', name)
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file)
  bytes.writeUInt8(bytes.readUInt8(at) ^ 0x40, at)
  writeFileSync(file, bytes)
}

/** Both copies in the slot. */
function damageSlot(directory: string, slot: number): void {
  const middle = slot * SLOT_BYTES + SLOT_BYTES / 2
  flip(join(directory, 'synced'), middle - 20)
  flip(join(directory, 'synced'), middle + 20)
}

const filesOf = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile() && !['LOCK', 'LOG', 'LOG.old'].includes(file.name))
    .map((file) => join(file.parentPath, file.name))

async function changeDatabase(
  directory: string,
  change: (level: Level<Buffer, Buffer>) => Promise<void>,
): Promise<void> {
  const options = { keyEncoding: 'buffer', valueEncoding: 'buffer', compression: false } as const
  const level = new Level<Buffer, Buffer>(join(directory, 'log'), options)
  await level.open()
  await change(level)
  await level.close()
}

describe('a directory is whole or refused', () => {
  it('as a crash left it, any number of times', async () => {
    const directory = await original()
    expect(await wholeOrRefused(directory)).toBe('whole')
    expect(await wholeOrRefused(directory)).toBe('whole')
  })

  it('with one byte flipped anywhere in any file', { timeout: 120_000 }, async () => {
    const directory = await original()
    let refused = 0
    for (const file of filesOf(directory)) {
      const size = readFileSync(file).byteLength
      for (let trial = 0; trial < 12; trial++) {
        const copy = copyOf(directory)
        const at = Math.floor(((trial + 0.5) / 12) * size)
        flip(file.replace(directory, copy), at)
        const outcome = await wholeOrRefused(copy)
        if (outcome === 'whole') continue
        refused++
        expect(['damaged', 'foreign'], `${file} at ${at}: ${outcome.message}`).toContain(outcome.kind)
        // It stays refused: LevelDB's own repair at the first start must not make it look whole.
        expect(await wholeOrRefused(copy)).not.toBe('whole')
      }
    }
    expect(refused).toBeGreaterThan(20)
  })

  it('with any file cut short or gone', { timeout: 120_000 }, async () => {
    const directory = await original()
    for (const file of filesOf(directory)) {
      for (const keep of [0, 0.5, 0.9, null]) {
        const copy = copyOf(directory)
        const place = file.replace(directory, copy)
        if (keep === null) rmSync(place)
        else truncateSync(place, Math.floor(readFileSync(file).byteLength * keep))
        const outcome = await wholeOrRefused(copy)
        // The older snapshot is spare.
        if (!file.endsWith('8-1.snap')) expect(outcome, `${file} cut to ${keep}`).not.toBe('whole')
      }
    }
  })

  it('without LevelDB’s log: it names what is proven', async () => {
    const directory = await original()
    rmSync(inLog(directory, /\.log$/))
    expect(await refusal(directory, 'damaged')).toMatch(/log\/.*ends with .*entry 80.*synced proves.*up to entry 160/)
  })

  it('without the database', async () => {
    const directory = await original()
    rmSync(join(directory, 'log'), { recursive: true })
    expect(await refusal(directory, 'damaged')).toMatch(/log\/.*missing/)
  })

  it('with LevelDB’s log from an earlier time', async () => {
    const directory = await original()
    const log = inLog(directory, /\.log$/)
    truncateSync(log, Math.floor(readFileSync(log).byteLength * 0.7))
    await refusal(directory, 'damaged')
  })

  it('with damage in the middle of LevelDB’s log, where LevelDB drops the middle and says nothing', async () => {
    const directory = await original()
    const log = inLog(directory, /\.log$/)
    flip(log, Math.floor(readFileSync(log).byteLength / 2))
    await refusal(directory, 'damaged')
  })

  it('with a snapshot gone that the log starts from', async () => {
    const directory = await original()
    rmSync(join(directory, 'snapshots', '12-1.snap'))
    expect(await refusal(directory, 'damaged')).toMatch(/snapshots\/.*newest snapshot is of entry 8.*after entry 10/)
  })

  it('with all slots of the journal damaged, or one', async () => {
    const directory = await original()
    const one = copyOf(directory)
    damageSlot(one, 0)
    expect(await wholeOrRefused(one)).toBe('whole')
    for (let slot = 0; slot < SLOTS; slot++) damageSlot(directory, slot)
    expect(await refusal(directory, 'damaged')).toMatch(/synced: none of the copies/)
  })

  it.each([0, 1])(
    'with slot %i of the journal damaged and LevelDB’s log gone: the other slot is proof enough',
    async (slot) => {
      const directory = await original()
      damageSlot(directory, slot)
      rmSync(inLog(directory, /\.log$/))
      expect(await refusal(directory, 'damaged')).toMatch(/synced proves .* up to entry (159|160)/)
    },
  )

  it('as a crash leaves it, with LevelDB behind: the journal has the rest', async () => {
    const directory = freshDirectory()
    const store = await openStore(directory)
    for (let i = 1; i <= 3 * SLOTS; i++) {
      await append(store, entries(i, i), i - 1)
      const copy = copyOf(directory)
      const again = await openStore(copy)
      expect(plain(again.loaded.entries)).toEqual(plain(entries(1, i)))
      await again.close()
    }
    await store.close()
  })

  it('with batches lost that LevelDB had synced: refused', async () => {
    const directory = await original()
    const log = inLog(directory, /\.log$/)
    truncateSync(log, readFileSync(log).byteLength - 10)
    expect(await refusal(directory, 'damaged')).toMatch(/synced proves .* up to entry 160/)
  })

  it('with FORMAT gone: it is not taken for a new one', async () => {
    const directory = await original()
    rmSync(join(directory, 'FORMAT'))
    expect(await refusal(directory, 'damaged')).toMatch(/FORMAT/)
    rmSync(join(directory, 'synced'))
    const outcome = await wholeOrRefused(directory)
    expect(outcome).toBeInstanceOf(StoreError)
  })
})

describe('values that LevelDB gives back wrong', () => {
  const key = (index: number) => Buffer.concat([Buffer.from('e'), Buffer.alloc(7), Buffer.from([index])])

  it('two blocks swapped', async () => {
    const directory = await original()
    await changeDatabase(directory, async (level) => {
      const [a, b] = [await level.get(key(40)), await level.get(key(41))]
      if (a === undefined || b === undefined) throw new Error('no such blocks')
      await level.batch([
        { type: 'put', key: key(40), value: b },
        { type: 'put', key: key(41), value: a },
      ])
    })
    expect(await refusal(directory, 'damaged')).toMatch(/from 40 on is damaged: it is the block from 41 on/)
  })

  it.each([11, 35, 60])('block %i missing', async (index) => {
    const directory = await original()
    await changeDatabase(directory, (level) => level.del(key(index)))
    expect(await refusal(directory, 'damaged')).toContain(`entries ${index} to ${index} are missing`)
  })

  it('a block of another log with the same indexes', async () => {
    const directory = await original()
    const otherDirectory = freshDirectory()
    const other = await openStore(otherDirectory)
    // The entries of the block are the same, but not the log before it.
    for (let i = 1; i <= ENTRIES; i++) await append(other, i === 20 ? [entry(20, 1, 'another')] : entries(i, i), 0)
    await other.close()
    let block: Buffer | undefined
    await changeDatabase(otherDirectory, async (level) => {
      block = await level.get(key(50))
    })
    await changeDatabase(directory, (level) => level.put(key(50), block ?? Buffer.alloc(0)))
    expect(await refusal(directory, 'damaged')).toMatch(/does not follow/)
  })

  it('the last block with other contents, though its checksum is right', async () => {
    const directory = await original()
    await changeDatabase(directory, async (level) => {
      const { chain } = readBlockInfo((await level.get(key(ENTRIES))) ?? Buffer.alloc(0))
      await level.put(key(ENTRIES), encodeBlock(chain, null, [entry(ENTRIES, 1, 'forged')]).value)
    })
    expect(await refusal(directory, 'damaged')).toMatch(/not those stored last/)
  })

  // Everything else about such a block is right: its shape, its header, and the chain that goes through its checksum.
  it.each([40, ENTRIES])('one bit flipped in what entry %i says', async (index) => {
    const directory = await original()
    await changeDatabase(directory, async (level) => {
      const value = Buffer.from((await level.get(key(index))) ?? Buffer.alloc(0))
      value.writeUInt8(value.readUInt8(value.byteLength - 1) ^ 1, value.byteLength - 1)
      await level.put(key(index), value)
    })
    expect(await refusal(directory, 'damaged')).toContain(`the block of entries from ${index} on is damaged`)
  })

  it('but a compacted block that came back is nothing that is missing, and goes again', async () => {
    const directory = freshDirectory()
    const store = await openStore(directory)
    await append(store, entries(1, 4), 4)
    await append(store, entries(5, 6), 6)
    await store.close()
    let block: Buffer | undefined
    await changeDatabase(directory, async (level) => {
      block = await level.get(key(1))
    })
    const compacting = await openStore(directory)
    await compacting.saveSnapshot(metadata(5), sourceOf([]))
    await compacting.compact(5)
    await compacting.close()
    await changeDatabase(directory, async (level) => {
      expect(await level.get(key(1))).toBeUndefined()
      await level.put(key(1), block ?? Buffer.alloc(0))
    })
    const again = await openStore(directory)
    expect(again.loaded).toMatchObject({ prevIndex: 4, entries: [{ index: 5 }, { index: 6 }] })
    await again.close()
    await changeDatabase(directory, async (level) => expect(await level.get(key(1))).toBeUndefined())
  })

  it('a deletion lost', async () => {
    const directory = await original()
    await changeDatabase(directory, async (level) => level.put(key(5), (await level.get(key(30))) ?? Buffer.alloc(0)))
    await refusal(directory, 'damaged')
  })

  it('a record lost', async () => {
    const directory = await original()
    await changeDatabase(directory, (level) => level.del(Buffer.from('ridentity')))
    expect(await refusal(directory, 'damaged')).toMatch(/record was lost/)
  })

  it('the meta record lost', async () => {
    const directory = await original()
    await changeDatabase(directory, (level) => level.del(Buffer.from('m')))
    expect(await refusal(directory, 'damaged')).toMatch(/meta record is missing.*synced proves/)
  })

  it('a key that is not ours', async () => {
    const directory = await original()
    await changeDatabase(directory, (level) => level.put(Buffer.from('zzz'), Buffer.from('x')))
    expect(await refusal(directory, 'damaged')).toMatch(/unknown key/)
  })
})

it('a journal of an earlier time proves less, and nothing is lost by it', async () => {
  const directory = freshDirectory()
  const store = await openStore(directory)
  await append(store, entries(1, 5))
  const old = readFileSync(join(directory, 'synced'))
  await append(store, entries(3, 8, 2))
  await store.close()
  writeFileSync(join(directory, 'synced.old'), old)
  renameSync(join(directory, 'synced.old'), join(directory, 'synced'))
  const again = await openStore(directory)
  expect(plain(again.loaded.entries)).toEqual(plain([...entries(1, 2), ...entries(3, 8, 2)]))
  // What was found beyond the journal is proven from now on.
  expect(newestSlot(readFileSync(join(directory, 'synced')))?.meta.last.index).toBe(8)
  await again.close()
})
