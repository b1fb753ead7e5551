import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { SeededRandom } from '../../../../src/testing/seeded-random.js'
import { Preload } from '../../../preload/preload.js'
import { AgentPool, AgentProcess } from './agent-process.js'

/** One in use and one that is started for later; the third is free again by then. */
const NAMES = ['a', 'b', 'c']

/** Agents whose machine may lose its power: what they have written and not synced can be taken from the files. */
export class PowerPool {
  readonly pool: AgentPool
  readonly #preload: Preload
  readonly #books: string
  readonly #nameOf = new WeakMap<AgentProcess, string>()
  #started = 0

  private constructor(preload: Preload, books: string, base: string) {
    this.#preload = preload
    this.#books = books
    this.pool = new AgentPool(() => {
      const name = NAMES[this.#started++ % NAMES.length] ?? ''
      const agent = new AgentProcess(preload.environment(name, base))
      this.#nameOf.set(agent, name)
      return agent
    })
  }

  /** For directories below `base`; null where the library cannot be built. */
  static create(base: string): PowerPool | null {
    const books = join(base, 'power')
    mkdirSync(books)
    const preload = Preload.build(books)
    return typeof preload === 'string' ? null : new PowerPool(preload, books, base)
  }

  /** How long the syncs of this agent take from now on. */
  slowDown(agent: AgentProcess, syncMs: number): void {
    this.#preload.set(this.#named(agent), 'syncDelayMs', syncMs)
  }

  /** `agent` has ended. In words: what its power cut has taken from `directory`. */
  cut(agent: AgentProcess, directory: string, random: SeededRandom): string {
    const { files, writes } = this.#preload.losePower(this.#named(agent), directory, random)
    return `${files} files cut short, ${writes} writes undone`
  }

  async close(): Promise<void> {
    await this.pool.close()
    this.#preload.close()
    rmSync(this.#books, { recursive: true })
  }

  #named(agent: AgentProcess): string {
    const name = this.#nameOf.get(agent)
    if (name === undefined) throw new Error('an agent of another pool')
    return name
  }
}
