import { describe, expect, it } from 'vitest'
import type { Clock } from '../../../src/platform.js'
import { ENTRY_OVERHEAD_BYTES } from '../../../src/raft/core/log/entries.js'
import { type Message, MsgType, message } from '../../../src/raft/core/messages.js'
import { EMPTY_BYTES, type Entry, type SnapshotMetadata } from '../../../src/raft/core/types.js'
import { COMMITTED_BYTES_PER_READY } from '../../../src/raft/limits.js'
import { loadWindow, makeCore } from '../../../src/raft/node/boot.js'
import { DEFAULT_BOUNDS } from '../../../src/raft/node/bounds.js'
import { encodeBatch } from '../../../src/raft/node/command-batch.js'
import type { RaftNodeOptions } from '../../../src/raft/node/options.js'
import { RaftDriver } from '../../../src/raft/node/raft-driver.js'
import { SnapshotMaker } from '../../../src/raft/node/snapshots/snapshot-maker.js'
import { OlderProgramError } from '../../../src/raft/ports/older-program.js'
import type { StateMachine } from '../../../src/raft/ports/state-machine.js'
import type { LogStore } from '../../../src/raft/ports/store.js'
import { openStore } from '../../../src/raft/store/open-store.js'
import { MemoryDisk } from '../../../src/testing/memory-disk.js'
import { append, entries, entry, metadata, plain, readsAll, sourceOf } from '../store/helpers.js'

const DIRECTORY = '/data'
const LEADER = 2
const FOLLOWER = 1
const TERM = 3

const clock: Clock = {
  speakerNow: () => performance.now(),
  takerNow: () => performance.now(),
  wallNow: () => 0,
  after: (delayMs, run) => {
    const timeout = setTimeout(run, delayMs)
    return { cancel: () => clearTimeout(timeout) }
  },
  soon: (run) => void setImmediate(run),
}

const openOn = (disk: MemoryDisk) => openStore(DIRECTORY, { disk, after: clock.after })

/** A follower's real driver and real store on a disk in memory; what it sends is collected. */
async function follower(
  disk: MemoryDisk,
  restored: (index: number) => void = () => undefined,
  end = (): void => undefined,
) {
  const store = await openOn(disk)
  const { loaded } = store
  const applied: string[] = []
  const sent: Message[] = []
  const fatal: unknown[] = []
  const machine = {
    applyCommand: (_index: number, command: Uint8Array) => applied.push(new TextDecoder().decode(command)),
    endEntry: () => undefined,
    snapshot: () => sourceOf([]),
    beginRestore: () => ({ push: () => undefined, end, finish: restored }),
  } as unknown as StateMachine
  const options = { heartbeatMs: 50, electionTimeoutMs: 500, random: { int: () => 0 } } as unknown as RaftNodeOptions
  const window = loadWindow(loaded)
  const appliedIndex = loaded.snapshot?.index ?? 0
  const raw = makeCore(options, FOLLOWER, window, appliedIndex)
  const maker = new SnapshotMaker(
    store,
    machine,
    appliedIndex,
    DEFAULT_BOUNDS,
    () => undefined,
    (error) => fatal.push(error),
  )
  const driver = new RaftDriver({
    raw,
    window,
    store,
    machine,
    clock,
    maker,
    raftId: FOLLOWER,
    confState: metadata(1).confState,
    appliedIndex,
    firstReadContext: 0,
    commands: { isEmpty: true, take: () => [] },
    peers: { send: (_to, messages) => void sent.push(...messages) },
    snapshots: { send: () => undefined },
    events: {
      stored: () => undefined,
      leaderChanged: () => undefined,
      entryApplied: () => undefined,
      turnApplied: () => undefined,
      termApplied: () => undefined,
      restored: () => undefined,
      membershipApplied: () => undefined,
      failed: (error) => void fatal.push(error),
    },
  })
  return { store, driver, raw, applied, sent, fatal }
}

async function until(what: string, done: () => boolean): Promise<void> {
  for (let turns = 0; !done(); turns++) {
    if (turns > 2_000) throw new Error(`${what} did not happen`)
    await new Promise(setImmediate)
  }
}

/** A disk with a log of `last` entries that starts from a snapshot of entry 1. */
async function diskWithLog(last: number): Promise<MemoryDisk> {
  const disk = new MemoryDisk(() => 0)
  const store = await openOn(disk)
  await store.saveSnapshot(metadata(1), sourceOf([new Uint8Array(10)]))
  await store.installSnapshot(metadata(1), { term: 1, vote: 0, commit: 1 })
  if (last > 1) await append(store, entries(2, last), 1)
  await store.close()
  return disk
}

/** As a transfer brings it: durable and not yet installed. */
async function receive(store: LogStore, wanted: SnapshotMetadata): Promise<void> {
  const leader = await openOn(new MemoryDisk(() => 0))
  await leader.saveSnapshot(wanted, sourceOf([new Uint8Array(1000).fill(7)]))
  const reader = await leader.openSnapshot(wanted.index, wanted.term)
  const bytes = await reader.readRaw(0, reader.sizeBytes)
  const receiver = await store.receiveSnapshot(wanted, bytes.byteLength)
  await receiver.write(0, bytes)
  await receiver.finish(readsAll)
  await reader.close()
  await leader.close()
}

const fromLeader = (type: MsgType, fields: Partial<Message>): Message =>
  message(type, FOLLOWER, LEADER, { term: TERM, ...fields })

const snapshotOf = (wanted: SnapshotMetadata): Message =>
  fromLeader(MsgType.snap, { snapshot: { metadata: wanted, data: EMPTY_BYTES } })

const appendAfter = (index: number, logTerm: number, list: readonly Entry[], commit: number): Message =>
  fromLeader(MsgType.app, { index, logTerm, entries: list, commit })

const commands = (first: number, last: number): Entry[] =>
  entries(first, last, TERM).map((one) => ({ ...one, data: encodeBatch([one.data]) }))

describe('a snapshot and the entries behind it, received in one turn', () => {
  it('are both stored before the entries are acknowledged', async () => {
    const disk = await diskWithLog(1)
    const node = await follower(disk)
    const wanted = metadata(10, 2)
    await receive(node.store, wanted)
    // A slow turn of the event loop: the leader heard that the snapshot is durable, and its next append came with it.
    node.driver.receive([snapshotOf(wanted), appendAfter(10, 2, commands(11, 13), 12)])
    await until('an acknowledgement of entry 13', () =>
      node.sent.some((one) => one.type === MsgType.appResp && !one.reject && one.index === 13),
    )
    // Power is lost at this very moment.
    const found = disk.copy()
    found.restart()
    const { loaded } = await openOn(found)
    expect(loaded.snapshot).toEqual(wanted)
    expect(plain(loaded.entries)).toEqual(plain(commands(11, 13)))
    expect(loaded.hardState.term).toBe(TERM)
    await until('entry 12 applied', () => node.applied.length === 2)
    expect(node.applied).toEqual(['entry 11 of term 3', 'entry 12 of term 3'])
    expect(node.fatal).toEqual([])
    node.driver.stop()
  })

  it('leave a log that can be opened after a crash at any step', async () => {
    for (let step = 1; ; step++) {
      const disk = await diskWithLog(4)
      const node = await follower(disk)
      const wanted = metadata(10, 2)
      await receive(node.store, wanted)
      disk.stepsToCrash = step
      node.driver.receive([snapshotOf(wanted), appendAfter(10, 2, commands(11, 13), 13)])
      await until('an end', () => node.fatal.length > 0 || node.applied.length === 3)
      if (node.fatal.length === 0) {
        expect(step).toBeGreaterThan(3)
        node.driver.stop()
        return
      }
      disk.restart()
      const { loaded } = await openOn(disk)
      const last = loaded.prevIndex + loaded.entries.length
      expect([4, 10, 13]).toContain(last)
      expect(loaded.hardState.commit).toBeLessThanOrEqual(last)
    }
  })

  it('replace the state in the same turn in which the driver follows', async () => {
    const disk = await diskWithLog(1)
    let appliedWhenReplaced = -1
    const node = await follower(disk, () => {
      appliedWhenReplaced = node.driver.appliedIndex
      // Whatever runs between the two would see a state of one index under the name of another.
      queueMicrotask(() => {
        appliedWhenReplaced = node.driver.appliedIndex
      })
    })
    const wanted = metadata(10, 2)
    await receive(node.store, wanted)
    node.driver.receive([snapshotOf(wanted)])
    await until('restored', () => node.driver.appliedIndex === 10)
    expect(appliedWhenReplaced).toBe(10)
    node.driver.stop()
  })

  it('is read before it is installed: what cannot be read leaves the log as it was', async () => {
    const disk = await diskWithLog(4)
    const problem = new OlderProgramError('the snapshot needs feature level 2')
    const node = await follower(disk, undefined, () => {
      throw problem
    })
    const wanted = metadata(10, 2)
    await receive(node.store, wanted)
    node.driver.receive([snapshotOf(wanted)])
    await until('an end', () => node.fatal.length > 0)
    expect(node.fatal).toEqual([problem])
    await node.store.close()
    const again = await openOn(disk)
    expect(again.loaded.snapshot).toEqual(metadata(1))
    expect(plain(again.loaded.entries)).toEqual(plain(entries(2, 4)))
    await again.close()
  })

  it('free what was handed out to be applied and never was', async () => {
    const disk = await diskWithLog(1)
    const node = await follower(disk)
    // One a turn is applied. The core hands out eight of them at once: 1 MiB, and no more while that waits.
    const small = Array<Uint8Array>(3_000).fill(EMPTY_BYTES)
    const entryBytes = COMMITTED_BYTES_PER_READY / 8 - ENTRY_OVERHEAD_BYTES
    const data = encodeBatch([new Uint8Array(entryBytes - small.length - 4), ...small])
    expect(data.length).toBe(entryBytes)
    const wanted = metadata(100, 2)
    await receive(node.store, wanted)
    const many = entries(2, 41, 2).map((one) => ({ ...one, data }))
    node.driver.receive([fromLeader(MsgType.app, { term: 2, index: 1, logTerm: 1, entries: many, commit: 41 })])
    await until('begun to apply', () => node.driver.appliedIndex > 1)
    node.driver.receive([fromLeader(MsgType.snap, { term: 2, snapshot: { metadata: wanted, data: EMPTY_BYTES } })])
    await until('restored', () => node.driver.appliedIndex === 100)
    node.driver.receive([appendAfter(100, 2, commands(101, 101), 101)])
    await until('the entry behind it applied', () => node.driver.appliedIndex === 101)
    expect(node.fatal).toEqual([])
    node.driver.stop()
  })
})

describe('a tick', () => {
  it('comes behind what the sockets brought in the same turn, though its timer fired before', async () => {
    const disk = await diskWithLog(1)
    const node = await follower(disk)
    let termAtTick = -1
    // As after a pause of the process: timers first, then the sockets are read.
    node.driver.tick((raw) => {
      termAtTick = raw.status().term
    })
    node.driver.receive([fromLeader(MsgType.heartbeat, { commit: 1 })])
    await until('the tick', () => termAtTick !== -1)
    expect(termAtTick).toBe(TERM)
    node.driver.stop()
  })
})

describe('an append', () => {
  it('of many bytes is stored in pieces, and acknowledged when all are', async () => {
    const disk = await diskWithLog(1)
    const node = await follower(disk)
    const big = entries(2, 30).map((one) => ({
      ...entry(one.index, TERM),
      data: encodeBatch([new Uint8Array(500_000)]),
    }))
    node.driver.receive([appendAfter(1, 1, big, 30)])
    await until('an acknowledgement of entry 30', () =>
      node.sent.some((one) => one.type === MsgType.appResp && one.index === 30),
    )
    const found = disk.copy()
    found.restart()
    const { loaded } = await openOn(found)
    expect(loaded.entries.length).toBe(29)
    node.driver.stop()
  })
})
