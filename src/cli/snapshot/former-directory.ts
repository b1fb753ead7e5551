/** What lies in a data directory that a restore is to replace: above all, which tokens it knows of. */

import { NAMES_PER_REQUEST_MAX } from '../../locks/limits.js'
import { LockMachine } from '../../locks/machine.js'
import { EntryType } from '../../raft/core/types.js'
import { restoreMachine } from '../../raft/node/boot.js'
import { checkBatch, decodeBatch } from '../../raft/node/command-batch.js'
import { OlderProgramError } from '../../raft/ports/older-program.js'
import { type LogStore, StoreError } from '../../raft/ports/store.js'
import { openStore } from '../../raft/store/open-store.js'
import { explain } from '../shared/command-failure.js'

export interface Former {
  /** No token above it was given by what is there; 0: nobody knows. */
  readonly highestToken: number
  /** Why it cannot be read; null: it was. */
  readonly trouble: string | null
}

/** What comes of one command draws so much from the counter at most: a session, a request number, and a token a name. */
const DRAWN_PER_COMMAND = NAMES_PER_REQUEST_MAX + 2

/** Throws StoreError (`locked`) while a node runs there. Anything else that is wrong with it is told as `trouble`. */
export async function lookAtFormer(directory: string): Promise<Former> {
  try {
    const store = await openStore(directory)
    try {
      return { highestToken: await highestTokenOf(store), trouble: null }
    } finally {
      await store.close()
    }
  } catch (error) {
    const isKnown = error instanceof StoreError || error instanceof OlderProgramError
    if (!isKnown || (error instanceof StoreError && error.kind === 'locked')) throw error
    return { highestToken: 0, trouble: explain(error) }
  }
}

/** Not what its log gave but what it can have given at most: to know more, one would have to be that node. */
async function highestTokenOf(store: LogStore): Promise<number> {
  const machine = new LockMachine({ clusterId: '', nodeLeaseMs: 0, createdUnixSeconds: 0, members: [] })
  const { snapshot, entries } = store.loaded
  if (snapshot !== null) await restoreMachine(store, machine, snapshot.index, snapshot.term)
  // Whoever waits may have been granted since, without a command of its own.
  let drawn = machine.inspect().placeCount
  for (const { type, index, data } of entries) {
    if (index <= (snapshot?.index ?? 0)) continue
    if (type === EntryType.normal && checkBatch(data)) drawn += DRAWN_PER_COMMAND * decodeBatch(data).length
  }
  return machine.inspect().counter + drawn
}
