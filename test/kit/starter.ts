/** tnl-do as users start it: by the script that `npm install` puts onto the PATH. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MARKED } from './leftovers.js'
import { until } from './process-cluster.js'
import { inTime } from './wire.js'

export const STARTER = fileURLToPath(new URL('../../bin/tnl-do', import.meta.url))

/** `endLeftovers` ends it, and whatever it has started. */
export class DoProgram {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  readonly #closed: Promise<{ code: number | null; signal: string | null }>

  /** `words`: all, so that something else may stand before the starter. */
  constructor(words: readonly string[], env: Record<string, string>, options: SpawnOptions = {}) {
    const [file = '', ...args] = words
    // A group of its own, as a shell gives it.
    this.child = spawn(file, args, { env: { ...process.env, ...MARKED, ...env }, detached: true, ...options })
    this.child.stdout?.on('data', (chunk) => {
      this.stdout += String(chunk)
    })
    this.child.stderr?.on('data', (chunk) => {
      this.stderr += String(chunk)
    })
    this.#closed = new Promise((resolve) => this.child.on('close', (code, signal) => resolve({ code, signal })))
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  async printed(pattern: RegExp): Promise<string> {
    await until(`${pattern} is printed`, async () => pattern.test(this.stdout))
    return pattern.exec(this.stdout)?.[1] ?? ''
  }

  ended(): Promise<{ code: number | null; signal: string | null }> {
    return inTime('tnl-do ends', this.#closed)
  }
}

/** One whose command prints its process, which is told, and stays until it is ended. */
export async function startJob(
  options: readonly string[],
  env: Record<string, string>,
): Promise<{ readonly program: DoProgram; readonly job: number }> {
  const program = new DoProgram([STARTER, ...options, '--', 'sh', '-c', 'echo "job $$"; exec sleep 1000'], env)
  return { program, job: Number(await program.printed(/^job (\d+)\n/m)) }
}

export interface Stat {
  readonly id: number
  readonly parent: number
  readonly session: number
  readonly alive: boolean
}

/** Null when there is no such process. */
export function statOf(id: number | string): Stat | null {
  try {
    const text = readFileSync(`/proc/${id}/stat`, 'utf8')
    const [state, parent, , session] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { id: Number(id), parent: Number(parent), session: Number(session), alive: state !== 'Z' && state !== 'X' }
  } catch {
    return null
  }
}

export const isAlive = (id: number): boolean => statOf(id)?.alive === true

/** The guardian of a running tnl-do: its child that is a Node. */
export function guardianOf(id: number): number {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || statOf(entry)?.parent !== id) continue
    if (readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes('guardian.js')) return Number(entry)
  }
  throw new Error('no guardian')
}
