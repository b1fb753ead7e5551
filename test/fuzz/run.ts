/** `npm run fuzz`: feeds hostile inputs to every place where bytes come in, and says what they broke. */
import { parseArgs } from 'node:util'
import { formatTable } from '../../src/cli/shared/table.js'
import { ProgressLine } from '../kit/progress-line.js'
import { say as out, runTool, UsageError, wholeNumber } from '../kit/tool.js'
import { type Area, describe, Finding } from './area.js'
import { AREAS } from './areas/all.js'

const INPUTS = 200_000
const DAY_S = 86_400
/** Distinct faults of an area; more would only repeat themselves. */
const FINDINGS_SHOWN_MAX = 10
const HELP = `Usage: npm run fuzz -- [options]

  --inputs N          lines, commands, frames and files in all (default ${INPUTS})
  --seed N            of the first case; the others count on from it (default: the time)
  --today             a first seed that is the same all day, as CI does
  --cases N           instead of --inputs: so many cases of each area
  --only A,B          only these areas: ${AREAS.map(({ area }) => area.name).join(', ')}

A case is some hundred inputs, and its seed fixes all of them. Ctrl-C ends the run after the case that is running.
Exit status: 0 nothing broke, 1 something did, 2 bad usage.
`

interface Settings {
  readonly inputs: number
  readonly cases: number
  readonly seed: number
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
    seed: values.seed === undefined ? firstSeed(values.today) : wholeNumber('--seed', values.seed),
    areas: AREAS.filter(({ area }) => only.includes(area.name)),
  }
}

/** Seconds, so that another day or another second begins far beyond what one run plays. */
function firstSeed(today: boolean): number {
  const now = Math.floor(Date.now() / 1000)
  return today ? now - (now % DAY_S) : now
}

class Tally {
  cases = 0
  inputs = 0
  failed = 0
  busyMs = 0
  /** By the message without its numbers: the first seed that showed it is enough. */
  readonly findings = new Map<string, number>()

  constructor(
    readonly area: Area,
    readonly share: number,
  ) {}

  async play(seed: number): Promise<void> {
    const beganMs = performance.now()
    this.cases++
    try {
      this.inputs += await this.area.play(seed)
    } catch (error) {
      this.failed++
      this.#note(seed, error)
    }
    this.busyMs += performance.now() - beganMs
  }

  #note(seed: number, error: unknown): void {
    const what = error instanceof Finding ? error.message : describe(error)
    const kind = what.replace(/\d+/g, 'N').slice(0, 120)
    const times = this.findings.get(kind) ?? 0
    this.findings.set(kind, times + 1)
    if (times > 0 || this.findings.size > FINDINGS_SHOWN_MAX) return
    out(`\nFOUND by ${this.area.name}: ${what.slice(0, 1_000)}`)
    if (error instanceof Finding) for (const line of error.trail.slice(-12)) out(`  ${JSON.stringify(line)}`)
    out(`again: npm run fuzz -- --only ${this.area.name} --seed ${seed} --cases 1`)
  }

  get row(): string[] {
    const { area, cases, inputs, failed, busyMs, findings } = this
    const speed = busyMs === 0 ? 0 : Math.round((inputs / busyMs) * 1_000)
    return [area.name, area.what, cases, inputs, speed, failed, findings.size].map(String)
  }
}

/** The area that is furthest behind its share is next. */
function furthestBehind(tallies: readonly Tally[], cases: number): Tally | undefined {
  const unfinished = tallies.filter((tally) => tally.cases < cases)
  return unfinished.sort((a, b) => behind(a) - behind(b))[0]
}

/** A case that fails counts some inputs too, or an area that only fails would never be done. */
const behind = ({ inputs, failed, share }: Tally): number => (inputs + 100 * failed) / share

async function runAll({ inputs, cases, seed, areas }: Settings): Promise<Tally[]> {
  let isStopped = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (isStopped = true))
  const tallies = areas.map(({ area, share }) => new Tally(area, share))
  const done = () => tallies.reduce((sum, tally) => sum + tally.inputs + 100 * tally.failed, 0)
  const bar = new ProgressLine('% of the inputs', 100)
  let shown = 0
  for (;;) {
    const tally = done() < inputs && !isStopped ? furthestBehind(tallies, cases) : undefined
    if (tally === undefined) break
    await tally.play(seed + tally.cases)
    for (; Number.isFinite(inputs) && shown < Math.floor((100 * done()) / inputs) && shown < 100; shown++) bar.step('')
    await new Promise(setImmediate)
  }
  bar.end()
  for (const { area } of tallies) await area.close?.()
  return tallies
}

async function main(): Promise<void> {
  const settings = readSettings()
  if (settings === null) return out(HELP)
  out(`seed ${settings.seed}`)
  const tallies = await runAll(settings)
  const head = ['AREA', 'WHAT IS FED TO WHAT', 'CASES', 'INPUTS', 'PER SECOND', 'FAILED', 'FAULTS']
  out(`\n${formatTable([head, ...tallies.map(({ row }) => row)])}`)
  const failed = tallies.reduce((sum, tally) => sum + tally.failed, 0)
  const cases = tallies.reduce((sum, tally) => sum + tally.cases, 0)
  out(`${tallies.reduce((sum, { inputs }) => sum + inputs, 0)} inputs`)
  out(`${cases - failed} passed, ${failed} failed`)
  if (failed > 0 || cases === 0) process.exitCode = 1
}

await runTool('fuzz', main)
