/** All nodes are down for longer than a client looks for one, while a tnl-do waits for a lock: it goes on waiting. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { builtProgram, TestCluster, until } from '../../kit/process-cluster.js'
import { Wire } from '../../kit/wire.js'
import type { Outcome, Trial } from '../trial.js'

const OUTAGE_MS = 14_000
const HELD = 'at-night'

async function run(): Promise<Outcome> {
  const cluster = await TestCluster.start()
  try {
    const holder = await Wire.open((await cluster.leader()).port)
    const granted = await holder.ask(`lock,name:${HELD}`)
    const words = ['-v', '--endpoints', cluster.endpoints, '--lock-name', HELD, '--wait', 'forever', 'echo', 'ran']
    const startedAt = performance.now()
    const waiting = spawn(process.execPath, [builtProgram('tnl-do'), ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [waiting.stdout, waiting.stderr]) stream.on('data', (chunk) => (said += String(chunk)))
    const ended = once(waiting, 'close')
    await until('tnl-do waits', async () => said.includes('waiting for the lock'))
    for (const node of cluster.nodes) node.signal('SIGKILL')
    for (const node of cluster.nodes) await node.ended()
    await sleep(OUTAGE_MS)
    for (const node of cluster.nodes) node.start()
    const [status] = await ended
    const tookS = ((performance.now() - startedAt) / 1000).toFixed(0)
    const ran = said.includes('ran\n')
    const told = said.includes('trying on')
    return {
      ok: granted === 'ok' && status === 0 && ran && told,
      seen: `${ran ? 'ran' : 'did not run'} after ${tookS} s, status ${status}, ${told ? 'says' : 'does not say'} that it tries on`,
    }
  } finally {
    await cluster.stop()
  }
}

export const trial: Trial = {
  name: 'long-outage',
  expected: `tnl-do --wait forever -v outlasts an outage of ${OUTAGE_MS / 1000} s, says that it tries on, and runs its command`,
  inShortForm: false,
  run,
}
