/** `npm run jepsen-lite`: attacks a cluster and judges what its clients saw. README.md explains it. */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { formatTable } from '../../src/cli/shared/table.js'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { type FaultGap, gapsOfFaults } from './checker/availability.js'
import { COULD_NOT_RUN, commandOf, type Flags, INVALID, readFlags, VALID } from './flags.js'
import { type RunOutcome, runOnce } from './harness.js'
import { History } from './history.js'
import { LocalSite } from './local-site.js'
import { RemoteSite } from './remote-site.js'
import { type ReportMeta, writeReport } from './report/report.js'
import { CannotRun, chosen, type Site } from './site.js'
import { RunTls } from './tls.js'
import type { Workload } from './types.js'
import { workloads as knownWorkloads, LEVEL_1_WORKLOADS } from './workloads/index.js'

/** Sockets and child processes of a run that is over have this long to close. */
const END_MS = 5_000

const say = (line: string): void => void process.stdout.write(`${line}\n`)

async function main(): Promise<number> {
  const flags = readFlags()
  const workloads = chooseWorkloads(flags)
  const out = resolve(flags.out ?? join('test-results', 'jepsen-lite', `seed-${flags.seed}`))
  mkdirSync(out, { recursive: true })
  const history = new History(join(out, 'history.jsonl'))
  say(`jepsen-lite: ${flags.seconds} s, seed ${flags.seed}, in ${out}`)
  const startedAt = new Date().toISOString()
  const site = await openSite(flags, out, history)
  try {
    for (const { name, why } of site.skipped) say(`skipped: ${name}: ${why}`)
    if (site.attacks.length === 0 && site.skipped.length > 0) throw new CannotRun('no nemesis is left')
    const outcome = await runOnce({
      ...flags,
      dir: join(out, 'workloads'),
      workloads,
      site,
      history,
      log: (line) => say(`${(history.now() / 1e9).toFixed(1).padStart(6)} s  ${line}`),
      signal: endOnInterrupt(),
    })
    const report = join(out, 'report.html')
    const meta = metaOf(flags, startedAt, site, workloads, outcome)
    writeReport(report, { history: history.events, findings: outcome.findings, meta })
    say(`report: ${report}`)
    return judge(outcome, history)
  } finally {
    await site.close()
    await history.close()
  }
}

async function openSite(flags: Flags, out: string, history: History): Promise<Site> {
  const { endpoints, nemesis, nemesisScript = null, nodes, server, seed, relays } = flags
  const lingerMs = 1000 * flags.linger
  if (endpoints !== undefined) return RemoteSite.open({ endpoints, script: nemesisScript, nemesis, lingerMs })
  if (nemesisScript !== null) throw new CannotRun(`--nemesis-script ${nemesisScript}: needs --endpoints`)
  const dir = join(out, 'nodes')
  const random = new SeededRandom(seed)
  const tls = flags.tls === true ? await RunTls.create() : null
  return LocalSite.start({ nodes, server: resolve(server), nemesis, random, history, dir, relays, lingerMs, tls })
}

function chooseWorkloads({ workload, nemesis }: Flags): readonly Workload[] {
  const isOfLevel1 = nemesis.split(',').some((name) => name.startsWith('swap-program'))
  const known = Object.entries(knownWorkloads).map(([name, create]) => ({ name, create }))
  const able = known.filter(({ name }) => !isOfLevel1 || LEVEL_1_WORKLOADS.has(name))
  return chosen('--workload', workload, able).map(({ create }) => create())
}

/** The first Ctrl-C ends the run in good order, the second one at once. */
function endOnInterrupt(): AbortSignal {
  const ending = new AbortController()
  process.once('SIGINT', () => {
    ending.abort()
    process.once('SIGINT', () => process.exit(COULD_NOT_RUN))
  })
  process.once('SIGTERM', () => process.exit(COULD_NOT_RUN))
  return ending.signal
}

function metaOf(
  flags: Flags,
  startedAt: string,
  site: Site,
  workloads: readonly Workload[],
  { version }: RunOutcome,
): ReportMeta {
  return {
    ...flags,
    command: commandOf(flags),
    nodes: site.endpoints.length,
    workloads: workloads.map(({ name }) => name),
    startedAt,
    version,
    leaseMs: site.leaseMs,
    skipped: site.skipped,
  }
}

function judge({ findings, faults }: RunOutcome, { events }: History): number {
  say(faultTable(faults, gapsOfFaults(events)))
  for (const { check, what, events: piece } of findings) {
    say(`violation (${check}): ${what}`)
    for (const event of piece) say(`  ${JSON.stringify(event)}`)
  }
  const operations = events.filter(({ type }) => type === 'invoke').length
  const summary = `${operations} operations, ${[...faults.values()].reduce((sum, count) => sum + count, 0)} faults`
  if (findings.length === 0) say(`jepsen-lite: VALID (${summary})`)
  else say(`jepsen-lite: INVALID (${findings.length} violations, ${summary})`)
  return findings.length === 0 ? VALID : INVALID
}

/** How often each fault was in force, and the longest time around one of them in which nobody got a lock. */
function faultTable(faults: ReadonlyMap<string, number>, gaps: readonly FaultGap[]): string {
  const rows = [...faults].sort().map(([name, count]) => {
    const lengths = gaps.filter(({ fault }) => fault === name).map(({ gap }) => gap.to - gap.from)
    return [name, String(count), `${(Math.max(0, ...lengths) / 1e9).toFixed(1)} s`]
  })
  return formatTable([['FAULT', 'TIMES', 'LONGEST GAP'], ...rows])
}

/** What is left open after the verdict is named, and does not keep whoever waits for the run waiting. */
function endWithin(ms: number): void {
  const end = () => {
    say(`ended with open handles: ${[...new Set(process.getActiveResourcesInfo())].join(', ')}`)
    process.exit()
  }
  setTimeout(end, ms).unref()
}

try {
  process.exitCode = await main()
} catch (error) {
  const what = error instanceof CannotRun ? error.message : error instanceof Error ? error.stack : String(error)
  say(`could not run: ${what}`)
  process.exitCode = COULD_NOT_RUN
}
endWithin(END_MS)
