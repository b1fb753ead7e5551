/** Faults of a cluster elsewhere, which a script of its owner knows how to begin and how to end. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Attack } from '../schedule.js'

/** A script that hangs must not hang the run. */
const SCRIPT_TIMEOUT_MS = 120_000

const execute = promisify(execFile)

/** `SCRIPT list` prints the names of its faults, one a line. */
export async function scriptedAttacks(script: string): Promise<readonly Attack[]> {
  const names = (await run(script, ['list'])).split('\n').map((line) => line.trim())
  return names.filter((name) => name !== '').map((name) => attack(script, name))
}

/** `SCRIPT start NAME` begins it, `SCRIPT stop NAME` ends it; a status other than 0 is a failure. */
function attack(script: string, name: string): Attack {
  return {
    name,
    group: 'script',
    aim: async () => ({
      target: '',
      begin: async () => void (await run(script, ['start', name])),
      end: async () => void (await run(script, ['stop', name])),
    }),
  }
}

async function run(script: string, words: readonly string[]): Promise<string> {
  try {
    return (await execute(script, [...words], { timeout: SCRIPT_TIMEOUT_MS })).stdout
  } catch (error) {
    const stderr = error instanceof Error && 'stderr' in error ? `: ${String(error.stderr).trim()}` : ''
    throw new Error(`${script} ${words.join(' ')} failed${stderr}`)
  }
}
