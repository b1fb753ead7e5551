/** `npm run why-check`: what `why` and `who` say of random situations, against the model and against what then happens. */
import { parseArgs } from 'node:util'
import { formatTable } from '../../../src/cli/shared/table.js'
import { ProgressLine } from '../../kit/progress-line.js'
import { runTool, say, UsageError, wholeNumber } from '../../kit/tool.js'
import { Situations } from './situations.js'

const SITUATIONS = 10_000
/** Fewer meet not everything that has to be met. */
const COMPLETE_FROM = 5_000
/** More would mostly say the same again. */
const FAILURES_MAX = 3
const DAY_S = 86_400
const HELP = `Usage: npm run why-check -- [options]

  --situations N   moments at which somebody waits (default ${SITUATIONS})
  --seed N         of the first world; the others count on from it (default: the time)
  --today          a first seed that is the same all day, as CI does

In each situation everything that why and who say is compared with the reference model's plain lists. Then it is tried in
copies of the machine: with all that is named taken away the request has its turn, with one of it left it has not, and if
nobody does anything it has its turn when it was said to, and no later.
Exit status: 0 all of it is so, 1 some is not, or something that matters was never met; 2 bad usage.
`

function seedOfNow(today: boolean): number {
  const now = Math.floor(Date.now() / 1000)
  return today ? now - (now % DAY_S) : now
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      situations: { type: 'string', default: String(SITUATIONS) },
      seed: { type: 'string' },
      today: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return say(HELP)
  const wanted = wholeNumber('--situations', values.situations)
  if (wanted === 0) throw new UsageError('--situations: none at all')
  const firstSeed = values.seed === undefined ? seedOfNow(values.today) : wholeNumber('--seed', values.seed)
  say(`seed ${firstSeed}`)
  let isStopped = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (isStopped = true))
  const judged = new Situations()
  const bar = new ProgressLine('situations', wanted)
  let failures = 0
  for (let seed = firstSeed; judged.situations < wanted && failures < FAILURES_MAX && !isStopped; seed++) {
    const before = judged.situations
    try {
      judged.play(seed, wanted - before)
    } catch (error) {
      failures++
      say(`\nFAILED ${error instanceof Error ? error.message : String(error)}`)
      say(`again: npm run why-check -- --seed ${seed} --situations 1000`)
    }
    for (let at = before; at < judged.situations; at++) bar.step('')
    await new Promise(setImmediate)
  }
  bar.end()
  const rows = [...judged.counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([what, count]) => [what, String(count)])
  say(formatTable([['WHAT', 'TIMES'], ...rows]))
  const missing = wanted < COMPLETE_FROM ? [] : judged.missing()
  if (missing.length > 0) say(`never met: ${missing.join(', ')}`)
  say(`${judged.situations} situations with ${judged.requests} requests that waited, ${failures} of them told wrong`)
  say(`${judged.situations} passed, ${failures} failed`)
  if (failures > 0 || missing.length > 0 || judged.situations === 0) process.exitCode = 1
}

await runTool('why-check', main)
