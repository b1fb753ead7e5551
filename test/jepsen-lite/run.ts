/** `npm run jepsen-lite`: attacks a cluster and judges what its clients saw. README.md explains it. */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import { formatTable } from '../../src/cli/table.js'
import { SimRandom } from '../sim/random.js'
import { type FaultGap, gapsOfFaults } from './checker/availability.js'
import { type RunOutcome, runOnce } from './harness.js'
import { History } from './history.js'
import { LocalSite } from './local-site.js'
import { RemoteSite } from './remote-site.js'
import { CannotRun, chosen, type Site } from './site.js'
import { workloads as knownWorkloads } from './workloads/index.js'

const VALID = 0
const INVALID = 1
const COULD_NOT_RUN = 2

const SERVER = fileURLToPath(new URL('../../dist/cli/tnl-server.js', import.meta.url))

interface Flags {
  readonly seconds: number
  readonly nodes: number
  readonly nemesis: string
  readonly workload: string
  readonly seed: number
  readonly clients: number
  readonly out?: string
  readonly server: string
  readonly endpoints?: readonly string[]
  readonly nemesisScript?: string
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)

function positive(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError('a whole number from 1 on is needed')
  return Number(text)
}

function nodeCount(text: string): number {
  if (!['1', '3', '5'].includes(text)) throw new InvalidArgumentError('1, 3 or 5')
  return Number(text)
}

function readFlags(): Flags {
  return new Command('jepsen-lite')
    .description('Attacks a cluster of real servers and judges what its clients saw.')
    .option('--seconds <count>', 'how long faults come and go', positive, 120)
    .option('--nodes <count>', '1, 3 or 5', nodeCount, 3)
    .option('--nemesis <names>', 'all, none, or names separated by commas', 'all')
    .option('--workload <names>', 'all, or names separated by commas', 'all')
    .option('--seed <number>', 'chooses faults and their times', positive, 1 + (Date.now() % 1_000_000))
    .option('--clients <count>', 'how many clients, over all workloads', positive, 20)
    .option('--out <dir>', 'for history, report, and logs (default test-results/jepsen-lite/seed-N)')
    .option('--server <file>', 'the server that is attacked', SERVER)
    .option('--endpoints <list>', 'attack a running cluster: HOST:PORT of its nodes', (text) => text.split(','))
    .option('--nemesis-script <file>', 'with --endpoints: begins and ends faults there')
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? VALID : COULD_NOT_RUN))
    .parse()
    .opts<Flags>()
}

async function main(): Promise<number> {
  const flags = readFlags()
  const out = resolve(flags.out ?? join('test-results', 'jepsen-lite', `seed-${flags.seed}`))
  mkdirSync(out, { recursive: true })
  const history = new History(join(out, 'history.jsonl'))
  say(`jepsen-lite: ${flags.seconds} s, seed ${flags.seed}, in ${out}`)
  const site = await openSite(flags, out, history)
  try {
    for (const { name, why } of site.skipped) say(`skipped: ${name}: ${why}`)
    if (site.attacks.length === 0 && site.skipped.length > 0) throw new CannotRun('no nemesis is left')
    const outcome = await runOnce({
      ...flags,
      dir: join(out, 'workloads'),
      workloads: chooseWorkloads(flags.workload),
      site,
      history,
      log: (line) => say(`${(history.now() / 1e9).toFixed(1).padStart(6)} s  ${line}`),
      signal: endOnInterrupt(),
    })
    return judge(outcome, history)
  } finally {
    await site.close()
    await history.close()
  }
}

function openSite(flags: Flags, out: string, history: History): Promise<Site> {
  const { endpoints, nemesis, nemesisScript = null, nodes, server, seed } = flags
  if (endpoints !== undefined) return RemoteSite.open({ endpoints, script: nemesisScript, nemesis })
  if (nemesisScript !== null) throw new CannotRun(`--nemesis-script ${nemesisScript}: needs --endpoints`)
  const dir = join(out, 'nodes')
  return LocalSite.start({ nodes, server: resolve(server), nemesis, random: new SimRandom(seed), history, dir })
}

function chooseWorkloads(wanted: string) {
  const known = Object.entries(knownWorkloads).map(([name, create]) => ({ name, create }))
  return chosen('--workload', wanted, known).map(({ create }) => create())
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

try {
  process.exitCode = await main()
} catch (error) {
  const what = error instanceof CannotRun ? error.message : error instanceof Error ? error.stack : String(error)
  say(`could not run: ${what}`)
  process.exitCode = COULD_NOT_RUN
}
