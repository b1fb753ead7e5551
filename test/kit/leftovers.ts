/** What a test has started is ended with it, also when it has failed half-way: jobs under tnl-do are made to be hard to end. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { nameProcesses, type ProcessInfo, processesWithVariable } from '../../src/cli/system/processes.js'

const MARK_VARIABLE = 'TNL_TEST_MARK'
const MARK = `${process.pid}-${randomBytes(8).toString('hex')}`
const TRIES = 200
const TRY_INTERVAL_MS = 10

/** For the environment of what a test starts. It stays the same for all tests of a file. */
export const MARKED: Readonly<Record<string, string>> = { [MARK_VARIABLE]: MARK }

/** Words for a shell: starts a program with an empty environment, in which only the tests find it. */
export const WITHOUT_ENVIRONMENT = `env -i PATH="$PATH" ${MARK_VARIABLE}="$${MARK_VARIABLE}"`

/** Whatever carries the mark and lives. */
export function leftovers(): readonly ProcessInfo[] {
  return processesWithVariable(MARK_VARIABLE, MARK)
}

/** Kills whatever carries the mark, and what that has started meanwhile. */
export async function endLeftovers(): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const left = leftovers()
    if (left.length === 0) return
    if (tries === TRIES) throw new Error(`cannot be ended: ${nameProcesses(left)}`)
    for (const { id } of left) kill(id)
    await sleep(TRY_INTERVAL_MS)
  }
}

function kill(id: number): void {
  try {
    process.kill(id, 'SIGKILL')
  } catch {
    // Dead meanwhile, or said above.
  }
}
