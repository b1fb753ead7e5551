/** `npm run sim`: runs seeds and reports the first violation of each, what was covered, and how fast. */
import { parseArgs } from 'node:util'
import { type RunResult, runSeed } from './simulation.js'

const PROGRESS_MS = 5_000

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    nodes: { type: 'string' },
  },
})

const out = (text: string): void => void process.stdout.write(`${text}\n`)
const err = (text: string): void => void process.stderr.write(`${text}\n`)

async function main(): Promise<void> {
  const first = Number(values.seed ?? values.from)
  const count = values.seed === undefined ? Number(values.seeds) : 1
  const nodes = values.nodes === undefined ? null : Number(values.nodes)
  const coverage = new Map<string, number>()
  const startMs = performance.now()
  let shownMs = startMs
  let [failed, events, virtualMs] = [0, 0, 0]
  for (let seed = first; seed < first + count; seed++) {
    const result = await runSeed(seed, values.trace ? { nodes, trace: out } : { nodes })
    events += result.events
    virtualMs += result.virtualMs
    for (const [what, times] of result.coverage) coverage.set(what, (coverage.get(what) ?? 0) + times)
    if (result.violation !== null) {
      failed++
      report(result)
    }
    if (performance.now() - shownMs > PROGRESS_MS) {
      shownMs = performance.now()
      err(`${seed - first + 1} of ${count} seeds, ${failed} failed, ${events} events`)
    }
    if (count === 1) out(`seed ${seed}: hash ${result.hash}`)
  }
  const realMs = performance.now() - startMs
  for (const [what, times] of [...coverage].sort(([a], [b]) => (a < b ? -1 : 1)))
    out(`${String(times).padStart(9)}  ${what}`)
  out(`${events} events, ${Math.round(virtualMs / 1_000)} s simulated in ${Math.round(realMs / 1_000)} s`)
  out(`${count - failed} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
}

function report({ seed, violation, lastNotes }: RunResult): void {
  if (!values.trace) for (const line of lastNotes) err(line)
  out(`seed ${seed}: ${violation}`)
}

await main()
