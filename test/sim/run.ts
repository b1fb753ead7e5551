/** `npm run sim`: runs seeds, reports each violation, and shows what was met and how often. docs/testing.md explains it. */
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { Command, InvalidArgumentError } from 'commander'
import { ProgressLine } from '../kit/progress-line.js'
import { addCoverage, type CoverageRow, coverageRows } from './coverage.js'
import { runSeeds } from './pool.js'
import { loadNextProgram } from './program.js'
import { type RunResult, runSeed } from './simulation.js'

const DAY_MS = 86_400_000
const SEEDS_PER_DAY = 1_000
/** From here on a fault that never struck is a failure. */
const FULL_CAMPAIGN_SEEDS = 2_000
const BAD_USAGE = 2
const REPORT = 'docs/evidence/simulator.md'

const out = (text: string): void => void process.stdout.write(`${text}\n`)

function positive(text: string): number {
  if (!/^[1-9][0-9]{0,9}$/.test(text)) throw new InvalidArgumentError('a whole number from 1 on is needed')
  return Number(text)
}

const seedList = (text: string): number[] => text.split(',').map(positive)

function nodeCount(text: string): number {
  if (!['3', '5', '7'].includes(text)) throw new InvalidArgumentError('3, 5 or 7')
  return Number(text)
}

interface Flags {
  readonly seeds: number
  readonly from: number
  readonly only?: readonly number[]
  readonly seed?: number
  readonly today: boolean
  readonly trace: boolean
  readonly nodes?: number
  readonly jobs: number
  readonly stop: boolean
  readonly write: boolean
}

const flags = new Command('sim')
  .description(
    'The deterministic simulator: whole clusters and their clients, on simulated disks, networks and clocks.',
  )
  .option('--seeds <count>', 'how many seeds to run', positive, 100)
  .option('--from <seed>', 'the first seed', positive, 1)
  .option('--only <seeds>', 'these seeds, with commas between', seedList)
  .option('--today', 'begin with a seed that changes every day', false)
  .option('--seed <seed>', 'this seed alone', positive)
  .option('--trace', 'with --seed: print every event', false)
  .option('--nodes <count>', 'founding members: 3, 5 or 7 (default: the seed draws)', nodeCount)
  .option('--jobs <count>', 'processes', positive, availableParallelism())
  .option('--stop', 'end at the first violation', false)
  .option('--write', `write ${REPORT}`, false)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : BAD_USAGE))
  .parse()
  .opts<Flags>()

const nodes = flags.nodes ?? null

async function replay(seed: number): Promise<boolean> {
  const result = await runSeed(seed, flags.trace ? { nodes, trace: out } : { nodes })
  if (result.violation !== null) report(result)
  out(
    `seed ${seed}: hash ${result.hash}, ${result.events} events, ${(result.virtualMs / 1_000).toFixed(1)} s simulated`,
  )
  out(result.violation === null ? '1 passed, 0 failed' : '0 passed, 1 failed')
  return result.violation === null
}

async function campaign(): Promise<boolean> {
  const first = flags.today ? Math.floor(Date.now() / DAY_MS) * SEEDS_PER_DAY : flags.from
  const seeds = flags.only ?? Array.from({ length: flags.seeds }, (_, i) => first + i)
  const orders = seeds.map((seed) => ({ seed, nodes }))
  const coverage = new Map<string, number>()
  const progress = new ProgressLine('seeds', orders.length)
  const beganMs = performance.now()
  let [done, failed, events, virtualMs] = [0, 0, 0, 0]
  await runSeeds(orders, flags.jobs, (result) => {
    done++
    events += result.events
    virtualMs += result.virtualMs
    addCoverage(coverage, result.coverage)
    if (result.violation !== null) {
      failed++
      progress.above(() => report(result))
    }
    progress.step(`${failed} failed, ${events} events`)
    return !flags.stop || failed === 0
  })
  progress.end()
  const seconds = (performance.now() - beganMs) / 1_000
  const rows = coverageRows(coverage)
  for (const { group, name, times } of rows) out(`${String(times).padStart(9)}  ${group}: ${name}`)
  const never = rows.filter(({ times }) => times === 0).map(({ name }) => name)
  const speed = Math.round(virtualMs / 1_000 / seconds)
  const summary = `${done} seeds from ${seeds[0]} on: ${events} events, ${Math.round(virtualMs / 1_000)} s simulated in ${Math.round(seconds)} s (${speed} times real time)`
  if (never.length > 0) out(`never met: ${never.join('; ')}`)
  out(summary)
  if (flags.write) writeFileSync(REPORT, page(summary, failed, rows))
  const uncovered = done >= FULL_CAMPAIGN_SEEDS && never.length > 0
  out(`${done - failed} passed, ${failed} failed`)
  return failed === 0 && !uncovered
}

function report({ seed, violation, lastNotes }: RunResult): void {
  if (!flags.trace) for (const line of lastNotes) process.stderr.write(`${line}\n`)
  out(`seed ${seed}${nodes === null ? '' : ` --nodes ${nodes}`}: ${violation}`)
}

function page(summary: string, failed: number, rows: readonly CoverageRow[]): string {
  const table = rows.map(({ group, name, times }) => `| ${group} | ${name} | ${times.toLocaleString('en')} |`)
  return `# What the simulator met

Written by \`npm run sim -- --seeds ${flags.seeds} --write\`; [how to replay a seed](../testing.md#the-simulator).

How to read the table, and what it does not say:

1. A row counts, over all seeds, how often a fault struck, a process died at a failpoint, or a rare turn of events was met.
2. A row of zero fails a campaign of ${FULL_CAMPAIGN_SEEDS.toLocaleString('en')} seeds or more, because a fault that never struck proves nothing.
3. A large number shows that something happened often, not that it met every other fault at every moment: combinations come
   from the seeds, so more seeds are worth more than higher counts.
4. No violation means that no invariant of \`test/sim/checks\` was broken in these runs of this very code; a property that no
   check looks at, and bytes that only a real kernel or disk would produce, are out of sight here.
5. What lies out of sight is left to others: real processes to jepsen-lite and the end-to-end tests, damaged directories to the
   storage torture, hostile bytes to the fuzzer.

${summary}; ${failed} violations.

| | what | times |
|---|---|---:|
${table.join('\n')}
`
}

// Once, and not in each of the processes.
await loadNextProgram()
const isClean = flags.seed === undefined ? await campaign() : await replay(flags.seed)
process.exitCode = isClean ? 0 : 1
