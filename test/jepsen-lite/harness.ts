/** One run: workloads work, faults come and go, everything heals, and the history is judged. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { checkAll, checkRecovery } from './checker/index.js'
import type { History } from './history.js'
import { Observer, statusOf } from './observer.js'
import { RECOVERY_MS, Schedule } from './schedule.js'
import { CannotRun, type Site } from './site.js'
import type { Finding, Workload, WorkloadRun } from './types.js'

const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 60_000
const POLL_MS = 100

export interface RunOptions {
  readonly seconds: number
  readonly clients: number
  readonly seed: number
  /** For what the workloads want to write. */
  readonly dir: string
  readonly workloads: readonly Workload[]
  readonly site: Site
  readonly history: History
  readonly log: (line: string) => void
  /** Ends the run early, in good order. */
  readonly signal: AbortSignal
}

export interface RunOutcome {
  readonly findings: readonly Finding[]
  /** How often each fault was begun. */
  readonly faults: ReadonlyMap<string, number>
  /** Of the servers. */
  readonly version: string
}

export async function runOnce(options: RunOptions): Promise<RunOutcome> {
  const { site, history, workloads, log, signal } = options
  await untilStarted(site)
  await site.prepare?.()
  const [first = ''] = site.observed
  const version = (await statusOf(first))?.version ?? 'unknown'
  const observer = new Observer(site.observed, history)
  for (const [index, workload] of workloads.entries()) workload.start(newWorkloadRun(options, workload, index))
  // What never worked says nothing about faults.
  const idleAtFirst = await whoDoesNothing(workloads, history, 'the start')
  const schedule = new Schedule({
    attacks: site.attacks,
    random: new SeededRandom(options.seed),
    history,
    leaseMs: site.leaseMs,
    whyNotServing: () => site.whyNotServing(),
    log,
  })
  await schedule.run(performance.now() + options.seconds * 1000, signal)
  log('all faults are healed')
  const unsettled = await settle(site)
  const idle = await whoDoesNothing(workloads, history, 'all faults ended')
  const stuck = await stopAll(workloads)
  await observer.stop()
  const seen = [...idleAtFirst, ...schedule.findings, ...unsettled, ...idle, ...stuck, ...site.findings]
  log('the history is judged')
  const judged = [...checkAll(history.events, workloads), ...checkRecovery(history.events, RECOVERY_MS)]
  return { findings: [...seen, ...judged], faults: schedule.counts, version }
}

async function settle(site: Site): Promise<readonly Finding[]> {
  try {
    await site.settle?.()
    return []
  } catch (error) {
    return [{ check: 'recovery', what: String(error), events: [] }]
  }
}

async function untilStarted(site: Site): Promise<void> {
  const deadlineMs = performance.now() + START_TIMEOUT_MS
  for (;;) {
    const why = await site.whyNotServing()
    if (why === null) return
    const [finding] = site.findings
    if (finding !== undefined) throw new CannotRun(finding.what)
    if (performance.now() > deadlineMs) throw new CannotRun(`the cluster does not serve: ${why}`)
    await sleep(POLL_MS)
  }
}

function newWorkloadRun(options: RunOptions, { name }: Workload, index: number): WorkloadRun {
  const { site, history, clients, seed, workloads } = options
  const dir = join(options.dir, name)
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  return {
    endpoints: site.endpoints,
    direct: site.direct,
    clients: Math.max(1, Math.floor(clients / workloads.length) + (index < clients % workloads.length ? 1 : 0)),
    leaseMs: site.leaseMs,
    lingerMs: site.lingerMs,
    random: new SeededRandom(seed + index + 1),
    dir,
    startedAt: history.startedAt,
    now: () => history.now(),
    nextProcess: () => history.nextProcess(),
    record: (entry, time) => history.record(name, entry, time),
    adopt: (process) => site.clients.adopt(process),
  }
}

/** Waits until each workload has had a success; a finding for each that has none in time. `event`: what happened just now. */
async function whoDoesNothing(
  workloads: readonly Workload[],
  history: History,
  event: string,
): Promise<readonly Finding[]> {
  const since = history.now()
  const deadlineMs = performance.now() + RECOVERY_MS
  for (;;) {
    const active = new Set(history.since(since).flatMap(({ type, workload }) => (type === 'ok' ? [workload] : [])))
    const idle = workloads.filter(({ name }) => !active.has(name))
    if (idle.length === 0) return []
    if (performance.now() > deadlineMs) {
      const after = `${RECOVERY_MS / 1000} s after ${event}`
      return idle.map(({ name }) => ({ check: 'recovery', what: `${name}: no success ${after}`, events: [] }))
    }
    await sleep(POLL_MS)
  }
}

async function stopAll(workloads: readonly Workload[]): Promise<readonly Finding[]> {
  const stopped = workloads.map(async (workload) => {
    const timeout = sleep(STOP_TIMEOUT_MS, 'timeout' as const, { ref: false })
    const end = await Promise.race([workload.stop(), timeout])
    const what = `${workload.name}: what was under way does not come to its end`
    return end === 'timeout' ? [{ check: 'recovery', what, events: [] }] : []
  })
  return (await Promise.all(stopped)).flat()
}
