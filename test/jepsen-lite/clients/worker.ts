/** The process of some clients; see worker-messages.ts. */
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import type { ClientLives } from './client.js'
import { Journal } from './journal.js'
import type { WorkerEvent, WorkerOrder } from './worker-messages.js'

const order = JSON.parse(process.argv[2] ?? '') as WorkerOrder
const { lives } = (await import(order.module)) as { readonly lives: ClientLives<string> }
const life = lives[order.life]
if (life === undefined) throw new Error(`${order.module} has no life ${order.life}`)
const stopping = new AbortController()
process.stdin.on('end', () => stopping.abort())
process.stdin.resume()

let processes = 0
// A pipe is written at once: what was said before a kill arrives.
const recorder = {
  record: (entry: WorkerEvent['entry'], time: number) => {
    const event: WorkerEvent = { entry, time }
    process.stdout.write(`${JSON.stringify(event)}\n`)
  },
  nextProcess: () => {
    processes += 1
    return processes
  },
}

await Promise.all(
  order.settings.map((settings) =>
    life({
      ...settings,
      random: new SeededRandom(settings.seed),
      journal: new Journal(recorder, BigInt(settings.startedAt)),
      stopping: stopping.signal,
      isOwnProcess: true,
    }),
  ),
)
process.exit(0)
