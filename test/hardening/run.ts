/** `npm run hardening`: attacks real processes, trial by trial, and prints what was expected beside what was seen. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { say as out, runTool, UsageError } from '../kit/tool.js'
import { type Listed, listTrials, TRIALS_FOLDER } from './catalogue.js'
import { runIsolated } from './isolation.js'
import { type Row, renderTable } from './results-table.js'
import type { Size } from './trial.js'

const LIMIT_MS: Readonly<Record<Size, number>> = { short: 240_000, long: 3_600_000 }
const HELP = `Usage: npm run hardening -- [options]

  --short             only trials of the short form, each in its short form, as CI does
  --only A,B          only these trials
  --list              names of all trials, and what they expect
  --folder DIR        trials from another folder

A failed trial does not end the run. Ctrl-C ends it after the trial that is running is cleared away.
Exit status: 0 all passed, 1 a trial failed, 2 bad usage.
`

interface Settings {
  readonly size: Size
  readonly only: readonly string[] | null
  readonly list: boolean
  readonly folder: string
}

/** Null if only the help was asked for. */
function readSettings(): Settings | null {
  const { values } = parseArgs({
    options: {
      short: { type: 'boolean', default: false },
      only: { type: 'string' },
      list: { type: 'boolean', default: false },
      folder: { type: 'string', default: TRIALS_FOLDER },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return null
  const { short, only, list, folder } = values
  return { size: short ? 'short' : 'long', only: only?.split(',') ?? null, list, folder: resolve(folder) }
}

function chosenTrials(all: readonly Listed[], { size, only }: Settings): Listed[] {
  const unknown = only?.find((name) => all.every((listed) => listed.name !== name))
  if (unknown !== undefined) {
    throw new UsageError(`--only: there is no ${unknown}; there are ${all.map(({ name }) => name).join(', ')}`)
  }
  // Named trials run whatever their form; a file without a trial is a failure in every form.
  if (only !== null) return all.filter(({ name }) => only.includes(name))
  return all.filter(({ trial }) => size === 'long' || trial === null || trial.inShortForm)
}

async function runAll(trials: readonly Listed[], size: Size): Promise<Row[]> {
  const ending = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort())
  const rows: Row[] = []
  for (const { name, file, trial } of trials) {
    if (ending.signal.aborted) break
    const { ok, seen, seconds, leftRunning } = await runIsolated(file, size, LIMIT_MS[size], ending.signal)
    out(`${ok ? 'ok  ' : 'FAIL'} ${name} (${seconds.toFixed(1)} s): ${seen}`)
    if (leftRunning.length > 0) out(`     left running, and killed: ${leftRunning.join('; ')}`)
    rows.push({ name, expected: trial?.expected ?? '', ok, seen })
  }
  return rows
}

async function main(): Promise<void> {
  const settings = readSettings()
  if (settings === null) return out(HELP)
  const all = await listTrials(settings.folder)
  if (settings.list) {
    for (const { name, trial, why } of all) {
      out(`${name}${trial?.inShortForm === false ? ' (long)' : ''}: ${trial?.expected ?? why}`)
    }
    return
  }
  const trials = chosenTrials(all, settings)
  const rows = await runAll(trials, settings.size)
  out(`\n${renderTable(rows)}\n`)
  const failed = rows.filter(({ ok }) => !ok).length
  if (rows.length < trials.length) out(`${trials.length - rows.length} not run`)
  out(`${rows.length - failed} passed, ${failed} failed`)
  if (failed > 0 || rows.length < trials.length || rows.length === 0) process.exitCode = 1
}

await runTool('hardening', main)
