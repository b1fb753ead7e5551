/** Runs one trial where it can disturb nothing, and clears away what it leaves behind. */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Outcome, Size } from './trial.js'

const ONE_TRIAL = join(import.meta.dirname, 'one-trial.ts')
/** Every process that descends from a trial has this in its environment, in whatever group or session it runs. */
const MARK = 'HARDENING_TRIAL'
const SWEEP_MS = 20
const SWEEPS_MAX = 250

export interface IsolatedOutcome extends Outcome {
  readonly seconds: number
  /** Command lines of what still ran when the trial was over. */
  readonly leftRunning: readonly string[]
}

/** `limitMs`: a trial that takes longer is ended and has failed. An abort of `signal` ends it as well. */
export async function runIsolated(
  file: string,
  size: Size,
  limitMs: number,
  signal: AbortSignal,
): Promise<IsolatedOutcome> {
  const dir = mkdtempSync(join(tmpdir(), 'tnl-hardening-'))
  const mark = randomUUID()
  const startMs = performance.now()
  try {
    const outcome = await runChild(file, size, { ...process.env, TMPDIR: dir, [MARK]: mark }, limitMs, signal)
    return { ...outcome, seconds: (performance.now() - startMs) / 1000, leftRunning: await sweep(mark) }
  } finally {
    await sweep(mark)
    rmSync(dir, { recursive: true, force: true })
  }
}

function runChild(
  file: string,
  size: Size,
  env: NodeJS.ProcessEnv,
  limitMs: number,
  signal: AbortSignal,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--import', 'tsx', ONE_TRIAL, file, size], {
      env,
      stdio: ['ignore', 2, 2, 'ipc'],
    })
    let outcome: Outcome | null = null
    const stop = (seen: string): void => {
      outcome ??= { ok: false, seen }
      child.kill('SIGKILL')
    }
    const timer = setTimeout(() => stop(`not over after ${limitMs / 1000} s`), limitMs)
    const interrupt = (): void => stop('interrupted')
    signal.addEventListener('abort', interrupt)
    child.on('message', (message) => {
      outcome ??= message as Outcome
    })
    child.on('close', (code, killer) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', interrupt)
      resolve(outcome ?? { ok: false, seen: `the trial's process ended with ${killer ?? code} and said nothing` })
    })
  })
}

/** Kills all that carries the mark, until nothing does; returns what it was. */
async function sweep(mark: string): Promise<string[]> {
  const killed = new Set<string>()
  for (let round = 0; round < SWEEPS_MAX; round++) {
    const found = marked(mark)
    if (found.length === 0) break
    for (const { pid, command } of found) {
      killed.add(command)
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It ended by itself meanwhile.
      }
    }
    await sleep(SWEEP_MS)
  }
  return [...killed]
}

function marked(mark: string): { readonly pid: number; readonly command: string }[] {
  let entries: string[]
  try {
    entries = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))
  } catch {
    return []
  }
  return entries.flatMap((entry) => {
    try {
      const environment = readFileSync(`/proc/${entry}/environ`, 'latin1').split('\0')
      if (!environment.includes(`${MARK}=${mark}`)) return []
      const command = readFileSync(`/proc/${entry}/cmdline`, 'latin1').split('\0').join(' ').trim()
      return [{ pid: Number(entry), command }]
    } catch {
      return []
    }
  })
}
