/** A saved snapshot is planted whole or not at all, wherever the power fails, and is there until the cluster has begun with it. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FEATURE_LEVEL } from '../../../src/feature-level.js'
import { RESTORED_INDEX_STEP } from '../../../src/raft/limits.js'
import { writeGenesis } from '../../../src/raft/node/boot.js'
import { OlderProgramError } from '../../../src/raft/ports/older-program.js'
import type { LogStore } from '../../../src/raft/ports/store.js'
import { CodecError } from '../../../src/raft/store/codec.js'
import type { Disk, DiskFile } from '../../../src/raft/store/disk.js'
import { nodeDisk } from '../../../src/raft/store/node-disk.js'
import { openStore } from '../../../src/raft/store/open-store.js'
import { openSealed, SealedWriter } from '../../../src/raft/store/sealed-file.js'
import { isPlantable, plantSeed } from '../../../src/raft/store/seed.js'
import { SnapshotWriter } from '../../../src/raft/store/snapshot-format.js'
import { Crash, MemoryDisk } from '../../../src/testing/memory-disk.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { chunksOf, freshDirectory, metadata, sourceOf, storeErrorOf } from './helpers.js'

const DIRECTORY = '/data'
const CHUNKS = chunksOf(5, 3_000)
const SAVED_INDEX = 77
const TERMS = {
  ...{ seal: 'ab'.repeat(32), index: SAVED_INDEX, leastUnixSeconds: 5, plantedUnixSeconds: 6, nodeLeaseMs: 10_000 },
}
const IDENTITY = { clusterId: 'c', nodeId: 'n1', raftId: 1, memberUid: 'uid' }

/** A snapshot file, as a node has it. */
async function snapshotIn(disk: Disk, path: string): Promise<DiskFile> {
  const file = await disk.openFile(path, 'create')
  const writer = new SnapshotWriter(file)
  await writer.begin(metadata(SAVED_INDEX, 3))
  for (const chunk of CHUNKS) await writer.chunk(chunk)
  await writer.end()
  return file
}

async function chunksIn(store: LogStore): Promise<Uint8Array[]> {
  const reader = await store.seed?.open()
  const chunks: Uint8Array[] = []
  for await (const chunk of reader?.chunks() ?? []) chunks.push(new Uint8Array(chunk))
  await reader?.close()
  return chunks
}

/** As a founder begins with its seed. */
async function form(store: LogStore): Promise<void> {
  const { seed } = store
  if (seed === null) throw new Error('no seed')
  await writeGenesis(store, seed.index + RESTORED_INDEX_STEP, [1, 2, 3], sourceOf(await chunksIn(store)))
  await store.writeIdentity(IDENTITY)
  await seed.forget()
}

/** Runs `work` again and again, with the power failing one step later each time, until it gets through. */
async function atEachStep(work: (disk: MemoryDisk) => Promise<void>, look: (disk: MemoryDisk) => Promise<void>) {
  const seed = Math.floor(Date.now() / 1000)
  for (let step = 1; ; step++) {
    const random = new SeededRandom(seed + step)
    const disk = new MemoryDisk((bound) => random.int(bound))
    let crashed = false
    try {
      await work(Object.assign(disk, { stepsToCrash: Number.POSITIVE_INFINITY, startAt: step }))
    } catch (error) {
      const isCut = error instanceof Crash || (error instanceof Error && error.cause instanceof Crash)
      if (!isCut) throw new Error(`step ${step}, seed ${seed}`, { cause: error })
      crashed = true
    }
    disk.restart()
    await look(disk).catch((cause: unknown) => {
      throw new Error(`after a power cut at step ${step}, seed ${seed}`, { cause })
    })
    if (!crashed) return step
  }
}

const cutAfter = (disk: MemoryDisk): void => {
  disk.stepsToCrash = (disk as MemoryDisk & { startAt: number }).startAt
}

describe('power cuts', () => {
  it('while it is planted leave nothing, or the whole of it', async () => {
    const outcomes = { nothing: 0, whole: 0 }
    await atEachStep(
      async (disk) => {
        const snapshot = await snapshotIn(disk, '/saved')
        cutAfter(disk)
        await plantSeed(DIRECTORY, TERMS, snapshot, disk)
      },
      async (disk) => {
        if (await isPlantable(DIRECTORY, disk)) {
          outcomes.nothing++
          await plantSeed(DIRECTORY, TERMS, await snapshotIn(disk, '/again'), disk)
        } else outcomes.whole++
        const store = await openStore(DIRECTORY, { disk })
        expect(store.seed).toMatchObject(TERMS)
        expect(await chunksIn(store)).toEqual(CHUNKS)
        await store.close()
      },
    )
    expect(outcomes.nothing).toBeGreaterThan(5)
    expect(outcomes.whole).toBeGreaterThan(0)
  })

  it('while a node begins with it leave the seed, or the state that was made of it', async () => {
    const outcomes = { seed: 0, begun: 0 }
    await atEachStep(
      async (disk) => {
        await plantSeed(DIRECTORY, TERMS, await snapshotIn(disk, '/saved'), disk)
        cutAfter(disk)
        await form(await openStore(DIRECTORY, { disk }))
      },
      async (disk) => {
        let store = await openStore(DIRECTORY, { disk })
        if (store.loaded.identity === null) {
          outcomes.seed++
          expect(await chunksIn(store)).toEqual(CHUNKS)
          await form(store)
          await store.close()
          store = await openStore(DIRECTORY, { disk })
        } else outcomes.begun++
        expect(store.loaded).toMatchObject({ identity: IDENTITY, prevIndex: SAVED_INDEX + RESTORED_INDEX_STEP })
        expect(store.seed).toBe(null)
        expect(await disk.list(DIRECTORY)).not.toContain('seed')
        await store.close()
      },
    )
    expect(outcomes.seed).toBeGreaterThan(10)
    expect(outcomes.begun).toBeGreaterThan(0)
  })
})

describe('a directory', () => {
  it.each([
    ['of a node', async (directory: string) => (await openStore(directory)).close()],
    ['of somebody else', async (directory: string) => mkdirSync(join(directory, 'photos'), { recursive: true })],
    ['that has a seed already', async (directory: string) => plant(directory)],
  ])('%s is not planted in', async (_, prepare) => {
    const directory = freshDirectory()
    await prepare(directory)
    const before = readdirSync(directory, { recursive: true })
    expect(await storeErrorOf(plant(directory))).toMatchObject({ kind: 'foreign' })
    expect(readdirSync(directory, { recursive: true })).toEqual(before)
  })

  it('in which a node has just begun to run is in use', async () => {
    const directory = freshDirectory()
    mkdirSync(directory)
    // All that there is when a node opens a new directory, until it has made the rest.
    const database = await nodeDisk.openDatabase(join(directory, 'log'), true)
    expect(await storeErrorOf(plant(directory))).toMatchObject({ kind: 'locked' })
    await database.close()
    await plant(directory)
  })

  it('with a seed is refused by a program that knows none, before the cluster has begun and after', async () => {
    const directory = freshDirectory()
    await plant(directory)
    // 0.3.0 refuses a directory that has no FORMAT and a name that it does not know.
    expect(readdirSync(directory)).toEqual(['log', 'seed'])
    const store = await openStore(directory)
    await store.close()
    await expect(openStore(directory, { programLevel: FEATURE_LEVEL - 1 })).rejects.toThrow(OlderProgramError)
  })

  it('with a damaged seed says what to do', async () => {
    const directory = freshDirectory()
    await plant(directory)
    const file = join(directory, 'seed')
    writeFileSync(file, readFileSync(file).subarray(0, -100))
    const error = await storeErrorOf(openStore(directory))
    expect(error.kind).toBe('damaged')
    expect(error.message).toMatch(/seed cannot be used: it is cut short: .*tnl snapshot restore$/)
  })
})

async function plant(directory: string): Promise<void> {
  const snapshot = await snapshotIn(nodeDisk, `${freshDirectory()}-snapshot`)
  try {
    await plantSeed(directory, TERMS, snapshot)
  } finally {
    await snapshot.close()
  }
}

describe('a sealed file', () => {
  /** Null: it can be read; else the words. */
  async function troubleOf(change: (bytes: Buffer) => Buffer): Promise<string | null> {
    const disk = new MemoryDisk(() => 0)
    const snapshot = await snapshotIn(disk, '/snapshot')
    const file = await disk.openFile('/sealed', 'create')
    const writer = new SealedWriter(file)
    const bytes = await snapshot.read(0, 1_000_000)
    await writer.begin('TNLSAVE', { cluster: 'c' }, bytes.byteLength)
    await writer.append(bytes)
    const seal = await writer.end()
    const whole = await file.read(0, 1_000_000)
    const changed = await disk.openFile('/changed', 'create')
    await changed.write(0, change(whole))
    try {
      const opened = await openSealed(changed, 'TNLSAVE')
      expect(opened.about).toMatchObject({ cluster: 'c' })
      expect(await opened.verify()).toBe(seal)
      return null
    } catch (error) {
      if (error instanceof CodecError || error instanceof OlderProgramError) return error.message
      throw error
    }
  }

  it.each<[string, RegExp, (bytes: Buffer) => Buffer]>([
    ['empty', /^it is not a saved snapshot$/, () => Buffer.alloc(0)],
    [
      'of another kind',
      /^it is not a saved snapshot$/,
      (bytes) => Buffer.from(`TNLSNAP1${bytes.toString('latin1', 8)}`, 'latin1'),
    ],
    [
      'of a newer program',
      /^this program is older .* format 2, and this program reads 1/,
      (bytes) => Buffer.from(`TNLSAVE2${bytes.toString('latin1', 8)}`, 'latin1'),
    ],
    ['cut in its header', /^it is cut short, after 30 bytes$/, (bytes) => bytes.subarray(0, 30)],
    ['cut', /^it is cut short: \d+ of \d+ bytes are there$/, (bytes) => bytes.subarray(0, -1)],
    ['longer', /^3 bytes follow its end$/, (bytes) => Buffer.concat([bytes, Buffer.from('abc')])],
    ['of another header', /^its header is damaged$/, (bytes) => flipped(bytes, 14)],
    ['of other contents', /^it is damaged: its SHA-256 is not the one it ends with$/, (bytes) => flipped(bytes, 5_000)],
    ['of another seal', /^it is damaged: its SHA-256/, (bytes) => flipped(bytes, bytes.length - 1)],
  ])('that is %s is refused in a sentence', async (_, words, change) => {
    expect(await troubleOf(change)).toMatch(words)
  })

  it('that is whole is read', async () => {
    expect(await troubleOf((bytes) => bytes)).toBe(null)
  })
})

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}
