import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { InvariantViolation } from '../../../src/invariant.js'
import { openStore } from '../../../src/raft/store/open-store.js'
import { append, entries, entry, freshDirectory, metadata, plain, sourceOf } from './helpers.js'

const reopen = async (directory: string) => {
  const store = await openStore(directory)
  await store.close()
  return store.loaded
}

describe('a new directory', () => {
  it('is an empty log, also at the second start', async () => {
    const directory = freshDirectory()
    const empty = {
      identity: null,
      hardState: { term: 0, vote: 0, commit: 0 },
      snapshot: null,
      entries: [],
      prevIndex: 0,
      prevTerm: 0,
    }
    expect(await reopen(directory)).toEqual(empty)
    expect(await reopen(directory)).toEqual(empty)
  })

  /** What a power cut leaves of LevelDB's creation, which does not sync its first manifest: found by the torture. */
  async function cutShort(current: string): Promise<string> {
    const directory = freshDirectory()
    const log = join(directory, 'log')
    await mkdir(log, { recursive: true })
    for (const file of ['LOCK', 'LOG', '000003.log', 'MANIFEST-000002']) await writeFile(join(log, file), '')
    await writeFile(join(log, 'MANIFEST-000001'), Buffer.alloc(34))
    await writeFile(join(log, 'CURRENT'), current)
    return directory
  }

  it.each([
    { state: 'the first manifest torn', current: 'MANIFEST-000001\n' },
    { state: 'an empty CURRENT', current: '' },
  ])('is made anew when a power cut has left $state', async ({ current }) => {
    const directory = await cutShort(current)
    const store = await openStore(directory)
    await append(store, entries(1, 3))
    await store.close()
    expect((await reopen(directory)).entries).toHaveLength(3)
  })

  it.each([
    { state: 'FORMAT', name: 'FORMAT', bytes: '{"format":"tcpnetlock-data","version":4}\n' },
    { state: 'a later manifest', name: 'log/CURRENT', bytes: 'MANIFEST-000002\n' },
  ])('is damaged if there is $state', async ({ name, bytes }) => {
    const directory = await cutShort('MANIFEST-000001\n')
    await writeFile(join(directory, name), bytes)
    for (let i = 0; i < 2; i++) await expect(openStore(directory)).rejects.toMatchObject({ kind: 'damaged' })
  })
})

describe('the log', () => {
  it('is there after a restart, with the hard state', async () => {
    const directory = freshDirectory()
    const store = await openStore(directory)
    await append(store, entries(1, 3))
    await append(store, [entry(4), entry(5, 2)], 3)
    await store.append({ hardState: { term: 4, vote: 2, commit: 4 }, entries: [], mustSync: true })
    await store.close()
    const loaded = await reopen(directory)
    expect(plain(loaded.entries)).toEqual(plain([...entries(1, 4), entry(5, 2)]))
    expect(loaded.hardState).toEqual({ term: 4, vote: 2, commit: 4 })
  })

  it('has no bound on the size of a batch or of an entry but memory', async () => {
    const directory = freshDirectory()
    const store = await openStore(directory)
    const list = [...entries(1, 20_000), entry(20_001, 1, 'x'.repeat(5_000_000)), entry(20_002, 1, '')]
    await append(store, list)
    await store.close()
    expect(plain((await reopen(directory)).entries)).toEqual(plain(list))
  })

  it.each([
    { name: 'at the start of a block', from: 4 },
    { name: 'inside a block', from: 5 },
    { name: 'in the first block', from: 2 },
    { name: 'from the first entry', from: 1 },
    { name: 'in the last block', from: 9 },
  ])('takes entries that replace a suffix $name', async ({ from }) => {
    const directory = freshDirectory()
    const store = await openStore(directory)
    await append(store, entries(1, 3))
    await append(store, entries(4, 7))
    await append(store, entries(8, 10))
    await append(store, entries(from, from + 1, 2))
    await append(store, [entry(from + 2, 3)])
    await store.close()
    const expected = [...entries(1, from - 1), ...entries(from, from + 1, 2), entry(from + 2, 3)]
    expect(plain((await reopen(directory)).entries)).toEqual(plain(expected))
  })

  it('keeps the order of calls that did not wait for one another', async () => {
    const directory = freshDirectory()
    const store = await openStore(directory)
    await Promise.all([
      append(store, entries(1, 5)),
      append(store, entries(3, 4, 2)),
      store.putRecord('a', Buffer.of(1)),
    ])
    await store.close()
    expect(plain((await reopen(directory)).entries)).toEqual(plain([...entries(1, 2), ...entries(3, 4, 2)]))
  })

  it('stores a commit index without a sync', async () => {
    const directory = freshDirectory()
    const store = await openStore(directory)
    await append(store, entries(1, 3))
    await store.append({ hardState: { term: 1, vote: 1, commit: 3 }, entries: [], mustSync: false })
    await store.close()
    expect((await reopen(directory)).hardState.commit).toBe(3)
  })

  it.each([
    { name: 'a gap', list: [entry(5)], hardState: { term: 1, vote: 1, commit: 2 } },
    { name: 'a gap inside', list: [entry(4), entry(6)], hardState: { term: 1, vote: 1, commit: 2 } },
    { name: 'a committed entry', list: [entry(2, 2)], hardState: { term: 2, vote: 1, commit: 2 } },
    { name: 'a falling term of entries', list: [entry(4, 0)], hardState: { term: 1, vote: 1, commit: 2 } },
    { name: 'an entry from the future', list: [entry(4, 2)], hardState: { term: 1, vote: 1, commit: 2 } },
    { name: 'a falling term', list: [], hardState: { term: 0, vote: 1, commit: 2 } },
    { name: 'a second vote', list: [], hardState: { term: 1, vote: 2, commit: 2 } },
    { name: 'a commit beyond the end', list: [], hardState: { term: 1, vote: 1, commit: 4 } },
  ])('refuses $name and then everything', async ({ list, hardState }) => {
    const directory = freshDirectory()
    const store = await openStore(directory)
    await append(store, entries(1, 3), 2)
    await expect(store.append({ hardState, entries: list, mustSync: true })).rejects.toThrow(InvariantViolation)
    await expect(append(store, [entry(4)], 2)).rejects.toThrow(InvariantViolation)
    await store.close()
    expect(plain((await reopen(directory)).entries)).toEqual(plain(entries(1, 3)))
  })
})

describe('compaction', () => {
  it('forgets whole blocks, only below a durable snapshot', async () => {
    const directory = freshDirectory()
    const store = await openStore(directory)
    await append(store, entries(1, 3))
    await append(store, entries(4, 6, 2))
    await append(store, entries(7, 9, 2), 9)
    await store.saveSnapshot(metadata(8, 2), sourceOf([]))
    await store.compact(5)
    await store.close()
    const loaded = await reopen(directory)
    expect(loaded).toMatchObject({ prevIndex: 3, prevTerm: 1, snapshot: { index: 8, term: 2 } })
    expect(plain(loaded.entries)).toEqual(plain(entries(4, 9, 2)))
  })

  it('may forget everything, and the log goes on', async () => {
    const directory = freshDirectory()
    const store = await openStore(directory)
    await append(store, entries(1, 3), 3)
    await store.saveSnapshot(metadata(3), sourceOf([]))
    await store.compact(3)
    await append(store, [entry(4)], 3)
    await store.close()
    expect(await reopen(directory)).toMatchObject({ prevIndex: 3, prevTerm: 1, entries: [{ index: 4, term: 1 }] })
  })

  it('of many blocks does not make an append wait for all of them', async () => {
    const directory = freshDirectory()
    const store = await openStore(directory)
    const count = 1000
    await Promise.all(entries(1, count).map((one) => append(store, [one])))
    await store.append({ hardState: { term: 1, vote: 1, commit: count }, entries: [], mustSync: true })
    await store.saveSnapshot(metadata(count), sourceOf([]))
    const order: string[] = []
    const compacted = store.compact(count).then(() => order.push('compacted'))
    await append(store, [entry(count + 1)], count).then(() => order.push('appended'))
    await compacted
    expect(order).toEqual(['appended', 'compacted'])
    await store.close()
    expect(await reopen(directory)).toMatchObject({ prevIndex: count, entries: [{ index: count + 1 }] })
  })

  it('is refused without a snapshot', async () => {
    const store = await openStore(freshDirectory())
    await append(store, entries(1, 3), 3)
    await expect(store.compact(2)).rejects.toThrow(/but the snapshot is of/)
    await store.close()
  })
})

describe('records and identity', () => {
  const identity = { clusterId: 'c', nodeId: 'n1', raftId: 7, memberUid: 'u' }

  it('are there after a restart', async () => {
    const directory = freshDirectory()
    const store = await openStore(directory)
    await store.putRecord('epoch', Buffer.from('one'))
    await store.putRecord('epoch', Buffer.from('two'))
    await store.putRecord('empty', new Uint8Array(0))
    await store.putRecord('gone', Buffer.from('x'))
    await store.putRecord('gone', null)
    await store.writeIdentity(identity)
    await store.writeIdentity(identity)
    await store.close()
    const again = await openStore(directory)
    expect(again.loaded.identity).toEqual(identity)
    expect(Buffer.from((await again.getRecord('epoch')) ?? []).toString()).toBe('two')
    expect(await again.getRecord('empty')).toEqual(new Uint8Array(0))
    expect(await again.getRecord('gone')).toBeNull()
    await again.close()
  })

  it('never make a directory another member’s', async () => {
    const store = await openStore(freshDirectory())
    await store.writeIdentity(identity)
    await expect(store.writeIdentity({ ...identity, raftId: 8 })).rejects.toThrow(/another member/)
    await store.close()
  })
})
