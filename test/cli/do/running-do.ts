import { type ChildProcess, spawn } from 'node:child_process'
import { MARKED } from '../../kit/leftovers.js'

/** A program of this package as a child process. `endLeftovers` ends it, and whatever it has started. */
export class RunningDo {
  readonly child: ChildProcess
  readonly ended: Promise<{ status: number | null; signal: string | null }>
  stdout = ''
  stderr = ''
  private readonly watchers = new Set<() => void>()

  /** `words`: the program, then its arguments; `file` is what runs it. */
  constructor(words: readonly string[], env: Record<string, string>, file = process.execPath) {
    this.child = spawn(file, words, {
      env: { ...process.env, ...MARKED, ...env },
      // A group of its own, as a shell gives it.
      detached: true,
    })
    this.child.stdout?.on('data', (chunk) => {
      this.stdout += String(chunk)
      for (const look of this.watchers) look()
    })
    this.child.stderr?.on('data', (chunk) => {
      this.stderr += String(chunk)
    })
    this.ended = new Promise((resolve) => this.child.on('close', (status, signal) => resolve({ status, signal })))
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  /** Resolves with the first number that the command prints on a line of its own. */
  printed(): Promise<number> {
    return new Promise((resolve) => {
      const look = (): void => {
        const number = /^(\d+)\n/m.exec(this.stdout)?.[1]
        if (number === undefined) return
        this.watchers.delete(look)
        resolve(Number(number))
      }
      this.watchers.add(look)
      look()
    })
  }

  end(): void {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL')
  }
}
