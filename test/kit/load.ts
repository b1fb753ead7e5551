import { type ClientOptions, connect } from '../../src/client/index.js'
import { EVENT_TIMEOUT_MS } from './wire.js'

const CLIENTS = 6
/** More than one client for each name, so that they also wait for one another. */
const NAMES = 2

/** Clients of the library that take and release locks without a pause. */
export class Load {
  cycles = 0
  /** Two that hold at once, a token that does not grow, or an error. */
  readonly failures: unknown[] = []
  readonly #inside = new Map<string, number>()
  readonly #lastToken = new Map<string, number>()
  #stopped = false
  readonly #loops: Promise<void>[]

  /** `prefix`: what the names of the locks begin with. */
  constructor(options: ClientOptions, prefix = 'busy-') {
    this.#loops = Array.from({ length: CLIENTS }, (_, number) => this.#run(options, `${prefix}${number % NAMES}`))
  }

  /** Resolves when some more locks were taken, each in its turn. Throws if a client has ever seen what it should not. */
  async goesOn(): Promise<void> {
    const goal = this.cycles + 3 * CLIENTS
    const deadlineMs = performance.now() + EVENT_TIMEOUT_MS
    while (this.cycles < goal && this.failures.length === 0) {
      if (performance.now() > deadlineMs) throw new Error('clients take no locks any more')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const [failure] = this.failures
    if (failure !== undefined) throw new Error(`a client has seen this: ${String(failure)}`, { cause: failure })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#loops)
  }

  async #run(options: ClientOptions, name: string): Promise<void> {
    try {
      const client = await connect(options)
      while (!this.#stopped) await client.withLock(name, (lock) => this.#use(name, lock.token))
      await client.close()
    } catch (error) {
      this.failures.push(error)
    }
  }

  async #use(name: string, token: number): Promise<void> {
    const others = this.#inside.get(name) ?? 0
    if (others > 0) this.failures.push(`${others + 1} hold ${name}`)
    if (token <= (this.#lastToken.get(name) ?? 0)) this.failures.push(`token ${token} of ${name} is too small`)
    this.#inside.set(name, others + 1)
    this.#lastToken.set(name, token)
    await new Promise(setImmediate)
    this.#inside.set(name, (this.#inside.get(name) ?? 0) - 1)
    this.cycles += 1
  }
}
