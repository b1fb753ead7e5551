/** Clients of the library that take and release locks all through the drill, and remember whatever they should not have seen. */
import { type ClientOptions, connect } from '../../src/client/index.js'

const CLIENTS = 4
/** Fewer names than clients, so that they also wait for each other. */
const NAMES = 2

export class DrillLoad {
  cycles = 0
  readonly failures: unknown[] = []
  readonly #inside = new Map<string, number>()
  readonly #lastToken = new Map<string, number>()
  readonly #loops: Promise<void>[]
  #stopped = false

  constructor(options: ClientOptions) {
    this.#loops = Array.from({ length: CLIENTS }, (_, number) => this.#run(options, `shop/busy-${number % NAMES}`))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#loops)
  }

  async #run(options: ClientOptions, name: string): Promise<void> {
    try {
      const client = await connect(options)
      while (!this.#stopped) await client.withLock(name, ({ token }) => this.#use(name, token))
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
    await new Promise((resolve) => setTimeout(resolve, 2))
    this.#inside.set(name, (this.#inside.get(name) ?? 0) - 1)
    this.cycles += 1
  }
}
