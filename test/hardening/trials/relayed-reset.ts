/** A proxy that makes a FIN of a client's reset: the rule *Closed connections* (rules.md rule 5). */
import { TestCluster } from '../../kit/process-cluster.js'
import { Relay } from '../../kit/relay.js'
import { fieldOf, Wire } from '../../kit/wire.js'
import type { Outcome, Size, Trial } from '../trial.js'

const LEASE_S = 3
/** What a client may believe after it has lost its connection: 0.9 of its lease. */
const BELIEF_MS = 900 * LEASE_S
const ROUNDS: Record<Size, number> = { short: 3, long: 20 }

/** How long after the holder has left its connection a rival gets the lock. */
async function passedOnMs(port: number, rivalPort: number, name: string, saysFrom: boolean): Promise<number> {
  const holder = await Wire.open(port)
  const from = saysFrom ? `,from:${holder.localEnd}` : ''
  const welcome = await holder.ask(`hello,version:2,redirect:no,lease:${LEASE_S}${from}`)
  fieldOf(welcome, 'session')
  await holder.ask(`lock,id:1,name:${name}`)
  const rival = await Wire.open(rivalPort)
  rival.send(`lock,name:${name},wait:30\n.keepalive\n`)
  await rival.line()
  const startMs = performance.now()
  holder.reset()
  if ((await rival.line()) !== 'ok') throw new Error('the rival got nothing in 30 s')
  const passedMs = performance.now() - startMs
  rival.destroy()
  return passedMs
}

async function run(size: Size): Promise<Outcome> {
  const cluster = await TestCluster.start()
  const [near, far] = await cluster.followers()
  const relay = await Relay.open(near.port)
  try {
    const named: number[] = []
    const silent: number[] = []
    for (let round = 0; round < ROUNDS[size]; round++) {
      named.push(await passedOnMs(relay.port, far.port, `named-${round}`, true))
      silent.push(await passedOnMs(relay.port, far.port, `silent-${round}`, false))
    }
    const [earliestMs, latestSilentMs] = [Math.min(...named), Math.max(...silent)]
    return {
      ok: earliestMs > BELIEF_MS,
      seen: `earliest ${(earliestMs / 1000).toFixed(2)} s with \`from\`; without it, latest ${latestSilentMs.toFixed(0)} ms`,
    }
  } finally {
    relay.close()
    await cluster.stop()
  }
}

export const trial: Trial = {
  name: 'relayed-reset',
  expected: `behind a proxy that makes a FIN of a reset, a lock of a client that names its end passes on after 0.9 of its lease (${BELIEF_MS / 1000} s) at the earliest`,
  inShortForm: true,
  run,
}
