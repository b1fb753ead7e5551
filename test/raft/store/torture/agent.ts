/**
 * A process that uses the real store as it is told: one JSON line on stdin is one life of the store in a directory, and
 * everything that happens in it is a JSON line on stdout, written before the next thing is done. It may be killed at any
 * moment. The end of stdin ends it.
 */
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { EMPTY_CONF_STATE, type SnapshotMetadata } from '../../../../src/raft/core/types.js'
import { type LogStore, SnapshotRejected, type SnapshotSource, StoreError } from '../../../../src/raft/ports/store.js'
import { openStore } from '../../../../src/raft/store/open-store.js'
import { SeededRandom } from '../../../../src/testing/seeded-random.js'
import { sayLine } from '../../../kit/say-line.js'
import { readsAll } from '../helpers.js'
import type { AgentEvent, LifeOrder } from './agent-process.js'
import { Choices } from './choices.js'
import { type Found, isOfTheLog, LogState } from './log-state.js'
import {
  digestOf,
  entriesOf,
  type Operation,
  RECORD_NAMES,
  recordOf,
  type SnapshotRef,
  snapshotChunks,
} from './operations.js'
import { snapshotFileBytes } from './snapshot-bytes.js'

/** Calls that may wait for an answer at the same time. */
const CALLS_IN_FLIGHT = 4

const say = (event: AgentEvent): void => sayLine(JSON.stringify(event))

const metadataOf = ({ index, term }: SnapshotRef): SnapshotMetadata => ({
  index,
  term,
  confState: { ...EMPTY_CONF_STATE, voters: [1, 2, 3] },
})

function sourceOf(snapshot: SnapshotRef): SnapshotSource {
  const chunks = snapshotChunks(snapshot)
  return { next: () => chunks.shift() ?? null, abort: () => undefined }
}

async function readSnapshot(store: LogStore): Promise<Found['snapshot']> {
  const { snapshot } = store.loaded
  if (snapshot === null) return null
  const { index, term } = snapshot
  const reader = await store.openSnapshot(index, term)
  try {
    const chunks: Uint8Array[] = []
    for await (const chunk of reader.chunks()) chunks.push(new Uint8Array(chunk))
    return { index, term, digest: digestOf(Buffer.concat(chunks)) }
  } finally {
    await reader.close()
  }
}

async function lookAt(store: LogStore): Promise<Found> {
  const { identity, hardState, prevIndex, prevTerm, entries } = store.loaded
  const records: Record<string, string> = {}
  for (const name of RECORD_NAMES) {
    const value = await store.getRecord(name)
    if (value !== null) records[name] = digestOf(value)
  }
  const stored = entries.map(({ term, data }) => ({ term, digest: digestOf(data) }))
  return { identity, hardState, prevIndex, prevTerm, entries: stored, records, snapshot: await readSnapshot(store) }
}

async function receive(store: LogStore, operation: Operation & { snapshot: SnapshotRef }): Promise<void> {
  const metadata = metadataOf(operation.snapshot)
  const bytes = await snapshotFileBytes(metadata, snapshotChunks(operation.snapshot))
  const isInVain = operation.kind === 'receive-in-vain'
  const isDamaged = isInVain && operation.isDamaged
  if (isDamaged) bytes.writeUInt8(bytes.readUInt8(bytes.byteLength >> 1) ^ 1, bytes.byteLength >> 1)
  const receiver = await store.receiveSnapshot(metadata, bytes.byteLength)
  const step = 1 + (bytes.byteLength >> 2)
  for (let at = 0; at < bytes.byteLength; at += step) await receiver.write(at, bytes.subarray(at, at + step))
  if (!isInVain) await receiver.finish(readsAll)
  else if (!isDamaged) await receiver.abort()
  else {
    const outcome = await receiver.finish(readsAll).catch((error: unknown) => error)
    if (!(outcome instanceof SnapshotRejected)) throw new Error('a damaged transfer was taken', { cause: outcome })
  }
}

async function carryOut(store: LogStore, operation: Operation): Promise<void> {
  switch (operation.kind) {
    case 'append': {
      const entries = entriesOf(operation)
      const { term, vote } = operation.hardState ?? { term: 0, vote: 0 }
      const isCommitOnly = entries.length === 0 && term === lastHardState.term && vote === lastHardState.vote
      if (operation.hardState !== null) lastHardState = operation.hardState
      return store.append({ hardState: operation.hardState, entries, mustSync: !isCommitOnly })
    }
    case 'record':
      return store.putRecord(operation.name, recordOf(operation))
    case 'identity':
      return store.writeIdentity(operation.identity)
    case 'save':
      return store.saveSnapshot(metadataOf(operation.snapshot), sourceOf(operation.snapshot))
    case 'receive':
    case 'receive-in-vain':
      return receive(store, operation)
    case 'install':
      if (operation.hardState !== null) lastHardState = operation.hardState
      return store.installSnapshot(metadataOf(operation.snapshot), operation.hardState)
    case 'compact':
      return store.compact(operation.index)
  }
}

/** As of the last call, so that a change of the commit index alone is told from others. */
let lastHardState = { term: 0, vote: 0, commit: 0 }

async function work(store: LogStore, found: Found, { seed, operations }: LifeOrder): Promise<void> {
  const random = new SeededRandom(seed)
  const choices = new Choices(random, new LogState(found), found.snapshot?.index ?? 0)
  lastHardState = found.hardState
  const calls = new Set<Promise<void>>()
  const settle = async () => void (await Promise.all(calls))
  for (let number = 0; number < operations; number++) {
    const operation = choices.next()
    // Whatever needs a snapshot, or writes one, comes after all before it.
    if (!isOfTheLog(operation) || operation.kind === 'install' || operation.kind === 'compact') await settle()
    say({ event: 'offered', number, operation })
    const call = carryOut(store, operation).then(() => {
      calls.delete(call)
      say({ event: 'acknowledged', number })
    })
    calls.add(call)
    // A failure is met when the calls are settled, which may be some turns later.
    call.catch(() => undefined)
    const mayRunOn = operation.kind === 'save' ? random.chance(0.5) : isOfTheLog(operation) && random.chance(0.4)
    if (!mayRunOn || calls.size >= CALLS_IN_FLIGHT) await settle()
    if (random.chance(0.06)) await sleep(random.int(20))
  }
  await settle()
}

function describe(error: unknown): { kind: string; message: string } {
  if (error instanceof StoreError) return { kind: error.kind, message: error.message }
  return { kind: 'unexpected', message: error instanceof Error ? (error.stack ?? error.message) : String(error) }
}

async function live(order: LifeOrder, holdEnds: Promise<unknown>): Promise<void> {
  let store: LogStore
  try {
    store = await openStore(order.directory)
  } catch (error) {
    say({ event: 'refused', ...describe(error) })
    say({ event: 'closed' })
    return
  }
  let isSeen = false
  try {
    const found = await lookAt(store)
    isSeen = true
    say({ event: 'opened', found })
    if (order.isHeld) await holdEnds
    await work(store, found, order)
    await store.close()
    say({ event: 'closed' })
  } catch (error) {
    // A snapshot that was read at once and is damaged refuses as well as an opening does.
    say({ event: isSeen ? 'failed' : 'refused', ...describe(error) })
    await store.close().catch(() => undefined)
    say({ event: 'closed' })
  }
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const nextLine = () => lines.next()
process.stdin.once('close', () => process.exit())
for (let line = await nextLine(); line.done !== true; line = await nextLine()) {
  const order = JSON.parse(line.value) as LifeOrder
  await live(order, order.isHeld ? nextLine() : Promise.resolve())
}
