/**
 * `npm run failover -- --trials 50 --hold 5`: a command runs under a lock while nodes are killed with -9. Each trial
 * demands that the command ends with 0 and that its rival runs only after it. Prints the pause for other clients, and the
 * machine's load before each trial: on a busy machine the pause says more about that than about the cluster.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import type { ClusterNode } from '../src/cli/cluster/cluster-node.js'
import { SeededRandom } from '../src/testing/seeded-random.js'
import { TrialCluster, until } from './failover-cluster.js'
import { Probe } from './failover-probe.js'

const TNL_DO = fileURLToPath(new URL('../dist/cli/tnl-do.js', import.meta.url))
const EXPECTED = ['holder starts', 'holder ends', 'rival starts', 'rival ends']
const RESTART_AFTER_MS = 1_000
/** So much longer is the lock held when the first victim must be back before the second is killed. */
const SECOND_KILL_S = 5
/** What a pause may last at most to be counted to one kill. */
const GAP_WINDOW_MS = 10_000
const PATIENCE_MS = 60_000
/** The one-minute load that a trial begins below, and how often it is looked at. */
const QUIET_LOAD = 0.5
const LOAD_POLL_MS = 1_000

/** Which node dies. The client begins at the leader, because the others redirect it there. */
const KINDS = [
  'the leader, which has the client',
  "the client's node, which does not lead",
  'the leader, elsewhere',
  'two leaders in a row',
] as const

interface Trial {
  readonly number: number
  readonly kind: (typeof KINDS)[number]
  readonly holdMs: number
  readonly random: () => number
}

interface Verdict {
  readonly failures: readonly string[]
  readonly gapsMs: readonly number[]
}

interface Program {
  readonly process: ChildProcess
  readonly ended: Promise<number | null>
  stderr: string
}

async function main(): Promise<void> {
  const { trials, hold, seed, wait } = readFlags()
  const dir = mkdtempSync(join(tmpdir(), 'tnl-failover-'))
  console.log(`${trials} trials, hold ${hold} s, seed ${seed}`)
  const seeded = new SeededRandom(seed)
  const random = (): number => seeded.float()
  const cluster = await TrialCluster.start(dir)
  const gapsMs: number[] = []
  const loads: number[] = []
  let failed = 0
  try {
    for (let number = 1; number <= trials; number += 1) {
      const kind = KINDS[(number - 1) % KINDS.length] ?? KINDS[0]
      const trial = { number, kind, holdMs: hold * 1000, random }
      const load = wait ? await untilQuiet() : loadNow()
      loads.push(load)
      const verdict = await runTrial(cluster, dir, trial).catch(brokenOff)
      gapsMs.push(...verdict.gapsMs)
      if (verdict.failures.length > 0) failed += 1
      const gaps = verdict.gapsMs.map((gap) => `${Math.round(gap)} ms`).join(', ')
      const outcome = verdict.failures.length === 0 ? 'passed' : `FAILED: ${verdict.failures.join('; ')}`
      console.log(`trial ${number}: kill ${kind}: ${outcome} (pause for others ${gaps}; load ${load.toFixed(2)})`)
    }
  } finally {
    await cluster.stop()
    if (failed === 0) rmSync(dir, { recursive: true, force: true })
    else console.log(`data and logs of the nodes: ${dir}`)
  }
  const sorted = gapsMs.sort((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  const highest = Math.max(...loads, 0).toFixed(2)
  console.log(
    `pause for other clients, ${sorted.length} kills: median ${Math.round(median)} ms, max ${Math.round(sorted.at(-1) ?? 0)} ms; highest load before a trial ${highest}`,
  )
  console.log(`${trials - failed} passed, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
}

const loadNow = (): number => loadavg()[0] ?? 0

async function untilQuiet(): Promise<number> {
  while (loadNow() >= QUIET_LOAD) await sleep(LOAD_POLL_MS)
  return loadNow()
}

/** The cluster itself did not do what the trial waited for. */
function brokenOff(error: unknown): Verdict {
  return { failures: [error instanceof Error ? error.message : String(error)], gapsMs: [] }
}

async function runTrial(cluster: TrialCluster, dir: string, trial: Trial): Promise<Verdict> {
  await cluster.untilAllServe()
  const diary = join(dir, `trial-${trial.number}.txt`)
  writeFileSync(diary, '')
  const holdSeconds = trial.kind === 'two leaders in a row' ? trial.holdMs / 1000 + SECOND_KILL_S : trial.holdMs / 1000
  const name = `failover-${trial.number}`
  const first = await cluster.leader()
  const holder = startTnlDo(cluster, ['--lock-name', name], diary, 'holder', holdSeconds)
  try {
    await untilWritten(diary, 'holder starts', holder)
    const startedMs = performance.now()
    const rival = startTnlDo(cluster, ['--lock-name', name, '--wait', 'forever'], diary, 'rival', 0)
    try {
      const killAtMs = startedMs + trial.random() * trial.holdMs * 0.6
      const gapsMs = await killSome(cluster, trial, first, killAtMs)
      const codes = await Promise.all([ended('holder', holder), ended('rival', rival)])
      return { failures: [...codes.flat(), ...checkDiary(diary)], gapsMs }
    } finally {
      rival.process.kill('SIGKILL')
    }
  } finally {
    holder.process.kill('SIGKILL')
  }
}

/** Returns the pause that the clients of the surviving nodes saw, one for each kill. */
async function killSome(cluster: TrialCluster, trial: Trial, first: ClusterNode, atMs: number): Promise<number[]> {
  let victim = first
  if (trial.kind === "the client's node, which does not lead" || trial.kind === 'the leader, elsewhere') {
    const heir = cluster.nodes.find((node) => node !== first) ?? first
    await cluster.transfer(heir)
    if (trial.kind === 'the leader, elsewhere') victim = heir
  }
  await sleep(Math.max(0, atMs - performance.now()))
  const gapsMs = [await killOne(cluster, trial, victim)]
  if (trial.kind === 'two leaders in a row') gapsMs.push(await killOne(cluster, trial, await cluster.leader(victim)))
  return gapsMs
}

async function killOne(cluster: TrialCluster, trial: Trial, victim: ClusterNode): Promise<number> {
  const survivors = cluster.nodes.filter((node) => node !== victim)
  const probes = survivors.map(({ plan }) => new Probe(`probe-${trial.number}-${plan.nodeId}`, plan.clientPort))
  for (const probe of probes) probe.start()
  await until('the probes work', async () => probes.every((probe) => probe.grantedAtMs.length >= 3))
  const killedMs = performance.now()
  cluster.kill(victim)
  await sleep(RESTART_AFTER_MS)
  await cluster.restart(victim)
  await cluster.untilAllServe()
  const endMs = Math.min(performance.now(), killedMs + GAP_WINDOW_MS)
  for (const probe of probes) probe.stop()
  return Math.max(...probes.map((probe) => probe.longestGapMs(killedMs, endMs)))
}

function startTnlDo(cluster: TrialCluster, options: string[], diary: string, who: string, seconds: number): Program {
  const script = `echo ${who} starts >> "${diary}"; sleep ${seconds}; echo ${who} ends >> "${diary}"`
  const words = [TNL_DO, '--endpoints', cluster.endpoints, ...options, '--', 'sh', '-c', script]
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe'] })
  const program: Program = {
    process: child,
    ended: new Promise((resolve) => child.once('exit', (code) => resolve(code))),
    stderr: '',
  }
  child.stderr?.on('data', (chunk) => {
    program.stderr += chunk
  })
  return program
}

async function untilWritten(diary: string, line: string, program: Program): Promise<void> {
  await until(line, async () => {
    if (program.process.exitCode !== null) throw new Error(`tnl-do ended too early: ${program.stderr}`)
    return readFileSync(diary, 'utf8').includes(line)
  })
}

async function ended(who: string, program: Program): Promise<readonly string[]> {
  const code = await Promise.race([program.ended, sleep(PATIENCE_MS, 'never' as const, { ref: false })])
  return code === 0 ? [] : [`the ${who} ended with ${code}: ${program.stderr.trim()}`]
}

/** Appended line by line by both commands: their order on disk is the order in which they ran. */
function checkDiary(diary: string): readonly string[] {
  const lines = readFileSync(diary, 'utf8').trim().split('\n')
  return lines.join() === EXPECTED.join() ? [] : [`ran in this order: ${lines.join(', ')}`]
}

interface Flags {
  readonly trials: number
  readonly hold: number
  readonly seed: number
  readonly wait: boolean
}

function readFlags(): Flags {
  return new Command('failover')
    .description('A command runs under a lock while the nodes of a cluster are killed. Exit status 1 if a trial fails.')
    .option('--trials <count>', 'how many', atLeastZero, 50)
    .option('--hold <seconds>', 'how long the lock is held', atLeastZero, 5)
    .option('--seed <number>', 'chooses who dies and when', atLeastZero, Date.now() % 1_000_000)
    .option('--no-wait', `begin each trial at any load, not only below ${QUIET_LOAD}`)
    .parse()
    .opts<Flags>()
}

function atLeastZero(text: string): number {
  if (!/^\d+(?:\.\d+)?$/.test(text)) throw new InvalidArgumentError('A number from 0 on is needed.')
  return Number(text)
}

await main()
