/** `npm run model`: the lock machine against its reference model, for as long as you like. */
import { parseArgs } from 'node:util'
import { ProgressLine } from '../../kit/progress-line.js'
import { runTool, say, UsageError, wholeNumber } from '../../kit/tool.js'
import { Tally } from './tally.js'
import { playWorld } from './world.js'

const STEPS = 100_000
const STEPS_PER_WORLD = 400
/** More would mostly say the same again. */
const FAILURES_MAX = 3
const DAY_S = 86_400
const HELP = `Usage: npm run model -- [options]

  --steps N        commands in all (default ${STEPS})
  --seed N         of the first world; the others count on from it (default: the time)
  --today          a first seed that is the same all day, as CI does
  --world N        commands of a world (default ${STEPS_PER_WORLD})

After each command, everything that is told and everything that is kept is compared with the model, whose deadlock rule is a
story that is played: "give everybody time". Every disagreement is printed with its seed and the shortest history that shows it.
Exit status: 0 none, 1 some, 2 bad usage.
`

/** Seconds, so that another day or another second begins far beyond what one run plays. */
function seedOfNow(today: boolean): number {
  const now = Math.floor(Date.now() / 1000)
  return today ? now - (now % DAY_S) : now
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      steps: { type: 'string', default: String(STEPS) },
      seed: { type: 'string' },
      today: { type: 'boolean', default: false },
      world: { type: 'string', default: String(STEPS_PER_WORLD) },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return say(HELP)
  const steps = wholeNumber('--steps', values.steps)
  const perWorld = wholeNumber('--world', values.world)
  if (perWorld === 0) throw new UsageError('--world: no command at all')
  const firstSeed = values.seed === undefined ? seedOfNow(values.today) : wholeNumber('--seed', values.seed)
  say(`seed ${firstSeed}`)
  let isStopped = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (isStopped = true))
  const tally = new Tally()
  const worlds = Math.ceil(steps / perWorld)
  const bar = new ProgressLine('worlds', worlds)
  let failures = 0
  for (let at = 0; at < worlds && failures < FAILURES_MAX && !isStopped; at++) {
    try {
      tally.add(playWorld(firstSeed + at, perWorld))
    } catch (error) {
      failures++
      say(`\nFAILED ${error instanceof Error ? error.message : String(error)}`)
      say(`again: npm run model -- --seed ${firstSeed + at} --steps ${perWorld} --world ${perWorld}`)
    }
    bar.step('')
    await new Promise(setImmediate)
  }
  bar.end()
  say(tally.table())
  say(`${tally.steps} steps in ${tally.worlds} worlds, ${failures} disagreements`)
  if (failures === 0) {
    const judged = `${tally.count('answer deadlock')} refused as deadlocks, ${tally.count('queued')} queued`
    say(`${judged}, all judged: 0 phantom, 0 missed, 0 lost wake-ups`)
  }
  say(`${tally.worlds} passed, ${failures} failed`)
  if (failures > 0 || tally.worlds === 0) process.exitCode = 1
}

await runTool('model', main)
