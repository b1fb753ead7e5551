/** The checks that may notice a mutant, each as a command in a copy of the sources. */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { etcdDirectory, missingKinds } from '../scenarios/etcd-files.js'
import type { AppliedMutant, KillerName } from './mutant.js'
import { type Ended, runProcess } from './process.js'
import { build } from './workspace.js'

export const KILLERS: readonly KillerName[] = ['scenarios', 'tests', 'simulator', 'torture']

export interface Outcome {
  readonly killed: boolean
  /** The check that failed and what it said; empty if none did. */
  readonly by: string
  /** Simulator: the seed of the first violation, or how many were tried without one. */
  readonly seeds?: number
  /** Simulator, without a violation: how many of these seeds run the edited lines at all. */
  readonly reached?: number
}

export interface Tests {
  readonly all: readonly string[]
  /** Of these, what runs first. */
  readonly likely?: readonly string[]
}

export interface Effort {
  /** Of the simulator, ascending. */
  readonly seeds: readonly number[]
  readonly trials: number
}

const SURVIVED: Outcome = { killed: false, by: '' }
const SCENARIOS_LIMIT_MS = 120_000
const TESTS_LIMIT_MS = 600_000
/** Beside the limit that the simulator itself sets on each seed. */
const SIMULATOR_START_MS = 240_000
const SIMULATOR_LIMIT_PER_SEED_MS = 20_000
const TORTURE_LIMIT_PER_TRIAL_MS = 20_000
const TORTURE = 'test/raft/store/torture/run.ts'
/** Written as vitest.config.ts says. */
const REPORT = 'test-results/vitest.json'
/** Runs the scenario files, which are a killer of their own. */
const SCENARIO_TESTS = 'test/raft/core/conformance.test.ts'
/** Needs what `npm run build` makes. */
const TESTS_OF_BUILD = /^test\/(?:e2e|deploy)/
const REGRESSIONS = 'test/sim/regressions.test.ts'

/** The tests that belong to a folder of the sources; the first match counts. */
const TESTS_BY_FOLDER: readonly (readonly [folder: string, tests: readonly string[]])[] = [
  ['src/raft/core/', ['test/raft/core', 'test/raft/node', REGRESSIONS]],
  ['src/raft/store/', ['test/raft/store', REGRESSIONS]],
  ['src/raft/net/', ['test/raft/net']],
  ['src/raft/wire/', ['test/raft/net', 'test/raft/node']],
  ['src/raft/ports/', ['test/raft/ports', 'test/raft/node', 'test/service']],
  ['src/raft/', ['test/raft/node', REGRESSIONS, 'test/service']],
  ['src/locks/', ['test/locks', REGRESSIONS, 'test/service']],
  ['src/bytes/', ['test/locks', 'test/raft/net']],
  ['src/protocol/', ['test/protocol', 'test/service', 'test/transcripts', 'test/client']],
  ['src/service/', ['test/service', 'test/transcripts', REGRESSIONS]],
  ['src/server/', ['test/server', 'test/service', REGRESSIONS]],
  ['src/client/', ['test/client']],
  ['src/cli/', ['test/cli']],
]

export function testsFor({ tests, edits }: Pick<AppliedMutant, 'tests' | 'edits'>): string[] {
  if (tests !== undefined) return [...tests]
  const found = edits.flatMap(({ file }) => TESTS_BY_FOLDER.find(([folder]) => file.startsWith(folder))?.[1] ?? [])
  return [...new Set(found)]
}

/** Those that can reach the edited places. */
export function killersFor({ killers, edits }: AppliedMutant): readonly KillerName[] {
  const touches = (...folders: string[]) => edits.some(({ file }) => folders.some((folder) => file.startsWith(folder)))
  const reaches: Record<KillerName, boolean> = {
    scenarios: touches('src/raft/core/'),
    tests: true,
    simulator: !edits.every(({ file }) => ['src/client/', 'src/cli/'].some((f) => file.startsWith(f))),
    torture: touches('src/raft/store/'),
  }
  return (killers ?? KILLERS).filter((name) => killers !== undefined || reaches[name])
}

/** Null: this killer does not exist in this tree. */
export function run(
  name: KillerName,
  root: string,
  { likely = [], all }: Tests,
  effort: Effort,
): Promise<Outcome> | null {
  switch (name) {
    case 'scenarios':
      return runScenarios(root)
    case 'tests':
      return runTests(root, likely, all)
    case 'simulator':
      return effort.seeds.length === 0 ? Promise.resolve(SURVIVED) : runSimulator(root, effort.seeds)
    case 'torture':
      return existsSync(join(root, TORTURE)) ? runTorture(root, effort.trials) : null
  }
}

async function runScenarios(root: string): Promise<Outcome> {
  // A clone alone has no files of etcd: its own scenarios are what can notice.
  const own = missingKinds().length > 0 ? ['--own'] : []
  const ended = await runProcess(['--import', 'tsx', 'test/scenarios/conformance.ts', ...own], {
    cwd: root,
    limitMs: SCENARIOS_LIMIT_MS,
    env: { ETCD_RAFT_TESTDATA: etcdDirectory() },
  })
  if (ended.code === 0) return SURVIVED
  const failed = /^FAIL (.+) \(\d+ cases\)$/m.exec(ended.output)?.[1]
  return { killed: true, by: failed ?? crash(ended) }
}

async function runTests(root: string, likely: readonly string[], all: readonly string[]): Promise<Outcome> {
  if (all.some((path) => TESTS_OF_BUILD.test(path))) await build(root)
  const early = likely.length === 0 ? SURVIVED : await runSome(root, likely)
  return early.killed ? early : await runSome(root, all)
}

/** A failure counts when it repeats: tests share the machine with others. */
async function runSome(root: string, tests: readonly string[]): Promise<Outcome> {
  const first = await runVitest(root, tests)
  if (first === null) return SURVIVED
  const again = first.file === null ? first : await runVitest(root, [first.file])
  return again === null ? SURVIVED : { killed: true, by: again.text }
}

interface TestFailure {
  /** Null: the process ended without a report. */
  readonly file: string | null
  readonly text: string
}

interface VitestReport {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

async function runVitest(root: string, tests: readonly string[]): Promise<TestFailure | null> {
  const report = join(root, REPORT)
  rmSync(report, { force: true })
  const options = ['--bail', '1', '--maxWorkers', '1', '--exclude', SCENARIO_TESTS]
  const ended = await runProcess(['node_modules/vitest/vitest.mjs', 'run', ...options, ...tests], {
    cwd: root,
    limitMs: TESTS_LIMIT_MS,
  })
  if (ended.code === 0) return null
  if (ended.isLate) return { file: null, text: crash(ended) }
  // Vitest reports whatever a mutant does to its tests; without a report it never ran.
  if (!existsSync(report)) throw new Error(`the tests did not run: ${crash(ended)}`)
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as VitestReport
  for (const { name, status, message, assertionResults } of testResults) {
    const file = name.slice(name.indexOf('test/'))
    const failed = assertionResults.find((assertion) => assertion.status === 'failed')
    if (failed !== undefined) return { file, text: `${file}: ${failed.fullName}` }
    if (status === 'failed') return { file, text: `${file}: ${message.split('\n')[0]}` }
  }
  return { file: null, text: crash(ended) }
}

async function runSimulator(root: string, seeds: readonly number[]): Promise<Outcome> {
  const ended = await runProcess(
    ['--import', 'tsx', 'test/sim/run.ts', '--only', seeds.join(','), '--jobs', '1', '--stop'],
    { cwd: root, limitMs: SIMULATOR_START_MS + seeds.length * SIMULATOR_LIMIT_PER_SEED_MS },
  )
  const violation = /^seed (\d+)[^:\n]*: (.+)$/m.exec(ended.output)
  if (violation !== null) return { killed: true, by: violation[2] ?? '', seeds: Number(violation[1]) }
  if (/^\d+ passed, 0 failed$/m.test(ended.output)) return SURVIVED
  throw new Error(`the simulator did not come to an end: ${crash(ended)}`)
}

async function runTorture(root: string, trials: number): Promise<Outcome> {
  await build(root)
  const ended = await runProcess(['--import', 'tsx', TORTURE, '--seed', '1', '--trials', String(trials)], {
    cwd: root,
    limitMs: SIMULATOR_START_MS + trials * TORTURE_LIMIT_PER_TRIAL_MS,
  })
  if (ended.code === 0) return SURVIVED
  return { killed: true, by: /^seed \d+ \(.+$/m.exec(ended.output)?.[0] ?? crash(ended) }
}

function crash({ code, isLate, output }: Ended): string {
  if (isLate) return 'no end in time'
  const lastLine = output.trimEnd().split('\n').at(-1) ?? ''
  return code === null ? `the process was killed: ${lastLine}` : lastLine
}
