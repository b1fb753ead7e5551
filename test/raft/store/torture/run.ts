/**
 * `npm run store-torture`: kills the store while it writes, damages its files, opens it again. Everything acknowledged
 * must be there, or it must refuse and say what, where and what to do.
 */
import { parseArgs } from 'node:util'
import { SingleBar } from 'cli-progress'
import { say as out, runTool, UsageError, wholeNumber } from '../../../kit/tool.js'
import { DAMAGES, type Damage, type Report, USUAL, Worker } from './workers.js'

const WORKERS = 2
/** Between two lines of progress when the output is no terminal. */
const QUIET_MS = 20_000
const HELP = `Usage: npm run store-torture -- [options]

  --trials N          how many (default 500)
  --seed N            of the first trial; the others count on from it (default: the time)
  --only A,B          only these damages: ${DAMAGES.join(', ')}
  --keep              keep all directories, not only those of failed trials

Ctrl-C ends it after the trials that are running.

A seed gives the same plan again, but not the same moment of the kill. An older copy of the whole
directory (older-directory) is out of reach: nothing in a directory can tell; it is not tried unless named.
`

interface Settings {
  readonly trials: number
  readonly firstSeed: number
  readonly only: readonly Damage[]
  readonly keep: boolean
}

function damageNamed(name: string): Damage {
  const damage = DAMAGES.find((known) => known === name)
  if (damage === undefined) throw new UsageError(`--only: there is no ${name}; there are ${DAMAGES.join(', ')}`)
  return damage
}

/** Null if only the help was asked for. */
function readSettings(): Settings | null {
  const { values } = parseArgs({
    options: {
      trials: { type: 'string', default: '500' },
      seed: { type: 'string' },
      only: { type: 'string' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return null
  return {
    trials: wholeNumber('--trials', values.trials),
    firstSeed: values.seed === undefined ? Math.floor(Date.now() / 1000) : wholeNumber('--seed', values.seed),
    only: values.only === undefined ? USUAL : values.only.split(',').map(damageNamed),
    keep: values.keep,
  }
}

async function runAll({ trials, firstSeed, only, keep }: Settings): Promise<Report[]> {
  let isStopped = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (isStopped = true))
  const bar = new SingleBar({
    noTTYOutput: true,
    notTTYSchedule: QUIET_MS,
    format: '{bar} {value}/{total} trials, {failed} failed, {eta} s left',
    hideCursor: true,
  })
  bar.start(trials, 0, { failed: 0 })
  const reports: Report[] = []
  let next = firstSeed
  const workers = Array.from({ length: Math.min(WORKERS, trials) }, (_, number) => new Worker(number))
  await Promise.all(
    workers.map(async (worker) => {
      while (next < firstSeed + trials && !isStopped) {
        reports.push(await worker.run(next++, only, keep))
        bar.update(reports.length, { failed: reports.filter(({ failure }) => failure !== null).length })
      }
      await worker.close()
    }),
  )
  bar.stop()
  return reports
}

type Row = Map<string, number>

function table(reports: readonly Report[]): string[] {
  const rows = new Map<string, Row>()
  for (const { outcome } of reports) {
    const row = rows.get(outcome.row) ?? new Map<string, number>()
    const column = typeof outcome.result === 'string' ? outcome.result : outcome.result.kind
    row.set(column, (row.get(column) ?? 0) + 1)
    rows.set(outcome.row, row)
  }
  const columns = ['whole', 'damaged', 'foreign', 'locked', 'disk-full', 'io', 'skipped', 'failed']
  const line = (name: string, cells: readonly (string | number)[]) =>
    `${name.padEnd(30)}${cells.map((cell) => String(cell).padStart(10)).join('')}`
  const lines = [line('damage', ['trials', ...columns])]
  for (const [name, row] of [...rows].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const trials = [...row.values()].reduce((sum, count) => sum + count, 0)
    lines.push(line(name, [trials, ...columns.map((column) => row.get(column) ?? '')]))
  }
  return lines
}

/** The damages that may be chosen are part of the plan. */
function describeFailure({ seed, damage, failure, kept, notes }: Report, only: readonly Damage[]): string {
  const choice = only === USUAL ? '' : ` --only ${only.join(',')}`
  const again = `npm run store-torture -- --seed ${seed} --trials 1${choice}`
  return [`seed ${seed} (${damage}): ${failure}`, ...notes, `directory: ${kept}`, `again: ${again}`].join('\n  ')
}

async function main(): Promise<void> {
  const settings = readSettings()
  if (settings === null) return out(HELP)
  const startMs = performance.now()
  out(`trials ${settings.firstSeed} to ${settings.firstSeed + settings.trials - 1}`)
  const reports = await runAll(settings)
  for (const line of table(reports)) out(line)
  const failed = reports.filter(({ failure }) => failure !== null)
  for (const report of failed) out(describeFailure(report, settings.only))
  const skipped = reports.filter(({ outcome }) => outcome.result === 'skipped').length
  if (skipped > 0) out(`${skipped} skipped: nothing to damage, or no right to mount a small file system`)
  if (settings.keep) for (const { kept } of reports) out(`kept: ${kept}`)
  out(`${((performance.now() - startMs) / 1000).toFixed(0)} s`)
  out(`${reports.length - failed.length} passed, ${failed.length} failed`)
  if (failed.length > 0 || reports.length === 0) process.exitCode = 1
}

await runTool('store-torture', main)
