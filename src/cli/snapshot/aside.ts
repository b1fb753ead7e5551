/** What lies in a data directory is moved aside before something else takes its place: nothing is ever removed. */
import { rename } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { StoreError } from '../../raft/ports/store.js'
import { nodeDisk } from '../../raft/store/node-disk.js'
import { CommandFailure, explain } from '../shared/command-failure.js'
import { TnlExit } from '../shared/exit-statuses.js'

/** Returns where it is now. */
export async function moveAside(dataDir: string): Promise<string> {
  const place = resolve(dataDir)
  const aside = `${place}.before-${new Date().toISOString().replace(/[:.]/g, '-')}`
  try {
    await rename(place, aside)
    await nodeDisk.syncDirectory(dirname(place))
    return aside
  } catch (error) {
    throw new CommandFailure(
      TnlExit.failed,
      `${dataDir} cannot be moved aside (${explain(error)}): move what is in it elsewhere yourself. Nothing was changed`,
    )
  }
}

/** Why a directory cannot be used: another's or in use is a refusal, anything else a failure. */
export function refused(error: unknown): never {
  if (error instanceof Error && 'syscall' in error) throw new CommandFailure(TnlExit.failed, explain(error))
  if (!(error instanceof StoreError)) throw error
  const isOfOthers = error.kind === 'locked' || error.kind === 'foreign'
  throw new CommandFailure(isOfOthers ? TnlExit.refused : TnlExit.failed, error.message)
}
