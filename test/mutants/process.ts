import { type ChildProcess, spawn } from 'node:child_process'

export interface Ended {
  /** Null: it was killed, by its own fault or after the limit. */
  readonly code: number | null
  readonly isLate: boolean
  readonly output: string
}

export interface ProcessOptions {
  readonly cwd: string
  readonly limitMs: number
  readonly env?: Readonly<Record<string, string>>
}

const running = new Set<ChildProcess>()

/** Runs a script of Node in a process group of its own, which ends with it or at the limit. */
export function runProcess(args: readonly string[], { cwd, limitMs, env }: ProcessOptions): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    running.add(child)
    let output = ''
    let isLate = false
    const collect = (chunk: string) => {
      output += chunk
    }
    child.stdout.setEncoding('utf8').on('data', collect)
    child.stderr.setEncoding('utf8').on('data', collect)
    const limit = setTimeout(() => {
      isLate = true
      endGroup(child)
    }, limitMs)
    // Whatever the script left running holds the pipes open and is ended with it.
    child.on('exit', () => endGroup(child))
    child.on('error', reject)
    child.on('close', (code) => {
      clearTimeout(limit)
      running.delete(child)
      resolve({ code, isLate, output })
    })
  })
}

/** Nothing that this process started survives it. */
export function endAll(): void {
  for (const child of running) endGroup(child)
}

function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // Nobody of the group is left.
  }
}
