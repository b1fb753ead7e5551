import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FormatError } from '../../../src/bytes/reader.js'
import { OlderProgramError } from '../../../src/raft/ports/older-program.js'
import { type LogStore, SnapshotRejected } from '../../../src/raft/ports/store.js'
import { openStore } from '../../../src/raft/store/open-store.js'
import {
  append,
  chunksOf,
  entries,
  entry,
  freshDirectory,
  metadata,
  plain,
  readChunks,
  readsAll,
  sourceOf,
  storeErrorOf,
} from './helpers.js'

const filesIn = (directory: string) => readdirSync(join(directory, 'snapshots')).sort()

/** A directory whose log has entries 1 to 10, all committed. */
async function storeOfTen(): Promise<{ directory: string; store: LogStore }> {
  const directory = freshDirectory()
  const store = await openStore(directory)
  await append(store, entries(1, 10), 10)
  return { directory, store }
}

async function rawBytes(store: LogStore, index: number, term = 1): Promise<Buffer> {
  const reader = await store.openSnapshot(index, term)
  const parts: Uint8Array[] = []
  for (let offset = 0; ; ) {
    const part = await reader.readRaw(offset, 1000)
    if (part.byteLength === 0) break
    parts.push(part)
    offset += part.byteLength
  }
  await reader.close()
  const bytes = Buffer.concat(parts)
  expect(bytes.byteLength).toBe(reader.sizeBytes)
  return bytes
}

async function send(bytes: Uint8Array, to: LogStore, index: number, term = 1): Promise<void> {
  const receiver = await to.receiveSnapshot(metadata(index, term), bytes.byteLength)
  for (let offset = 0; offset < bytes.byteLength; ) {
    offset = await receiver.write(offset, bytes.subarray(offset, offset + 700))
  }
  await receiver.finish(readsAll)
}

describe('a snapshot of this log', () => {
  it('comes back chunk by chunk, also after a restart', async () => {
    const { directory, store } = await storeOfTen()
    const chunks = [...chunksOf(5, 64 * 1024), new Uint8Array(0), ...chunksOf(1, 1)]
    await store.saveSnapshot(metadata(10), sourceOf(chunks))
    const expected = chunks.filter((chunk) => chunk.byteLength > 0)
    expect(await readChunks(store, 10)).toEqual(expected)
    await store.close()
    const again = await openStore(directory)
    expect(again.loaded.snapshot).toEqual(metadata(10))
    expect(await readChunks(again, 10)).toEqual(expected)
    await again.close()
  })

  it('does not make the log wait', async () => {
    const { store } = await storeOfTen()
    const order: string[] = []
    // The source ends only once the append has been acknowledged.
    const source = { next: () => (order.length > 0 ? null : new Uint8Array(1000)), abort: () => undefined }
    const saved = store.saveSnapshot(metadata(10), source).then(() => order.push('snapshot'))
    await append(store, [entry(11)], 10).then(() => order.push('append'))
    await saved
    expect(order).toEqual(['append', 'snapshot'])
    await store.close()
  })

  it('replaces older ones but for one, which stays readable while it is open', async () => {
    const { directory, store } = await storeOfTen()
    await store.saveSnapshot(metadata(3), sourceOf(chunksOf(1, 50)))
    const reader = await store.openSnapshot(3, 1)
    for (const index of [5, 7, 9]) await store.saveSnapshot(metadata(index), sourceOf(chunksOf(1, 50)))
    expect(filesIn(directory)).toEqual(['7-1.snap', '9-1.snap'])
    expect((await reader.readRaw(0, 8)).byteLength).toBe(8)
    await reader.close()
    await store.close()
  })

  it('that is gone is damage', async () => {
    const { directory, store } = await storeOfTen()
    await store.saveSnapshot(metadata(3), sourceOf(chunksOf(1, 50)))
    rmSync(join(directory, 'snapshots', '3-1.snap'))
    const error = await storeErrorOf(store.openSnapshot(3, 1))
    expect(error.kind).toBe('damaged')
    expect(error.message).toMatch(/snapshots\/3-1\.snap: the file is missing.*members remove/)
    await store.close()
  })

  it('ends its source when it cannot be written', async () => {
    const { store } = await storeOfTen()
    const source = sourceOf([])
    source.next = () => {
      throw new Error('the state machine is broken')
    }
    await expect(store.saveSnapshot(metadata(10), source)).rejects.toThrow(/broken/)
    expect(source.aborted).toBe(true)
    await store.close()
  })

  it('leaves no temporary files over a restart', async () => {
    const { directory, store } = await storeOfTen()
    await store.close()
    writeFileSync(join(directory, 'snapshots', '9-1.snap.0.tmp'), 'half')
    await (await openStore(directory)).close()
    expect(filesIn(directory)).toEqual([])
  })
})

function fail(problem: Error): never {
  throw problem
}

describe('a snapshot from a peer', () => {
  it('replaces the whole log when it is installed', async () => {
    const leader = await storeOfTen()
    const chunks = chunksOf(3, 1000)
    await leader.store.saveSnapshot(metadata(10), sourceOf(chunks))
    const directory = freshDirectory()
    const store = await openStore(directory)
    await append(store, entries(1, 4))
    await send(await rawBytes(leader.store, 10), store, 10)
    await store.installSnapshot(metadata(10), { term: 2, vote: 0, commit: 10 })
    await append(store, entries(11, 12, 2), 10)
    await leader.store.close()
    await store.close()
    const again = await openStore(directory)
    const { loaded } = again
    expect(loaded).toMatchObject({ prevIndex: 10, prevTerm: 1, snapshot: metadata(10), hardState: { commit: 10 } })
    expect(plain(loaded.entries)).toEqual(plain(entries(11, 12, 2)))
    expect(await readChunks(again, 10)).toEqual(chunks)
    await again.close()
  })

  it.each([
    ['for a newer program', new OlderProgramError('the snapshot needs feature level 2'), OlderProgramError],
    ['no state', new FormatError('snapshot: record kind 77 is unknown'), SnapshotRejected],
  ])('is read before it counts as received: one that is %s leaves nothing', async (_what, problem, refusal) => {
    const leader = await storeOfTen()
    await leader.store.saveSnapshot(metadata(10), sourceOf(chunksOf(3, 1000)))
    const bytes = await rawBytes(leader.store, 10)
    await leader.store.close()
    const directory = freshDirectory()
    const store = await openStore(directory)
    await append(store, entries(1, 4))
    for (const at of ['push', 'end'] as const) {
      const reader = { ...readsAll, [at]: () => fail(problem) }
      const receiver = await store.receiveSnapshot(metadata(10), bytes.byteLength)
      await receiver.write(0, bytes)
      await expect(receiver.finish(reader)).rejects.toThrow(refusal)
      expect(filesIn(directory)).toEqual([])
    }
    await append(store, entries(5, 6))
    await send(bytes, store, 10)
    await store.close()
  })

  it('is read whole: every chunk, in order', async () => {
    const leader = await storeOfTen()
    const chunks = chunksOf(3, 1000)
    await leader.store.saveSnapshot(metadata(10), sourceOf(chunks))
    const bytes = await rawBytes(leader.store, 10)
    const store = await openStore(freshDirectory())
    const seen: unknown[] = []
    const receiver = await store.receiveSnapshot(metadata(10), bytes.byteLength)
    await receiver.write(0, bytes)
    const reader = { push: (chunk: Uint8Array) => seen.push(new Uint8Array(chunk)), end: () => seen.push('end') }
    await receiver.finish(reader)
    expect(seen).toEqual([...chunks.map((chunk) => new Uint8Array(chunk)), 'end'])
    await leader.store.close()
    await store.close()
  })

  it('leaves no tail of the old log behind it (mutant M46)', async () => {
    const { directory, store } = await storeOfTen()
    const leader = await storeOfTen()
    await append(leader.store, [entry(11)], 11)
    await leader.store.saveSnapshot(metadata(11), sourceOf([]))
    await append(store, entries(11, 20, 2), 10)
    await send(await rawBytes(leader.store, 11), store, 11)
    await store.installSnapshot(metadata(11), { term: 2, vote: 1, commit: 11 })
    await leader.store.close()
    await store.close()
    const again = await openStore(directory)
    expect(again.loaded).toMatchObject({ prevIndex: 11, prevTerm: 1, entries: [] })
    await again.close()
  })

  it('is forgotten if the process ends before it is installed', async () => {
    const leader = await storeOfTen()
    await leader.store.saveSnapshot(metadata(10), sourceOf([]))
    const directory = freshDirectory()
    const store = await openStore(directory)
    await append(store, entries(1, 4), 4)
    await store.saveSnapshot(metadata(4), sourceOf([]))
    await send(await rawBytes(leader.store, 10), store, 10)
    expect(filesIn(directory)).toEqual(['10-1.snap', '4-1.snap'])
    await leader.store.close()
    await store.close()
    const again = await openStore(directory)
    expect(again.loaded.snapshot).toEqual(metadata(4))
    expect(plain(again.loaded.entries)).toEqual(plain(entries(1, 4)))
    expect(filesIn(directory)).toEqual(['4-1.snap'])
    await again.close()
  })

  it('never pushes out the one that the log starts from', async () => {
    const { directory, store } = await storeOfTen()
    await store.saveSnapshot(metadata(8), sourceOf([]))
    await store.compact(8)
    const leader = await openStore(freshDirectory())
    await append(leader, entries(1, 30), 30)
    for (const index of [20, 25, 30]) {
      await leader.saveSnapshot(metadata(index), sourceOf([]))
      await send(await rawBytes(leader, index), store, index)
    }
    await leader.close()
    await store.close()
    const again = await openStore(directory)
    expect(again.loaded.snapshot).toEqual(metadata(8))
    await again.close()
  })

  it('waits for its turn, however many newer ones arrive before it is installed (a slow disk)', async () => {
    const { store } = await storeOfTen()
    const leader = await openStore(freshDirectory())
    await append(leader, entries(1, 40), 40)
    for (const index of [20, 25, 30, 40]) {
      await leader.saveSnapshot(metadata(index), sourceOf(chunksOf(1, 50)))
      await send(await rawBytes(leader, index), store, index)
    }
    await store.installSnapshot(metadata(20), null)
    expect(await readChunks(store, 20)).toEqual(chunksOf(1, 50))
    await store.installSnapshot(metadata(40), null)
    for (const each of [leader, store]) await each.close()
  })

  it('is refused, and only it, when any byte differs', async () => {
    const leader = await storeOfTen()
    await leader.store.saveSnapshot(metadata(10), sourceOf(chunksOf(2, 40)))
    const bytes = await rawBytes(leader.store, 10)
    await leader.store.close()
    const directory = freshDirectory()
    const store = await openStore(directory)
    for (let at = 0; at < bytes.byteLength; at++) {
      const wrong = Buffer.from(bytes)
      wrong.writeUInt8(wrong.readUInt8(at) ^ 0x10, at)
      await expect(send(wrong, store, 10)).rejects.toThrow(SnapshotRejected)
    }
    const swapped = Buffer.concat([
      bytes.subarray(0, -24 - 96),
      bytes.subarray(-24 - 48, -24),
      bytes.subarray(-24 - 96, -24 - 48),
      bytes.subarray(-24),
    ])
    await expect(send(swapped, store, 10)).rejects.toThrow(/swapped/)
    await expect(send(bytes.subarray(0, -1), store, 10)).rejects.toThrow(SnapshotRejected)
    await expect(send(bytes, store, 11)).rejects.toThrow(/another snapshot/)
    expect(filesIn(directory)).toEqual([])
    await send(bytes, store, 10)
    expect(filesIn(directory)).toEqual(['10-1.snap'])
    await store.close()
  })

  it('takes bytes only in order, and none after an abort', async () => {
    const directory = freshDirectory()
    const store = await openStore(directory)
    const receiver = await store.receiveSnapshot(metadata(5), 10)
    expect(await receiver.write(0, new Uint8Array(4))).toBe(4)
    expect(await receiver.write(0, new Uint8Array(4))).toBe(4)
    expect(await receiver.write(6, new Uint8Array(4))).toBe(4)
    await expect(receiver.write(4, new Uint8Array(7))).rejects.toThrow(SnapshotRejected)
    await receiver.abort()
    await receiver.abort()
    await expect(receiver.write(4, new Uint8Array(1))).rejects.toThrow(SnapshotRejected)
    expect(filesIn(directory)).toEqual([])
    await store.close()
  })

  it('is not installed over what is committed (mutant M44)', async () => {
    const { store } = await storeOfTen()
    await store.saveSnapshot(metadata(5), sourceOf([]))
    await expect(store.installSnapshot(metadata(5), null)).rejects.toThrow(/older than the commit index/)
    await store.close()
  })

  it('must be on disk to be installed', async () => {
    const { store } = await storeOfTen()
    await expect(store.installSnapshot(metadata(15), null)).rejects.toThrow(/not on disk/)
    await store.close()
  })
})

describe('the first snapshot of a new cluster', () => {
  it('starts an empty log, also when a crash makes the start happen again', async () => {
    const directory = freshDirectory()
    for (let attempt = 0; attempt < 2; attempt++) {
      const store = await openStore(directory)
      await store.saveSnapshot(metadata(1), sourceOf(chunksOf(1, 10)))
      await store.installSnapshot(metadata(1), { term: 1, vote: 0, commit: 1 })
      await store.close()
    }
    const store = await openStore(directory)
    expect(store.loaded).toMatchObject({ prevIndex: 1, prevTerm: 1, snapshot: metadata(1), entries: [] })
    await append(store, [entry(2)], 1)
    await store.close()
  })
})
