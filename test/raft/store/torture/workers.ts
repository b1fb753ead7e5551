import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SeededRandom } from '../../../../src/testing/seeded-random.js'
import { AgentPool } from './agent-process.js'
import { PowerPool } from './power.js'
import { runServerTrial, ServerTemplate } from './server-trial.js'
import { type Outcome, type Surroundings, Trial } from './trial.js'
import { Failure } from './verdict.js'

/** How often each is tried, relative to the others. */
const WEIGHTS = {
  none: 8,
  flip: 18,
  cut: 12,
  zero: 12,
  swap: 8,
  delete: 9,
  older: 8,
  'foreign-file': 5,
  'foreign-directory': 3,
  'read-only': 2,
  'full-disk': 2,
  'two-processes': 3,
  'power-cut': 8,
  server: 10,
  /** Only when asked for: nothing in the directory can tell, so that it must fail. */
  'older-directory': 0,
} as const

export type Damage = keyof typeof WEIGHTS
export const DAMAGES = Object.keys(WEIGHTS) as readonly Damage[]

export interface Report {
  readonly seed: number
  readonly damage: Damage
  readonly outcome: Outcome
  /** Why the trial failed, or null. Then `kept` is the directory as it was left. */
  readonly failure: string | null
  readonly kept: string
  readonly notes: readonly string[]
}

function pickDamage(random: SeededRandom, only: readonly Damage[]): Damage {
  const choices = only.flatMap((damage) => Array.from({ length: WEIGHTS[damage] || 1 }, () => damage))
  return random.pick(choices)
}

/** The damages that are tried if none is named. */
export const USUAL: readonly Damage[] = DAMAGES.filter((damage) => WEIGHTS[damage] > 0)

/** Runs one trial after another, in a temporary directory of its own. */
export class Worker {
  readonly #number: number
  readonly #base = mkdtempSync(join(tmpdir(), 'tnl-torture-'))
  readonly #pool = new AgentPool()
  #template: ServerTemplate | null = null
  /** Undefined until it is needed; null where it cannot be. */
  #power: PowerPool | null | undefined
  /** Directories that somebody will want to look at. */
  readonly #kept = new Set<string>()

  constructor(number: number) {
    this.#number = number
  }

  async run(seed: number, only: readonly Damage[], keep = false): Promise<Report> {
    const random = new SeededRandom(seed)
    const damage = pickDamage(random, only)
    const base = join(this.#base, String(seed))
    mkdirSync(base)
    const surroundings = { base, other: await this.#otherNode(), pool: this.#pool, random }
    const { outcome, failure, notes } = await this.#try(damage, surroundings)
    if (failure !== null || keep) this.#kept.add(base)
    else rmSync(base, { recursive: true, force: true })
    return { seed, damage, outcome, failure, kept: base, notes }
  }

  async close(): Promise<void> {
    await this.#pool.close()
    await this.#power?.close()
    for (const name of readdirSync(this.#base)) {
      if (!this.#kept.has(join(this.#base, name))) rmSync(join(this.#base, name), { recursive: true, force: true })
    }
    if (this.#kept.size === 0) rmdirSync(this.#base)
  }

  /** Of a trial that was expected to fail. */
  forget({ kept }: Report): void {
    this.#kept.delete(kept)
  }

  async #try(damage: Damage, surroundings: Surroundings): Promise<Pick<Report, 'outcome' | 'failure' | 'notes'>> {
    const trial = damage === 'server' ? null : new Trial(surroundings, () => this.#powerPool())
    const notes = trial?.notes ?? []
    try {
      if (trial !== null) return { outcome: await trial.run(damage), failure: null, notes }
      this.#template ??= await ServerTemplate.make(this.#base, this.#number)
      return { outcome: await runServerTrial(surroundings, this.#template, notes), failure: null, notes }
    } catch (error) {
      await this.#pool.drop()
      const words = error instanceof Error ? (error.stack ?? error.message) : String(error)
      const failure = error instanceof Failure ? error.message : words
      return { outcome: { row: damage, result: 'failed' }, failure, notes }
    }
  }

  #powerPool(): PowerPool | null {
    this.#power ??= this.#power === undefined ? PowerPool.create(this.#base) : null
    return this.#power
  }

  /** The directory of another node, closed cleanly; made once. */
  async #otherNode(): Promise<string> {
    const directory = join(this.#base, 'other', 'data')
    if (mkdirSync(join(this.#base, 'other'), { recursive: true }) === undefined) return directory
    for (let life = 0; life < 3; life++) {
      const agent = this.#pool.take()
      agent.begin({ directory, seed: life, operations: 60, isHeld: false })
      for (let event = await agent.next(); event?.event !== 'closed'; event = await agent.next());
    }
    return directory
  }
}
