/**
 * `npm run operations-drill`: the first hour of an operator, on real processes. One cluster with TLS and accounts, clients that never
 * stop, and one thing after another that happens to it. Prints what was expected beside what was seen.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Row, renderTable } from '../hardening/results-table.js'
import { runTool, say, UsageError } from '../kit/tool.js'
import { Drill, type Size, type Step } from './drill.js'
import { step as alerts } from './steps/alerts.js'
import { step as certificates } from './steps/certificates.js'
import { step as programs } from './steps/programs.js'
import { step as replaced } from './steps/replaced.js'
import { step as restored } from './steps/restored.js'
import { step as revoked } from './steps/revoked.js'
import { step as strangers } from './steps/strangers.js'

const STEPS: readonly Step[] = [strangers, certificates, revoked, replaced, restored, programs, alerts]
/** What takes longest, and has tests of its own in CI. */
const LONG: ReadonlySet<Step> = new Set([programs, restored, alerts])

const HELP = `Usage: npm run operations-drill -- [options]

  --short      without ${[...LONG].map(({ name }) => name).join(', ')}, as CI does
  --only A,B   only these steps; the cluster is the same
  --list       names of all steps, and what they expect

A step that fails does not end the drill. Exit status: 0 all passed, 1 a step failed, 2 bad usage.
`

function chosen(only: string | undefined, size: Size): readonly Step[] {
  if (only === undefined) return STEPS.filter((step) => size === 'long' || !LONG.has(step))
  const names = only.split(',')
  const unknown = names.find((name) => STEPS.every((step) => step.name !== name))
  if (unknown !== undefined) {
    throw new UsageError(`--only: there is no ${unknown}; there are ${STEPS.map(({ name }) => name).join(', ')}`)
  }
  return STEPS.filter(({ name }) => names.includes(name))
}

function isPossible({ name, missing }: Step): boolean {
  const needed = missing?.() ?? null
  if (needed !== null) say(`SKIPPED ${name}: it needs ${needed}`)
  return needed === null
}

async function runStep(step: Step, drill: Drill, size: Size): Promise<Row> {
  const begun = performance.now()
  const { name, expected } = step
  let row: Row
  try {
    const seen = await step.run(drill, size)
    // The last one takes the quorum away, and has looked itself.
    if (step !== alerts) await drill.load.goesOn()
    row = { name, expected, ok: true, seen }
  } catch (error) {
    row = { name, expected, ok: false, seen: error instanceof Error ? error.message : String(error) }
  }
  say(`${row.ok ? 'ok  ' : 'FAIL'} ${name} (${((performance.now() - begun) / 1000).toFixed(1)} s): ${row.seen}`)
  return row
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      short: { type: 'boolean', default: false },
      only: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return say(HELP)
  if (values.list) return say(STEPS.map(({ name, expected }) => `${name}: ${expected}`).join('\n'))
  const size = values.short ? 'short' : 'long'
  const steps = chosen(values.only, size).filter(isPossible)
  const folder = mkdtempSync(join(tmpdir(), 'tnl-drill-'))
  const drill = await Drill.start(folder, size)
  const rows: Row[] = []
  try {
    for (const step of steps) rows.push(await runStep(step, drill, size))
  } finally {
    await drill.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  say(`\n${renderTable(rows)}\n`)
  const failed = rows.filter(({ ok }) => !ok).length
  say(`${drill.load.cycles} locks were taken meanwhile`)
  say(`${rows.length - failed} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
}

await runTool('operations-drill', main)
