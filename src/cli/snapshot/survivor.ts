/** What one data directory that is left of a cluster still knows, read without a cluster. */
import { stat, utimes } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { LockMachine } from '../../locks/machine.js'
import type { SnapshotMetadata } from '../../raft/core/types.js'
import { FORGOTTEN_RECORD_KEY } from '../../raft/node/raft-node.js'
import { replayLog } from '../../raft/node/replay.js'
import type { Identity, LogStore } from '../../raft/ports/store.js'
import { JOURNAL_FILE } from '../../raft/store/layout.js'
import { nodeDisk } from '../../raft/store/node-disk.js'
import { openStore } from '../../raft/store/open-store.js'
import { CommandFailure, explain } from '../shared/command-failure.js'
import { TnlExit } from '../shared/exit-statuses.js'
import { refused } from './aside.js'

export interface Survivor {
  readonly identity: Identity
  /** After the last entry of its log, committed or not. */
  readonly machine: LockMachine
  readonly last: SnapshotMetadata
  /** The last entry of which it knows that a quorum had it. */
  readonly committed: number
  /** When its node last wrote there, by this machine's clock. */
  readonly writtenUnixMs: number
}

/** Runs `use` while nobody else can open the directory. What is wrong with it becomes a CommandFailure. */
export async function withSurvivor<T>(directory: string, use: (survivor: Survivor) => Promise<T>): Promise<T> {
  const place = resolve(directory)
  if ((await nodeDisk.list(place).catch(refused))?.includes(JOURNAL_FILE) !== true) {
    throw new CommandFailure(TnlExit.refused, `${directory} is not the data directory of a node: nothing was changed`)
  }
  // Before it is opened, which writes.
  const journal = join(place, JOURNAL_FILE)
  const { mtimeMs: writtenUnixMs, atime, mtime } = await stat(journal).catch(refused)
  const store = await openStore(place).catch(unusable)
  try {
    return await use(await read(directory, store, writtenUnixMs).catch(unusable))
  } finally {
    await store.close()
    // The next look, too, is to tell when its node last wrote.
    await utimes(journal, atime, mtime).catch(() => undefined)
  }
}

async function read(directory: string, store: LogStore, writtenUnixMs: number): Promise<Survivor> {
  const forgotten = await store.getRecord(FORGOTTEN_RECORD_KEY)
  if (forgotten !== null) throw new CommandFailure(TnlExit.failed, Buffer.from(forgotten).toString())
  const { identity, hardState } = store.loaded
  const machine = new LockMachine({ clusterId: '', nodeLeaseMs: 0, createdUnixSeconds: 0, members: [] })
  const last = identity === null ? null : await replayLog(store, machine, () => void machine.takeEffects())
  if (identity === null || last === null) {
    throw new CommandFailure(
      TnlExit.refused,
      `${directory} knows nothing of a cluster: its node had not become a member yet, or had heard nothing. Nothing was changed`,
    )
  }
  return { identity, machine, last, committed: Math.min(hardState.commit, last.index), writtenUnixMs }
}

function unusable(error: unknown): never {
  if (error instanceof Error && 'code' in error && error.code === 'TNL_OLDER_PROGRAM') {
    throw new CommandFailure(TnlExit.failed, explain(error))
  }
  return refused(error)
}
