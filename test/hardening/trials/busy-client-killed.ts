/** kill -9 of a library client that is in the middle of its work: what it held idly is free at once. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { TestCluster } from '../../kit/process-cluster.js'
import { Wire } from '../../kit/wire.js'
import type { Outcome, Trial } from '../trial.js'

const PROGRAM = join(import.meta.dirname, '..', 'programs', 'busy-client.js')
const KILLS = 40
const FREE_WITHIN_MS = 100
const SHARE_IN_TIME = 0.9

/** From the kill until a classic client that waits for the idle lock has it. */
async function killOne(cluster: TestCluster, name: string): Promise<number> {
  const port = (await cluster.leader()).port
  const child = spawn(process.execPath, [PROGRAM, cluster.endpoints, name], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  await Promise.race([once(child.stdout, 'data'), exited.then(() => Promise.reject(new Error('the client ended')))])
  const waiter = await Wire.open(port)
  waiter.send(`lock,name:${name},wait:forever\n`)
  // It has its place in the queue when the next word is answered.
  await waiter.ask('.keepalive')
  const killedAt = performance.now()
  child.kill('SIGKILL')
  await waiter.line()
  const freeMs = performance.now() - killedAt
  waiter.destroy()
  await exited
  return freeMs
}

async function run(): Promise<Outcome> {
  const cluster = await TestCluster.start()
  try {
    const times: number[] = []
    for (let kill = 0; kill < KILLS; kill += 1) times.push(await killOne(cluster, `idle-${kill}`))
    times.sort((a, b) => a - b)
    const inTime = times.filter((ms) => ms <= FREE_WITHIN_MS).length
    const at = (share: number): string => `${(times[Math.floor(share * (times.length - 1))] ?? 0).toFixed(0)} ms`
    return {
      ok: inTime >= SHARE_IN_TIME * times.length,
      seen: `${inTime} of ${times.length} within ${FREE_WITHIN_MS} ms; median ${at(0.5)}, longest ${at(1)}`,
    }
  } finally {
    await cluster.stop()
  }
}

export const trial: Trial = {
  name: 'busy-client-killed',
  expected: 'kill -9 of a client with 8 busy tasks frees its idle lock within 100 ms, 9 times of 10',
  inShortForm: false,
  run,
}
