/** A follower that was away while much was written comes back, and the writing goes on. */
import { setTimeout as sleep } from 'node:timers/promises'
import { TestCluster } from '../../kit/process-cluster.js'
import { HeavyLoad } from '../heavy-load.js'
import type { Outcome, Size, Trial } from '../trial.js'

const BEHIND_MEGABYTES: Record<Size, number> = { short: 40, long: 200 }
const CLIENTS = 8
const LOCKS_AT_ONCE = 40
const CAUGHT_UP_ENTRIES = 2_000
const WITHIN_MS = 180_000
const POLL_MS = 100

async function run(size: Size): Promise<Outcome> {
  const cluster = await TestCluster.start()
  try {
    const leader = await cluster.leader()
    const [away, other] = await cluster.followers()
    const term = (await leader.status())?.term
    away.signal('SIGKILL')
    await away.ended()
    const load = new HeavyLoad([leader, other], CLIENTS, LOCKS_AT_ONCE)
    while (load.megabytes < BEHIND_MEGABYTES[size]) await sleep(POLL_MS)
    const behind = load.megabytes
    away.start()
    const startMs = performance.now()
    let lag = Number.POSITIVE_INFINITY
    let isServing = false
    while ((lag > CAUGHT_UP_ENTRIES || !isServing) && performance.now() - startMs < WITHIN_MS) {
      await sleep(POLL_MS)
      const [front, back] = [await leader.status(), await away.status()]
      if (front !== null && back !== null) lag = front.commit - back.applied
      isServing = (back?.lease ?? 0) > 0
      if (away.end !== null) break
    }
    const tookMs = performance.now() - startMs
    const written = load.megabytes - behind
    await load.stop()
    const ends = [...cluster.nodes]
      .filter((node) => node.end !== null)
      .map(({ id, end }) => `${id} ended with ${end?.code}`)
    const termAfter = (await leader.status())?.term
    const ok = ends.length === 0 && term === termAfter && lag <= CAUGHT_UP_ENTRIES && isServing
    const words = [
      `${behind.toFixed(0)} MiB behind, caught up in ${(tookMs / 1000).toFixed(1)} s while ${written.toFixed(0)} MiB more were written`,
      ends.length === 0 ? 'nobody ended' : ends.join(', '),
      term === termAfter ? 'no election' : `term ${term} became ${termAfter}`,
      `${load.busy} of ${load.granted + load.busy} requests were told busy`,
    ]
    return { ok, seen: words.join('; ') }
  } finally {
    await cluster.stop()
  }
}

export const trial: Trial = {
  name: 'late-follower',
  expected: 'a follower 40 MiB (long: 200 MiB) behind returns under load: nobody ends, no election, it catches up',
  inShortForm: true,
  run,
}
