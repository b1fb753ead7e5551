/** kill -9 of a leader, over hundreds of schedules: there must be no second, slow mode. */
import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { TestCluster } from './cluster.js'

const SCHEDULES = 210
/** An election by timeouts alone begins after 500 ms at the earliest. */
const LONGEST_MS = 200
const QUIET_MEDIAN_MS = 30
/** Chooses other schedules. */
const BASE = Number(process.env.TNL_SEED ?? 1)

interface Jitter {
  readonly latencyMs: number
  readonly detectionMs: number
  readonly writeMs: number
}

/** A quiet machine, a slow disk, and one whose event loops are late every now and then. */
const QUIET: Jitter = { latencyMs: 0.5, detectionMs: 5, writeMs: 5 }
const JITTERS: readonly Jitter[] = [
  QUIET,
  { latencyMs: 2, detectionMs: 20, writeMs: 25 },
  { latencyMs: 8, detectionMs: 30, writeMs: 8 },
]

/** From the death to a leader that has applied an entry of its own term. */
async function pauseMs(seed: number, nodes: number, jitter: Jitter): Promise<number> {
  const cluster = new TestCluster(seed, nodes)
  await cluster.startAll()
  const leader = await cluster.waitForLeader()
  await cluster.clock.run(200)
  const random = new SeededRandom(seed)
  const upTo = (bound: number) => () => (random.int(1000) / 1000) * bound
  cluster.network.latencyMs = upTo(jitter.latencyMs)
  cluster.network.detectionMs = upTo(jitter.detectionMs)
  cluster.writeMs = upTo(jitter.writeMs)
  // Not all logs end alike.
  for (let i = 0; i < random.int(4); i++) cluster.say(leader, `last words ${i}`)
  await cluster.clock.run(random.int(20))
  const killedMs = cluster.clock.nowMs
  cluster.kill(leader.nodeId)
  await cluster.waitForLeader()
  return cluster.clock.nowMs - killedMs
}

describe('the death of a leader', () => {
  for (const nodes of [3, 5]) {
    it(`is over soon in every one of ${SCHEDULES} schedules of ${nodes} nodes`, async () => {
      const pauses: number[][] = JITTERS.map(() => [])
      const slow: string[] = []
      for (let i = 0; i < SCHEDULES; i++) {
        const kind = i % JITTERS.length
        const ms = await pauseMs(BASE * 10_000 + i, nodes, JITTERS[kind] ?? QUIET)
        pauses[kind]?.push(ms)
        if (ms > LONGEST_MS) slow.push(`${Math.round(ms)} ms with seed ${BASE * 10_000 + i}`)
      }
      expect(slow).toEqual([])
      const quiet = (pauses[0] ?? []).sort((a, b) => a - b)
      expect(quiet[Math.floor(quiet.length / 2)]).toBeLessThan(QUIET_MEDIAN_MS)
    }, 120_000)
  }
})
