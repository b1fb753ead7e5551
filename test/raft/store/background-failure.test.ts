import { describe, expect, it } from 'vitest'
import type { Disk } from '../../../src/raft/store/disk.js'
import { nodeDisk } from '../../../src/raft/store/node-disk.js'
import { openStore } from '../../../src/raft/store/open-store.js'
import { TestCluster } from '../node/cluster.js'
import { append, entries, freshDirectory, storeErrorOf } from './helpers.js'

/** A disk whose database refuses from some moment on what is written to it. */
function failingDisk() {
  const state = { isFull: false }
  const openDatabase: Disk['openDatabase'] = async (...at) => {
    const database = await nodeDisk.openDatabase(...at)
    return {
      write: async (operations, sync) => {
        if (state.isFull) throw new Error('IO error: No space left on device')
        await database.write(operations, sync)
      },
      read: (key) => database.read(key),
      scan: () => database.scan(),
      close: () => database.close(),
    }
  }
  return { failing: { ...nodeDisk, openDatabase }, state }
}

describe('a write of the database that fails behind an acknowledgement', () => {
  it('is told at once, not when something is written again', async () => {
    const { failing, state } = failingDisk()
    const store = await openStore(freshDirectory(), { disk: failing })
    const told: unknown[] = []
    store.onFailure((error) => told.push(error))
    state.isFull = true
    await append(store, entries(1, 3))
    expect(told).toEqual([])
    while (told.length === 0) await new Promise(setImmediate)
    const error = await storeErrorOf(append(store, entries(4, 5)))
    expect(told).toEqual([error])
    const late: unknown[] = []
    store.onFailure((one) => late.push(one))
    expect(late).toEqual([error])
    await store.close().catch(() => undefined)
  })

  it('ends the node', async () => {
    const cluster = new TestCluster(91, 3)
    await cluster.startAll()
    const leader = await cluster.waitForLeader()
    const failure = new Error('no space left')
    leader.store.failure(failure)
    expect(leader.fatal).toEqual({ error: failure, exitCode: 3 })
  })
})
