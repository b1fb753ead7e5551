/** `npm run fuzz`: feeds hostile inputs to every place where bytes come in, and says what they broke. */
import { parseArgs } from 'node:util'
import { formatTable } from '../../src/cli/shared/table.js'
import { ProgressLine } from '../kit/progress-line.js'
import { say as out, runTool, UsageError, wholeNumber } from '../kit/tool.js'
import { describe } from './area.js'
import { AREAS } from './areas/all.js'
import { record } from './campaign.js'
import { ProcessWatch } from './process-watch.js'
import { Tally } from './tally.js'

const INPUTS = 200_000
const DAY_S = 86_400
/** Of a long run, and inputs between two of a short one. */
const RESTS = 20
const RESTS_EVERY = 40_000
const HELP = `Usage: npm run fuzz -- [options]

  --inputs N          lines, commands, frames and files in all (default ${INPUTS})
  --seed N            of the first case; the others count on from it (default: the time)
  --today             a first seed that is the same all day, as CI does
  --cases N           instead of --inputs: so many cases of each area
  --write             adds the run to docs/evidence/fuzz.jsonl, and writes docs/evidence/fuzz.md from all of them
  --only A,B          only these areas: ${AREAS.map(({ area }) => area.name).join(', ')}

A case is some hundred inputs, and its seed fixes all of them. Ctrl-C ends the run after the case that is running.
Exit status: 0 nothing broke, 1 something did, 2 bad usage.
`

interface Settings {
  readonly inputs: number
  readonly cases: number
  readonly seed: number
  readonly write: boolean
  readonly areas: typeof AREAS
}

/** Null if only the help was asked for. */
function readSettings(): Settings | null {
  const { values } = parseArgs({
    options: {
      inputs: { type: 'string' },
      seed: { type: 'string' },
      today: { type: 'boolean', default: false },
      cases: { type: 'string' },
      only: { type: 'string' },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return null
  const only = values.only?.split(',') ?? AREAS.map(({ area }) => area.name)
  const unknown = only.find((name) => AREAS.every(({ area }) => area.name !== name))
  if (unknown !== undefined) throw new UsageError(`--only: there is no ${unknown}`)
  const cases = values.cases === undefined ? Number.POSITIVE_INFINITY : wholeNumber('--cases', values.cases)
  const byCases = values.cases !== undefined && values.inputs === undefined
  return {
    inputs: byCases ? Number.POSITIVE_INFINITY : wholeNumber('--inputs', values.inputs ?? String(INPUTS)),
    cases,
    write: values.write,
    seed: values.seed === undefined ? firstSeed(values.today) : wholeNumber('--seed', values.seed),
    areas: AREAS.filter(({ area }) => only.includes(area.name)),
  }
}

/** Seconds, so that another day or another second begins far beyond what one run plays. */
function firstSeed(today: boolean): number {
  const now = Math.floor(Date.now() / 1000)
  return today ? now - (now % DAY_S) : now
}

/** The area that is furthest behind its share is next. */
function furthestBehind(tallies: readonly Tally[], cases: number): Tally | undefined {
  const unfinished = tallies.filter((tally) => tally.cases < cases)
  return unfinished.sort((a, b) => behind(a) - behind(b))[0]
}

const behind = ({ done, share }: Tally): number => done / share

/** How often nothing is fed for a while, to see what is left: in a long run now and then, in a short one half-way and at the end. */
const restEvery = (inputs: number): number =>
  Number.isFinite(inputs) ? Math.max(RESTS_EVERY, inputs / RESTS) : RESTS_EVERY

class Run {
  readonly #tallies: readonly Tally[]
  readonly #watch = new ProcessWatch()
  #isStopped = false
  #rested = 0

  constructor(private readonly settings: Settings) {
    this.#tallies = settings.areas.map(({ area, share }) => new Tally(area, share, out))
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (this.#isStopped = true))
  }

  get #done(): number {
    return this.#tallies.reduce((sum, { done }) => sum + done, 0)
  }

  /** For the first time when every area has started what it needs: what it has then is what it may have later. */
  get #isTimeToRest(): boolean {
    if (this.#rested === 0) return this.#tallies.every(({ cases }) => cases > 0)
    return this.#done >= this.#rested + restEvery(this.settings.inputs)
  }

  async play(): Promise<readonly Tally[]> {
    const { inputs, cases, seed } = this.settings
    const bar = new ProgressLine('% of the inputs', 100)
    let shown = 0
    for (;;) {
      const tally = this.#done < inputs && !this.#isStopped ? furthestBehind(this.#tallies, cases) : undefined
      if (tally === undefined) break
      await tally.play(seed + tally.cases)
      this.#lookForEscapes(tally)
      if (this.#isTimeToRest) await this.#rest()
      for (; Number.isFinite(inputs) && shown < Math.floor((100 * this.#done) / inputs) && shown < 100; shown++)
        bar.step('')
      await new Promise(setImmediate)
    }
    bar.end()
    await this.#rest()
    for (const tally of this.#tallies) await tally.close()
    if (this.settings.write) record(seed, this.#tallies, this.#watch)
    this.#watch.close()
    return this.#tallies
  }

  get heap(): string {
    const { firstMib, highestMib } = this.#watch
    return `heap after a collection: ${firstMib.toFixed(0)} MiB at the first look, at most ${highestMib.toFixed(0)}`
  }

  /** Everything that was fed is over, everywhere; then the process has what it had. */
  async #rest(): Promise<void> {
    this.#rested = this.#done
    const { seed } = this.settings
    await Promise.all(this.#tallies.map((tally) => tally.rest(seed)))
    const complaint = await this.#watch.complaint()
    // Whose it is shows when they are run alone.
    if (complaint !== null) this.#tallies[0]?.fail(`the process: ${complaint}`)
  }

  #lookForEscapes(tally: Tally): void {
    for (const error of this.#watch.escaped.splice(0)) tally.fail(`escaped: ${describe(error)}`)
  }
}

async function main(): Promise<void> {
  const settings = readSettings()
  if (settings === null) return out(HELP)
  out(`seed ${settings.seed}`)
  const run = new Run(settings)
  const tallies = await run.play()
  const head = ['AREA', 'WHAT IS FED TO WHAT', 'THROUGH', 'CASES', 'INPUTS', 'PER SECOND', 'FAILED', 'FAULTS']
  const rows = tallies.map(({ area, cases, inputs, perSecond, failed, findings }) =>
    [area.name, area.what, area.through, cases, inputs, perSecond, failed, findings.size].map(String),
  )
  out(`\n${formatTable([head, ...rows])}`)
  const failed = tallies.reduce((sum, tally) => sum + tally.failed, 0)
  const cases = tallies.reduce((sum, tally) => sum + tally.cases, 0)
  out(run.heap)
  out(`${tallies.reduce((sum, { inputs }) => sum + inputs, 0)} inputs`)
  out(`${cases - failed} passed, ${failed} failed`)
  if (failed > 0 || cases === 0) process.exitCode = 1
}

await runTool('fuzz', main)
// A node that has stopped leaves timers to the end of its process, which is here.
process.exit()
