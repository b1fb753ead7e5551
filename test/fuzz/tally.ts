/** What came of one area in a run. */
import { type Area, describe, Finding } from './area.js'

/** Distinct faults of an area; more would only repeat themselves. */
const FINDINGS_SHOWN_MAX = 10
/** A case that fails counts some inputs too, or an area that only fails would never be done. */
const INPUTS_OF_FAILED = 100

export class Tally {
  cases = 0
  inputs = 0
  failed = 0
  busyMs = 0
  /** By the message without its numbers: the first seed that showed it is enough. */
  readonly findings = new Map<string, number>()

  constructor(
    readonly area: Area,
    readonly share: number,
    private readonly print: (text: string) => void,
  ) {}

  get done(): number {
    return this.inputs + INPUTS_OF_FAILED * this.failed
  }

  get perSecond(): number {
    return this.busyMs === 0 ? 0 : Math.round((this.inputs / this.busyMs) * 1_000)
  }

  async play(seed: number): Promise<void> {
    this.cases++
    const beganMs = performance.now()
    await this.#watch(`--seed ${seed} --cases 1`, async () => {
      this.inputs += await this.area.play(seed)
    })
    this.busyMs += performance.now() - beganMs
  }

  /** Whether anything is left of what was fed since `firstSeed`. */
  async rest(firstSeed: number): Promise<void> {
    await this.#watch(`--seed ${firstSeed} --cases ${this.cases}`, async () => this.area.rest?.())
  }

  async close(): Promise<void> {
    await this.#watch('--cases 1', async () => this.area.close?.())
  }

  /** Something else than a case came to light. */
  fail(message: string): void {
    this.failed++
    this.#note(`npm run fuzz -- --only ${this.area.name}`, new Finding(message, []))
  }

  async #watch(again: string, act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      this.failed++
      this.#note(`npm run fuzz -- --only ${this.area.name} ${again}`, error)
    }
  }

  #note(again: string, error: unknown): void {
    const what = error instanceof Finding ? error.message : describe(error)
    const kind = what.replace(/\d+/g, 'N').slice(0, 120)
    const times = this.findings.get(kind) ?? 0
    this.findings.set(kind, times + 1)
    if (times > 0 || this.findings.size > FINDINGS_SHOWN_MAX) return
    this.print(`\nFOUND by ${this.area.name}: ${what.slice(0, 1_000)}`)
    if (error instanceof Finding) for (const line of error.trail.slice(-12)) this.print(`  ${JSON.stringify(line)}`)
    this.print(`again: ${again}`)
  }
}
