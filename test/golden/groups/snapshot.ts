/** A snapshot as it lies on disk and travels, and a whole data directory as a store of that release left it. */
import { gunzipSync, gzipSync } from 'node:zlib'
import { CommandType } from '../../../src/locks/commands/commands.js'
import type { SessionView } from '../../../src/locks/effects.js'
import { LockMachine } from '../../../src/locks/machine.js'
import { EMPTY_CONF_STATE, type SnapshotMetadata } from '../../../src/raft/core/types.js'
import { openStore } from '../../../src/raft/store/open-store.js'
import { openSealed, SealedWriter } from '../../../src/raft/store/sealed-file.js'
import { readChunks, readOutline, SnapshotWriter } from '../../../src/raft/store/snapshot-format.js'
import { MemoryDisk } from '../../../src/testing/memory-disk.js'
import { attachment, Bench, GENESIS, shortAnswer } from '../../locks/harness.js'
import { append, entries, sourceOf } from '../../raft/store/helpers.js'
import type { Golden, Group, Kind } from '../group.js'
import { type Json, plain } from '../plain.js'

const DIRECTORY = '/data/node'
const SNAPSHOT = `${DIRECTORY}/snapshots/golden.snap`
const CHUNK_BYTES = 256
const confState = { ...EMPTY_CONF_STATE, voters: [1, 2, 3], learners: [4] }
const metadata: SnapshotMetadata = { index: 12, term: 3, confState }
const noChance = () => 0

// ------------------------------------------------------------------------------------------------ the state

/** Every kind of record, and in them every kind of answer and both kinds of sessions. */
function machineOfAll(): LockMachine {
  const bench = new Bench()
  bench.nodeUp('n1', 101)
  bench.nodeUp('n2', 202)
  bench.apply({ type: CommandType.claimMember, raftId: 2, memberUid: 'a1b2c3d4' })
  const holder = bench.open('n1', 101, { clientId: 'ops@build-7', lingerMs: 2_000 })
  bench.lock(holder, 1, 'held', { meta: 'für „x“ 🔒', delayMs: 30_000 })
  bench.lock(holder, 2, 'released')
  bench.release(holder, 3, 'released')
  bench.release(holder, 4, 'never-held')
  const waiter = bench.open('n2', 202, { clientId: 'ops@build-8' })
  bench.lock(waiter, 1, 'held', { waitMs: -1, meta: 'next' })
  bench.lock(waiter, 2, 'held')
  bench.lock(waiter, 3, 'held', { waitMs: 9_000 })
  bench.cancel(waiter, 4, 3)
  bench.classic('n2', 202, 'classic', { clientId: 'telnet' })
  const lost = bench.open('n2', 202)
  bench.lock(lost, 1, 'delayed', { delayMs: 60_000 })
  bench.apply({ type: CommandType.detach, ...attachment(lost), fin: false, wallMs: 0, leaseOnly: false })
  bench.apply({ type: CommandType.expireSession, session: lost.session, attach: lost.attach, wallMs: 0 })
  const away = bench.open('n1', 101, { leaseMs: 20_000 })
  bench.apply({ type: CommandType.detach, ...attachment(away), fin: false, wallMs: 0, leaseOnly: false })
  bench.nodeUp('n1', 103, 101)
  return bench.machine
}

function chunksOf(machine: LockMachine): Uint8Array[] {
  const chunks: Uint8Array[] = []
  const source = machine.snapshot()
  for (let chunk = source.next(CHUNK_BYTES); chunk !== null; chunk = source.next(CHUNK_BYTES))
    chunks.push(chunk.slice())
  return chunks
}

/** A grant of one name as it was told before there were several. */
function describeSession(view: SessionView | null): unknown {
  const answers = view?.answers.map(([request, answer]) => [request, shortAnswer(answer)])
  return view === null ? null : { ...view, answers }
}

/** What can be seen of a state. The hash covers all of it, and so every byte of its records. */
function describeState(machine: LockMachine): Json {
  const locks = [...machine.locks()]
  const detached = [...machine.detachedSessions()]
  const sessions = new Set([...locks, ...detached].map(({ session }) => session))
  return plain({
    hash: machine.stateHash(),
    clusterId: machine.clusterId,
    nodeLeaseMs: machine.nodeLeaseMs,
    members: machine.members(),
    liveEpochs: [...machine.liveEpochs()],
    locks,
    sessions: [...sessions].sort((a, b) => a - b).map((id) => describeSession(machine.session(id))),
    delayed: [...machine.timedHolds()],
    counts: [machine.lockCount, machine.sessionCount, machine.waiterCount],
  })
}

function restored(chunks: readonly Uint8Array[]): LockMachine {
  const machine = new LockMachine(GENESIS)
  const restorer = machine.beginRestore()
  for (const chunk of chunks) restorer.push(chunk)
  restorer.end()
  restorer.finish(metadata.index)
  return machine
}

// ---------------------------------------------------------------------------------------------- a snapshot file

async function writeSnapshot(machine: LockMachine): Promise<Uint8Array> {
  const disk = new MemoryDisk(noChance)
  const file = await disk.openFile(SNAPSHOT, 'create')
  const writer = new SnapshotWriter(file)
  await writer.begin(metadata)
  for (const chunk of chunksOf(machine)) await writer.chunk(chunk)
  await writer.end()
  return file.read(0, await file.sizeBytes())
}

async function readSnapshot(bytes: Uint8Array): Promise<Json> {
  const disk = new MemoryDisk(noChance)
  const file = await disk.openFile(SNAPSHOT, 'create')
  await file.write(0, bytes)
  const outline = await readOutline(file)
  const chunks: Uint8Array[] = []
  for await (const chunk of readChunks(file, outline)) chunks.push(chunk)
  return plain({ metadata: outline.metadata, state: describeState(restored(chunks)) })
}

// -------------------------------------------------------------------------------------------- a saved snapshot

const about = {
  ...{ cluster: GENESIS.clusterId, level: 1, index: metadata.index, term: metadata.term },
  ...{ savedUnixMs: 1_764_000_000_000, from: 'n1.example:7654', version: '0.4.0' },
}

async function writeSaved(machine: LockMachine): Promise<Uint8Array> {
  const file = await new MemoryDisk(noChance).openFile(SNAPSHOT, 'create')
  const writer = new SealedWriter(file)
  const bytes = await writeSnapshot(machine)
  await writer.begin('TNLSAVE', about, bytes.byteLength)
  await writer.append(bytes)
  await writer.end()
  return file.read(0, await file.sizeBytes())
}

async function readSaved(bytes: Uint8Array): Promise<Json> {
  const file = await new MemoryDisk(noChance).openFile(SNAPSHOT, 'create')
  await file.write(0, bytes)
  const { about: said, body, verify } = await openSealed(file, 'TNLSAVE')
  const snapshot = await readSnapshot(await body.read(0, await body.sizeBytes()))
  return plain({ about: said, seal: await verify(), snapshot })
}

// ------------------------------------------------------------------------------------------------ a directory

interface Contents {
  readonly files: Readonly<Record<string, string>>
  readonly pairs: readonly (readonly [key: string, value: string])[]
}

async function writeDirectory(machine: LockMachine): Promise<Uint8Array> {
  const disk = new MemoryDisk(noChance)
  const store = await openStore(DIRECTORY, { disk })
  await store.writeIdentity({ clusterId: GENESIS.clusterId, nodeId: 'n1', raftId: 1, memberUid: 'a1b2c3d4' })
  await store.putRecord('epochs', new Uint8Array([1, 2, 3]))
  await append(store, entries(1, 14, 3), 14)
  await store.saveSnapshot(metadata, sourceOf(chunksOf(machine)))
  await store.compact(10)
  await append(store, entries(15, 16, 4), 15)
  await store.close()
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
  const files = disk.paths().map((path) => [path, base64(disk.file(path).read(0, disk.file(path).sizeBytes))])
  const pairs = [...(disk.database?.scan() ?? [])].map(([key, value]) => [base64(key), base64(value)])
  return gzipSync(JSON.stringify({ files: Object.fromEntries(files), pairs }))
}

async function readDirectory(bytes: Uint8Array): Promise<Json> {
  const { files, pairs } = JSON.parse(gunzipSync(bytes).toString()) as Contents
  const disk = new MemoryDisk(noChance)
  const raw = (text: string) => Buffer.from(text, 'base64')
  for (const folder of ['', '/log', '/snapshots']) await disk.makeDirectory(`${DIRECTORY}${folder}`)
  for (const [path, text] of Object.entries(files)) await (await disk.openFile(path, 'create')).write(0, raw(text))
  const database = await disk.openDatabase(`${DIRECTORY}/log`, true)
  await database.write(
    pairs.map(([key, value]) => ({ type: 'put', key: raw(key), value: raw(value) })),
    true,
  )
  const store = await openStore(DIRECTORY, { disk })
  const { identity, hardState, snapshot, entries: log, prevIndex, prevTerm } = store.loaded
  const record = await store.getRecord('epochs')
  const reader = await store.openSnapshot(metadata.index, metadata.term)
  const chunks: Uint8Array[] = []
  for await (const chunk of reader.chunks()) chunks.push(Uint8Array.from(chunk))
  await reader.close()
  await store.close()
  const hash = restored(chunks).stateHash()
  return plain({ format: formatOf(files), identity, hardState, snapshot, log, prevIndex, prevTerm, record, hash })
}

const formatOf = (files: Contents['files']): unknown =>
  JSON.parse(Buffer.from(files[`${DIRECTORY}/FORMAT`] ?? '', 'base64').toString())

function wholeKind(
  name: string,
  write: (machine: LockMachine) => Promise<Uint8Array>,
  read: (bytes: Uint8Array) => Promise<Json>,
): Kind {
  return {
    name,
    specimens: async (): Promise<Golden[]> => {
      const bytes = Uint8Array.from(await write(machineOfAll()))
      return [{ name: `${name}: with every kind of record`, bytes, value: await read(bytes) }]
    },
    decode: read,
    // The hash in what was read says the same: records that are written again have the same bytes.
    encode: () => null,
  }
}

export const SNAPSHOTS: Group = {
  file: 'snapshots.json',
  kinds: [
    wholeKind('snapshot file', writeSnapshot, readSnapshot),
    wholeKind('saved snapshot', writeSaved, readSaved),
    wholeKind('data directory', writeDirectory, readDirectory),
  ],
}
