import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { DoExit } from '../../../src/cli/shared/exit-statuses.js'
import { formatSeconds } from '../../../src/protocol/values.js'
import type { WorkloadRun } from '../types.js'
import type { ClientContext } from './client.js'

const TNL_DO = fileURLToPath(new URL('../../../dist/cli/tnl-do.js', import.meta.url))
const COMMAND = fileURLToPath(new URL('./held-command.js', import.meta.url))

interface Words {
  readonly token?: number
  /** `process.hrtime.bigint()` when it was said, in decimal. */
  readonly alive?: string
}

/** Runs commands under `tnl-do`. What counts as belief is that the command is running. */
export class CommandClient {
  constructor(
    private readonly run: WorkloadRun,
    private readonly context: ClientContext,
  ) {}

  /** True if the command ran to its end under the lock. */
  async runOnce(
    name: string,
    waitMs: number,
    holdMs: number,
    about: Readonly<Record<string, boolean>> = {},
  ): Promise<boolean> {
    const { journal } = this.context
    journal.invoke('acquire', { name, client: 'tnl-do', wait: waitMs, ...about })
    const child = this.#spawn(name, waitMs, holdMs)
    let token: number | null = null
    let aliveAt = journal.now()
    const { stdout } = child
    if (stdout === null) throw new Error('no stdout')
    createInterface({ input: stdout }).on('line', (line) => {
      const words = readWords(line)
      if (words?.token !== undefined) {
        token = words.token
        aliveAt = journal.ok({ token })
      }
      if (words?.alive !== undefined) aliveAt = Number(BigInt(words.alive) - this.run.startedAt)
    })
    const status = await allGone(child)
    if (token !== null) {
      const why = status === 0 ? 'released' : 'killed'
      journal.note('hold-end', { name, token, why, until: aliveAt, status })
      // The end of a wait is by the clock of tnl-do: a grant may still have come, and is given back.
    } else if (status === DoExit.notGranted && waitMs === 0) journal.fail({ reason: 'held' })
    else journal.unknown({ reason: `tnl-do: ${status}` })
    return token !== null && status === 0
  }

  #spawn(name: string, waitMs: number, holdMs: number): ChildProcess {
    const { endpoints, leaseMs, lingerMs } = this.context
    const linger = lingerMs > 0 ? ['--linger', String(formatSeconds(lingerMs))] : []
    const times = ['--lease', String(formatSeconds(leaseMs)), ...linger]
    const options = ['--endpoints', endpoints.join(','), '--lock-name', name, ...times]
    const command = [process.execPath, COMMAND, String(Math.round(holdMs))]
    const words = [TNL_DO, ...options, '--wait', String(formatSeconds(waitMs)), '--', ...command]
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'ignore'] })
    this.run.adopt(child)
    return child
  }
}

/** The exit status of tnl-do, once the command is gone as well, which may outlive it for a while: both hold stdout. */
function allGone(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.on('close', resolve)
    child.on('error', reject)
  })
}

/** Null if a kill has cut it off. */
function readWords(line: string): Words | null {
  return line.endsWith('}') ? (JSON.parse(line) as Words) : null
}
