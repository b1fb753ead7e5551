/** `npm run mutants`: puts each mutant of the list into a copy of the sources and says which checks notice it. */
import { rmSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { NEXT_PROGRAM_VARIABLE, nextLevelProgram } from '../kit/programs/next-level.js'
import { ProgressLine } from '../kit/progress-line.js'
import { KILLERS, killersFor, type Outcome, run, testsFor } from './killers.js'
import { likelyTests } from './likely-tests.js'
import { MUTANTS } from './list/index.js'
import type { AppliedMutant, KillerName, Mutant } from './mutant.js'
import { endAll } from './process.js'
import { describe, page, Results, summary } from './results.js'
import { type SimulatorLines, seedsThatReach, simulatorLines } from './simulator-reach.js'
import { applyEdits, build, copySources, hashOf, ROOT } from './workspace.js'

const BAD_USAGE = 2
const PAGE = 'docs/evidence/mutants.md'

const out = (text: string): void => void process.stdout.write(`${text}\n`)

function positive(text: string): number {
  if (!/^[1-9][0-9]{0,6}$/.test(text)) throw new InvalidArgumentError('a whole number from 1 on is needed')
  return Number(text)
}

function ids(text: string): Mutant[] {
  return text.split(',').map((id) => mutant(id))
}

function mutant(id: string): Mutant {
  const found = MUTANTS.find((other) => other.id === id)
  if (found === undefined) throw new InvalidArgumentError(`there is no mutant ${id}`)
  return found
}

function applicable(id: string): AppliedMutant {
  const found = mutant(id)
  if (!('edits' in found)) throw new InvalidArgumentError(`${id} does not apply: ${found.notApplicable}`)
  return found
}

function killerNames(text: string): KillerName[] {
  return text.split(',').map((name) => {
    const found = KILLERS.find((killer) => killer === name)
    if (found === undefined) throw new InvalidArgumentError(`${name} is none of ${KILLERS.join(', ')}`)
    return found
  })
}

interface Flags {
  readonly seeds: number
  readonly trials: number
  readonly only: readonly Mutant[]
  readonly untried: boolean
  readonly killers: readonly KillerName[]
  readonly jobs: number
  readonly first: boolean
  readonly write: boolean
  readonly build?: AppliedMutant
  readonly out?: string
}

const flags = new Command('mutants')
  .description('Known bugs, put into copies of the sources: which checks notice them?')
  .addOption(
    new Option('--only <ids>', 'these mutants, with commas between').argParser(ids).default([...MUTANTS], 'all'),
  )
  .option('--untried', 'of these, the ones without a verdict', false)
  .option('--killers <names>', `these checks only, of ${KILLERS.join(', ')}`, killerNames, [...KILLERS])
  .option('--seeds <count>', 'seeds of the simulator', positive, 200)
  .option('--trials <count>', 'trials of the storage torture', positive, 40)
  .option('--jobs <count>', 'mutants at a time', positive, 2)
  .option('--first', 'stop at the first check that notices a mutant', false)
  .option('--write', `write ${PAGE} from all results so far`, false)
  .option('--build <id>', 'only compile the sources with this mutant, into --out', applicable)
  .option('--out <folder>', 'with --build: where `dist` goes')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : BAD_USAGE))
  .parse()
  .opts<Flags>()

async function buildOne(wanted: AppliedMutant, folder: string): Promise<void> {
  const root = resolve(folder)
  await copySources(ROOT, root)
  await applyEdits(root, wanted.edits)
  await build(root)
  out(`${wanted.id} is in ${join(root, 'dist')}: ${wanted.title}`)
}

/** Without a mutant every check must pass, or what it says about mutants is worth nothing. */
async function checkBaseline(
  base: string,
  sources: string,
  mutants: readonly AppliedMutant[],
  results: Results,
): Promise<boolean> {
  const killers = killersOfAny(mutants).filter((name) => name !== 'simulator')
  const tests = killers.includes('tests') ? [...new Set(mutants.flatMap(testsFor))] : []
  const before = results.baseline?.sources === sources ? results.baseline : null
  if ([...killers, ...tests].every((check) => before?.checks.includes(check))) return true

  out('first the same checks without a mutant')
  for (const name of killers) {
    const outcome = await run(name, base, { all: tests }, { seeds: [], trials: flags.trials })
    if (outcome?.killed) out(`${name} fails without a mutant: ${outcome.by}`)
    if (outcome?.killed) return false
  }
  results.setBaseline({ sources, checks: [...(before?.checks ?? []), ...killers, ...tests] })
  return true
}

/** What the simulator's seeds do without a mutant. Null: no mutant asks for it. */
async function measureSeeds(
  base: string,
  sources: string,
  mutants: readonly AppliedMutant[],
): Promise<SimulatorLines | null> {
  if (!killersOfAny(mutants).includes('simulator')) return null
  const lines = await simulatorLines(base, sources, flags.seeds)
  if (lines.violation === null) return lines
  throw new Error(`the simulator fails without a mutant: ${lines.violation}`)
}

const killersOfAny = (mutants: readonly AppliedMutant[]): KillerName[] =>
  KILLERS.filter((name) => mutants.some((each) => wantedKillers(each).includes(name)))

function wantedKillers(each: AppliedMutant): KillerName[] {
  return killersFor(each).filter((name) => flags.killers.includes(name))
}

async function tryMutant(
  base: string,
  each: AppliedMutant,
  lines: SimulatorLines | null,
  results: Results,
): Promise<void> {
  const root = await mkdtemp(join(base, '..', `${each.id}-`))
  try {
    await copySources(base, root)
    await applyEdits(root, each.edits)
    const all = testsFor(each)
    const tests = { all, likely: likelyTests(base, each, all, results.lastNoticedBy(each)) }
    const seeds = lines === null ? [] : seedsThatReach(base, each.edits, lines).filter((seed) => seed <= flags.seeds)
    const outcomes: Partial<Record<KillerName, Outcome>> = {}
    for (const name of wantedKillers(each)) {
      const outcome = await run(name, root, tests, { seeds, trials: flags.trials })
      if (outcome === null) continue
      const isUnnoticed = name === 'simulator' && !outcome.killed
      outcomes[name] = isUnnoticed ? { ...outcome, seeds: flags.seeds, reached: seeds.length } : outcome
      if (flags.first && outcome.killed) break
    }
    results.record(each, outcomes)
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

async function campaign(): Promise<boolean> {
  const results = new Results()
  const chosen = flags.only.filter((each) => !flags.untried || results.verdict(each) === 'not tried')
  const applied = chosen.filter((each) => 'edits' in each).filter((each) => wantedKillers(each).length > 0)
  const place = await mkdtemp(join(tmpdir(), 'tnl-mutants-'))
  process.on('exit', () => rmSync(place, { recursive: true, force: true }))
  // One copy for the whole campaign: somebody may go on working on the sources.
  const base = join(place, 'base')
  await copySources(ROOT, base)
  // A mutant lives in the present program; beside it runs the next one, which is the same for all.
  process.env[NEXT_PROGRAM_VARIABLE] = await nextLevelProgram()
  const sources = await hashOf(base)
  if (!(await checkBaseline(base, sources, applied, results))) return false
  const lines = await measureSeeds(base, sources, applied)
  const progress = new ProgressLine('mutants', applied.length)
  const left = [...applied].reverse()
  const work = async () => {
    for (let each = left.pop(); each !== undefined; each = left.pop()) {
      const current = each
      await tryMutant(base, current, lines, results)
      progress.above(() => out(describe(current, results)))
      progress.step(current.id)
    }
  }
  await Promise.all(Array.from({ length: flags.jobs }, work))
  progress.end()
  for (const each of chosen) if (!('edits' in each)) out(describe(each, results))
  if (flags.write) {
    results.publish(MUTANTS)
    await writeFile(join(ROOT, PAGE), page(MUTANTS, results))
  }
  out(summary(chosen, results))
  return chosen.every((each) => ['killed', 'explained'].includes(results.verdict(each)))
}

process.on('exit', endAll)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

if (flags.build === undefined) process.exitCode = (await campaign()) ? 0 : 1
else if (flags.out === undefined) {
  process.stderr.write('--build needs --out\n')
  process.exitCode = BAD_USAGE
} else await buildOne(flags.build, flags.out)
