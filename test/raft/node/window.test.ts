import { describe, expect, it } from 'vitest'
import { MemoryStorage } from '../../../src/raft/core/log/memory-storage.js'
import type { RawNode } from '../../../src/raft/core/raw-node.js'
import { ProgressState } from '../../../src/raft/core/tracker/progress.js'
import { EMPTY_CONF_STATE, type Entry, EntryType } from '../../../src/raft/core/types.js'
import { LogTrimmer } from '../../../src/raft/node/snapshots/log-trimmer.js'
import { SnapshotMaker } from '../../../src/raft/node/snapshots/snapshot-maker.js'
import type { StateMachine } from '../../../src/raft/ports/state-machine.js'
import type { LogStore } from '../../../src/raft/ports/store.js'
import { TestCluster } from './cluster.js'

const entriesOf = (first: number, last: number, bytes = 76): Entry[] =>
  Array.from({ length: last - first + 1 }, (_, i) => ({
    index: first + i,
    term: 1,
    type: EntryType.normal,
    data: new Uint8Array(bytes),
  }))
const metadata = (index: number) => ({ index, term: 1, confState: EMPTY_CONF_STATE })

describe('the log in memory', () => {
  it('knows its bytes, whatever is appended, replaced, cut or restored', () => {
    const window = new MemoryStorage()
    window.append(entriesOf(1, 10))
    expect(window.bytes).toBe(1_000)
    window.append(entriesOf(8, 9))
    expect(window.bytes).toBe(900)
    window.createSnapshot(5, EMPTY_CONF_STATE, new Uint8Array(0))
    window.compact(4)
    expect(window.bytes).toBe(500)
    window.append(entriesOf(3, 12, 0))
    expect(window.bytes).toBe(8 * 24)
    window.applySnapshot({ metadata: metadata(50), data: new Uint8Array(0) })
    expect(window.bytes).toBe(0)
  })

  it('finds where a tail of so many entries or bytes begins', () => {
    const window = new MemoryStorage()
    window.append(entriesOf(1, 10))
    expect(window.trailingStart(9, 3, 1_000_000)).toBe(6)
    expect(window.trailingStart(9, 1_000, 250)).toBe(7)
    expect(window.trailingStart(9, 0, 1_000)).toBe(9)
    expect(window.trailingStart(9, 1_000, 0)).toBe(9)
    expect(window.trailingStart(9, 1_000, 1_000_000)).toBe(0)
  })
})

interface FakeProgress {
  state: ProgressState
  match: number
  next: number
  pendingSnapshot: number
  recentActive: boolean
}

/** A leader with 1,000 entries of 100 bytes and one follower. */
function trimmer(progress: Partial<FakeProgress>, bounds: { heldEntries?: number; heldBytes?: number } = {}) {
  const window = new MemoryStorage()
  window.append(entriesOf(1, 1_000))
  const follower = {
    state: ProgressState.replicate,
    match: 1_000,
    next: 1_001,
    pendingSnapshot: 0,
    recentActive: true,
    ...progress,
  }
  const trimming = new LogTrimmer({
    raw: { status: () => ({ id: 1, progress: new Map([[2, follower]]) }) } as unknown as RawNode,
    window,
    store: { compact: async () => undefined } as unknown as LogStore,
    bounds: { trailingEntries: 10, trailingBytes: 500, heldEntries: 10_000, heldBytes: 1_000_000, ...bounds },
    onError: (error) => {
      throw error
    },
  })
  return { window, follower, trimming }
}

describe('cutting the log', () => {
  it('keeps a tail that is bounded in bytes as well as in entries', () => {
    const { window, trimming } = trimmer({})
    trimming.snapshotDurable(metadata(900))
    expect(window.firstIndex()).toBe(896)
  })

  it('keeps the log behind a snapshot that is under way, until its receiver has caught up', () => {
    const { window, follower, trimming } = trimmer({ state: ProgressState.snapshot, match: 0, pendingSnapshot: 300 })
    trimming.snapshotDurable(metadata(600))
    expect(window.firstIndex()).toBe(301)
    trimming.snapshotDurable(metadata(900))
    expect(window.firstIndex()).toBe(301)
    // It has the snapshot, and goes on from there.
    Object.assign(follower, { state: ProgressState.probe, next: 301, pendingSnapshot: 0 })
    trimming.tick()
    expect(window.firstIndex()).toBe(301)
    Object.assign(follower, { state: ProgressState.replicate, match: 500, next: 700 })
    trimming.tick()
    expect(window.firstIndex()).toBe(501)
    Object.assign(follower, { match: 990 })
    trimming.tick()
    expect(window.firstIndex()).toBe(896)
  })

  it('waits for no member that is away, or that needs a snapshot anyway', () => {
    const away = trimmer({ match: 100, recentActive: false })
    away.trimming.snapshotDurable(metadata(900))
    expect(away.window.firstIndex()).toBe(896)
    const { window, follower, trimming } = trimmer({})
    trimming.snapshotDurable(metadata(500))
    Object.assign(follower, { state: ProgressState.probe, match: 0, next: 1 })
    trimming.snapshotDurable(metadata(900))
    expect(window.firstIndex()).toBe(896)
  })

  it.each([{ heldBytes: 50_000 }, { heldEntries: 900 }])('waits for nobody when too much is kept: %o', (bounds) => {
    const { window, trimming } = trimmer({ match: 100 }, bounds)
    trimming.snapshotDurable(metadata(900))
    expect(window.firstIndex()).toBe(896)
  })
})

describe('a snapshot that takes long', () => {
  function maker() {
    const saves: { index: number; done: () => void; fail: () => void }[] = []
    const store = {
      saveSnapshot: ({ index }: { index: number }) =>
        new Promise<void>((done, reject) => saves.push({ index, done, fail: () => reject(new Error('EIO')) })),
    } as unknown as LogStore
    const machine = { snapshot: () => null } as unknown as StateMachine
    const bounds = { snapshotIntervalEntries: 100, snapshotIntervalBytes: 10_000 }
    const durable: number[] = []
    const made = new SnapshotMaker(
      store,
      machine,
      0,
      bounds,
      ({ index }) => durable.push(index),
      () => undefined,
    )
    return { made, saves, durable }
  }

  it('is overdue at three intervals of bytes since the last durable one', async () => {
    const { made, saves, durable } = maker()
    made.applied(1, 1, 10_000, () => EMPTY_CONF_STATE)
    made.applied(2, 1, 19_999, () => EMPTY_CONF_STATE)
    expect(made.isOverdue).toBe(false)
    made.applied(3, 1, 1, () => EMPTY_CONF_STATE)
    expect(made.isOverdue).toBe(true)
    expect(saves.map(({ index }) => index)).toEqual([1])
    saves[0]?.done()
    await new Promise(setImmediate)
    expect(durable).toEqual([1])
    // What came meanwhile is due already, and a busy node applies nothing that would say so.
    expect(saves.map(({ index }) => index)).toEqual([1, 3])
    saves[1]?.done()
    await new Promise(setImmediate)
    expect([durable, made.isOverdue]).toEqual([[1, 3], false])
  })

  it('lets a node that stops go, though it was written in vain', async () => {
    const { made, saves } = maker()
    const waited: string[] = []
    made.applied(100, 1, 0, () => EMPTY_CONF_STATE)
    made.afterCurrent(() => waited.push('restored'))
    const idle = made.idle().then(() => waited.push('idle'))
    saves[0]?.fail()
    await idle
    // Nothing follows a failed write: the state must not be replaced either.
    expect(waited).toEqual(['idle'])
  })

  it('is waited for by a node that stops, and so is the one that follows it', async () => {
    const { made, saves, durable } = maker()
    made.applied(100, 1, 0, () => EMPTY_CONF_STATE)
    made.applied(200, 1, 0, () => EMPTY_CONF_STATE)
    const idle = made.idle().then(() => durable.push(0))
    saves[0]?.done()
    await new Promise(setImmediate)
    saves[1]?.done()
    await idle
    expect(durable).toEqual([100, 200, 0])
  })

  it('is overdue at three intervals of entries', () => {
    const { made } = maker()
    made.applied(299, 1, 0, () => EMPTY_CONF_STATE)
    expect(made.isOverdue).toBe(false)
    made.applied(300, 1, 0, () => EMPTY_CONF_STATE)
    expect(made.isOverdue).toBe(true)
  })
})

describe('a cluster whose leader cannot write snapshots', () => {
  it('says busy on every node before its memory is full, takes what frees, and goes on afterwards', async () => {
    const cluster = new TestCluster(81, 3, { snapshotIntervalBytes: 20_000, trailingBytes: 5_000 })
    await cluster.startAll()
    const leader = await cluster.waitForLeader()
    const [follower] = [...cluster.nodes.values()].filter((node) => node !== leader)
    if (follower === undefined) throw new Error('no follower')
    await cluster.waitFor('leader known', () => follower.node.leader() === leader.nodeId)
    const save = leader.store.saveSnapshot.bind(leader.store)
    let letGo = (): void => undefined
    const released = new Promise<void>((resolve) => {
      letGo = resolve
    })
    leader.store.saveSnapshot = (at, source) => released.then(() => save(at, source))
    const word = 'x'.repeat(1_000)
    let asked = 0
    while (asked < 1_000 && !follower.node.proposals.isBusy()) {
      expect(cluster.say(follower, word)).toBe(true)
      asked++
      await cluster.clock.run(5)
    }
    expect(asked).toBeLessThan(100)
    expect(leader.node.proposals.isBusy()).toBe(true)
    // A release is not asked whether it is welcome.
    expect(cluster.say(follower, 'release')).toBe(true)
    await cluster.waitFor('released', () => leader.machine.state.words.includes('release'))
    letGo()
    await cluster.waitFor('open again', () => !leader.node.proposals.isBusy() && !follower.node.proposals.isBusy())
    await cluster.waitFor('cut', () => (leader.node.status()?.firstIndex ?? 0) > 30)
  }, 60_000)
})
