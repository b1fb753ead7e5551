/** The user's own programs that are told of a try (`--on-before-lock`, `--on-already-locked`). What becomes of them changes nothing. */
import { type ChildProcess, spawn } from 'node:child_process'
import { HOOK_TIMEOUT_MS } from '../guarding/limits.js'
import type { ProgramLog } from '../shared/log.js'
import { ProcessGroup } from '../system/process-group.js'

const STDERR = 2

export class UserHooks {
  readonly #running = new Map<ChildProcess, Promise<void>>()
  #isOver = false

  constructor(
    /** `NAME=VALUE` each, one byte a character. */
    private readonly variables: readonly string[],
    private readonly log: ProgramLog,
    /** Told of each process. */
    private readonly started: (processId: number) => void,
    private readonly timeoutMs = HOOK_TIMEOUT_MS,
  ) {}

  /** One after the other. */
  async runAll(programs: readonly string[], args: readonly string[]): Promise<void> {
    for (const program of programs) if (!this.#isOver) await this.#run(program, args)
  }

  /** Resolves when all that were started have ended. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values())
  }

  /** What runs is killed, and nothing is started any more. */
  end(): void {
    this.#isOver = true
    for (const child of this.#running.keys()) kill(child)
  }

  /** stdout belongs to the command alone. */
  #run(program: string, args: readonly string[]): Promise<void> {
    let child: ChildProcess
    try {
      child = spawn(program, args, { env: asObject(this.variables), stdio: ['ignore', STDERR, STDERR], detached: true })
    } catch (error) {
      // Node throws for what it thinks rare, such as a null byte in a path.
      this.log.info(`${program}: ${String(error)}`)
      return Promise.resolve()
    }
    const ended = new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.log.error(`${program} has not ended in ${this.timeoutMs / 1000} s and is killed`)
        kill(child)
      }, this.timeoutMs)
      const over = (words: string | null): void => {
        clearTimeout(timer)
        this.#running.delete(child)
        if (words !== null) this.log.info(`${program}: ${words}`)
        resolve()
      }
      child.once('error', (error) => over(error.message))
      child.once('exit', (code, signal) => over(code === 0 ? null : `ended with ${signal ?? code}`))
    })
    if (child.pid !== undefined) {
      this.#running.set(child, ended)
      this.started(child.pid)
    }
    return ended
  }
}

/** With what it has started, if that is still in its group. */
function kill({ pid }: ChildProcess): void {
  if (pid !== undefined) new ProcessGroup(pid).signal('SIGKILL')
}

function asObject(variables: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    variables.map((variable) => {
      const text = Buffer.from(variable, 'latin1').toString('utf8')
      const at = text.indexOf('=')
      return [text.slice(0, at), text.slice(at + 1)]
    }),
  )
}
