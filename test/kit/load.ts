import { expect } from 'vitest'
import { connect } from '../../src/client/index.js'

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

  constructor(endpoints: string) {
    this.#loops = Array.from({ length: CLIENTS }, (_, number) => this.#run(endpoints, `busy-${number % NAMES}`))
  }

  /** Resolves when some more locks were taken, each in its turn. */
  async goesOn(): Promise<void> {
    const goal = this.cycles + 3 * CLIENTS
    while (this.cycles < goal && this.failures.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(this.failures).toEqual([])
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#loops)
  }

  async #run(endpoints: string, name: string): Promise<void> {
    try {
      const client = await connect({ endpoints })
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
