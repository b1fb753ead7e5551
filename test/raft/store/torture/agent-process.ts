import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Found } from './log-state.js'
import type { Operation } from './operations.js'

export interface LifeOrder {
  readonly directory: string
  readonly seed: number
  readonly operations: number
  /** It waits for one more line after it has opened the store. */
  readonly isHeld: boolean
}

export type AgentEvent =
  | { readonly event: 'opened'; readonly found: Found }
  | { readonly event: 'refused'; readonly kind: string; readonly message: string }
  | { readonly event: 'offered'; readonly number: number; readonly operation: Operation }
  | { readonly event: 'acknowledged'; readonly number: number }
  | { readonly event: 'failed'; readonly kind: string; readonly message: string }
  | { readonly event: 'closed' }

const SCRIPT = fileURLToPath(new URL('./agent.ts', import.meta.url))
/** A life takes a second at most; an agent that says nothing for this long hangs. */
const SILENCE_LIMIT_MS = 30_000

export class AgentProcess {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  #isKilled = false

  constructor(environment: NodeJS.ProcessEnv = {}) {
    this.#child = spawn(process.execPath, ['--import', 'tsx', SCRIPT], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...environment },
    })
    this.#child.stdin?.on('error', () => undefined)
    const { stdout } = this.#child
    if (stdout === null) throw new Error('an agent without stdout')
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  }

  get isKilled(): boolean {
    return this.#isKilled
  }

  begin(order: LifeOrder): void {
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`)
  }

  /** Ends the wait of a life that is held. */
  release(): void {
    this.#child.stdin?.write('\n')
  }

  /** What it says next; null at its end. Throws if it ended without being told to. */
  async next(): Promise<AgentEvent | null> {
    const timeout = setTimeout(() => this.#child.kill('SIGKILL'), SILENCE_LIMIT_MS)
    const { value, done } = await this.#lines.next()
    clearTimeout(timeout)
    if (done !== true) return JSON.parse(value) as AgentEvent
    if (this.#isKilled) {
      // Whatever it had open is closed by then.
      await this.ended()
      return null
    }
    await this.ended()
    throw new Error(`the store's process ended by itself: ${this.#child.signalCode ?? this.#child.exitCode}`)
  }

  /** SIGKILL, SIGSTOP or SIGCONT. What it has said until then can still be read. */
  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    if (name === 'SIGKILL') this.#isKilled = true
    this.#child.kill(name)
  }

  /** Resolves when the whole process stands still after SIGSTOP. */
  async stopped(): Promise<void> {
    const isStopped = () => / [Tt] /.test(readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8').split(')').at(-1) ?? '')
    while (!isStopped()) await sleep(1)
  }

  async ended(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit')
  }

  end(): Promise<void> {
    this.signal('SIGKILL')
    return this.ended()
  }
}

/** Agents that are started before they are needed: starting one takes longer than a life. */
export class AgentPool {
  #spare: AgentProcess | null
  #current: AgentProcess | null = null

  constructor(private readonly start: () => AgentProcess = () => new AgentProcess()) {
    this.#spare = start()
  }

  /** The one in use as long as it was not killed, then a new one. */
  take(): AgentProcess {
    if (this.#current === null || this.#current.isKilled) {
      this.#current = this.#spare ?? this.start()
      this.#spare = this.start()
    }
    return this.#current
  }

  /** A second one beside it. */
  takeOther(): AgentProcess {
    this.#spare ??= this.start()
    return this.#spare
  }

  /** A trial that failed may leave an agent at work. */
  async drop(): Promise<void> {
    const current = this.#current
    this.#current = null
    await current?.end()
  }

  async close(): Promise<void> {
    await this.drop()
    await this.#spare?.end()
    this.#spare = null
  }
}
