/** `tnl snapshot save`: the state of the cluster as a file. It has its name only when it is whole, verified and on the disk. */
import { rmSync } from 'node:fs'
import { open, rename, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { formatHostPort, type HostPort } from '../../address.js'
import type { Credentials } from '../../client/security/credentials.js'
import { nodeDisk } from '../../raft/store/node-disk.js'
import { SealedWriter } from '../../raft/store/sealed-file.js'
import { VERSION } from '../../version.js'
import type { ClusterAccess } from '../shared/cluster-access.js'
import { ClusterRefusal, CommandFailure, explain } from '../shared/command-failure.js'
import { exitStatusOfSignal, TnlExit } from '../shared/exit-statuses.js'
import { say } from '../shared/say.js'
import { receiveSnapshot, type SnapshotHead } from './receive.js'
import { type SavedAbout, verifySaved } from './saved-file.js'

/** The names and secrets' hashes of clients are in it, so it is the operator's alone. */
const FILE_MODE = 0o600
const ENDING_SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** This machine's disk, not the cluster: another node would not help. */
class FileTrouble extends Error {}

export async function saveSnapshot(access: ClusterAccess, path: string, asJson: boolean): Promise<void> {
  const file = resolve(path)
  await checkPlace(file)
  const temporary = `${file}.${process.pid}.tmp`
  const stopWatching = removeOnSignal(temporary)
  try {
    const about = await receive(access, temporary)
    // Read back: what is in the file is what will be restored one day.
    const { seal, sizeBytes } = await verifySaved(temporary)
    await rename(temporary, file)
    await nodeDisk.syncDirectory(dirname(file))
    const { cluster, level, index, term, savedUnixMs, from } = about
    const words = `saved ${file}: cluster ${cluster} up to entry ${index}, ${sizeBytes} bytes, SHA-256 ${seal}`
    const report = {
      file,
      cluster,
      level,
      index,
      term,
      saved: savedUnixMs / 1000,
      from,
      sha256: seal,
      bytes: sizeBytes,
    }
    say(asJson, words, report)
  } catch (error) {
    if (error instanceof CommandFailure) throw error
    throw new CommandFailure(TnlExit.failed, `${path} cannot be written: ${explain(error)}`)
  } finally {
    stopWatching()
    rmSync(temporary, { force: true })
  }
}

async function checkPlace(file: string): Promise<void> {
  const there = await stat(file).catch(() => null)
  if (there === null || there.isFile()) return
  throw new CommandFailure(TnlExit.usage, `${file} is not a file: a snapshot is written beside and renamed to it`)
}

/** From the first endpoint that sends all of it. Nothing of an attempt that failed is left when the next one begins. */
async function receive({ endpoints, credentials }: ClusterAccess, temporary: string): Promise<SavedAbout> {
  const failures: string[] = []
  const refusals: ClusterRefusal[] = []
  for (const endpoint of endpoints) {
    try {
      return await receiveFrom(endpoint, credentials, temporary)
    } catch (error) {
      if (error instanceof FileTrouble) throw error.cause
      // One that is busy, or does not let itself be administered, says nothing about the others.
      if (error instanceof ClusterRefusal) refusals.push(error)
      failures.push(`${formatHostPort(endpoint)}: ${explain(error)}`)
    }
  }
  const [refusal] = refusals
  if (refusal !== undefined && refusals.length === endpoints.length) throw refusal
  throw new CommandFailure(TnlExit.noEndpoint, `no endpoint sent a snapshot: ${failures.join('; ')}`)
}

async function receiveFrom(
  endpoint: HostPort,
  credentials: Credentials | undefined,
  temporary: string,
): Promise<SavedAbout> {
  await onDisk(() => openAlone(temporary))
  const file = await onDisk(() => nodeDisk.openFile(temporary, 'create'))
  const writer = new SealedWriter(file)
  let about: SavedAbout | null = null
  try {
    await receiveSnapshot(endpoint, credentials, {
      begin: async ({ bytes, ...head }) => {
        about = aboutOf(head, endpoint)
        await onDisk(() => writer.begin('TNLSAVE', about ?? {}, bytes))
      },
      part: (bytes) => onDisk(() => writer.append(bytes)),
    })
    await onDisk(() => writer.end())
  } finally {
    await file.close()
  }
  if (about === null) throw new Error('the node did not send a snapshot')
  return about
}

function aboutOf(head: Omit<SnapshotHead, 'bytes'>, endpoint: HostPort): SavedAbout {
  return { ...head, savedUnixMs: Date.now(), from: formatHostPort(endpoint), version: VERSION }
}

async function openAlone(path: string): Promise<void> {
  await (await open(path, 'w', FILE_MODE)).close()
}

async function onDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw new FileTrouble('writing the file', { cause })
  }
}

/** Returns what ends the watching. */
function removeOnSignal(path: string): () => void {
  const listeners = ENDING_SIGNALS.map((signal) => {
    const end = (): void => {
      rmSync(path, { force: true })
      process.exit(exitStatusOfSignal(signal))
    }
    process.on(signal, end)
    return () => process.removeListener(signal, end)
  })
  return () => {
    for (const remove of listeners) remove()
  }
}
