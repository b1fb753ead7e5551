/** A client of the built library with one idle lock and eight tasks that lock and unlock as fast as they can. */
import { connect } from '../../../dist/client/index.js'

const BUSY_TASKS = 8
/** Until the library has seen that the one lock is idle and the others are not. */
const WARM_UP_MS = 1_500

const [endpoints, name] = process.argv.slice(2)
const client = await connect({ endpoints })
await client.acquire(name)
let cycles = 0
const busy = async (task) => {
  for (;;) {
    await client.withLock(`${name}-${task}`, () => {})
    cycles += 1
  }
}
for (let task = 0; task < BUSY_TASKS; task += 1) void busy(task)
setTimeout(() => process.stdout.write(`${cycles}\n`), WARM_UP_MS)
