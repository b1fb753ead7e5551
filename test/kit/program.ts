import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { builtProgram, until } from './process-cluster.js'
import { serverWords } from './transport.js'
import { inTime } from './wire.js'

/** One of the programs as a child process, and what it said. */
export class Program {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  #status: number | null | undefined
  readonly #closed: Promise<number | null>

  constructor(name: string, words: readonly string[], env: Record<string, string> = {}) {
    const all = name === 'tnl-server' ? serverWords(words) : words
    this.child = spawn(process.execPath, [builtProgram(name), ...all], { env: { ...process.env, ...env } })
    this.child.stdout?.on('data', (chunk) => {
      this.stdout += String(chunk)
    })
    this.child.stderr?.on('data', (chunk) => {
      this.stderr += String(chunk)
    })
    this.#closed = new Promise((resolve) => {
      this.child.on('close', (code) => {
        this.#status = code
        resolve(code)
      })
    })
  }

  get ended(): boolean {
    return this.#status !== undefined
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  /** The exit status, once the program has ended; null when a signal ended it. */
  status(): Promise<number | null> {
    return inTime(`${this.child.spawnargs.slice(1).join(' ')} ends`, this.#closed)
  }

  /** Resolves once `pattern` occurs in what was printed to stdout or stderr. */
  async said(pattern: RegExp): Promise<RegExpExecArray> {
    let match: RegExpExecArray | null = null
    await until(`${pattern} in what ${this.child.spawnargs[1]} prints`, async () => {
      match = pattern.exec(this.stdout + this.stderr)
      return match !== null
    })
    return pattern.exec(this.stdout + this.stderr) ?? Promise.reject(new Error('unreachable'))
  }

  async end(): Promise<void> {
    if (this.ended) return
    this.child.kill('SIGCONT')
    this.child.kill('SIGKILL')
    await this.status()
  }
}

/** Whether a process of the group runs; one that is dead and only not collected does not. */
export function groupRuns(groupId: number): boolean {
  return readdirSync('/proc').some((entry) => {
    if (!/^\d+$/.test(entry)) return false
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return Number(group) === groupId && state !== 'Z' && state !== 'X'
    } catch {
      return false
    }
  })
}
