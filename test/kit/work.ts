/**
 * How much work a piece of code does, told without a clock: how often V8 ran each block of the sources. The same run gives the
 * same number, on a busy machine too.
 */
import { type Profiler, Session } from 'node:inspector/promises'

export class WorkMeter {
  readonly #session = new Session()
  readonly #under: string

  /** Counts what runs in sources whose path has `under` in it, such as `/src/locks/`. */
  constructor(under: string) {
    this.#under = under
  }

  async start(): Promise<void> {
    this.#session.connect()
    await this.#session.post('Profiler.enable')
    await this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** Blocks that ran since the last call, in all. */
  async take(): Promise<number> {
    const { result } = await this.#session.post('Profiler.takePreciseCoverage')
    return result.filter(({ url }) => url.includes(this.#under)).reduce((sum, script) => sum + blocksOf(script), 0)
  }

  async stop(): Promise<void> {
    await this.#session.post('Profiler.stopPreciseCoverage')
    this.#session.disconnect()
  }
}

function blocksOf({ functions }: Profiler.ScriptCoverage): number {
  return functions.reduce((sum, { ranges }) => sum + ranges.reduce((all, { count }) => all + count, 0), 0)
}
