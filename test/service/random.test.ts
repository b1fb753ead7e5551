/** Random schedules: whatever happens, no two clients rightly believe that they hold one lock. */
import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { overlaps, runClassicClient, SessionClient, type Shared } from './kit/clients.js'
import { Cluster, ELECTION_MS } from './kit/cluster.js'
import type { FakeNode } from './kit/node.js'

const LEASE_MS = 3_000
const RUN_MS = 90_000
const LONGEST_FAULT_MS = 15_000
/** More by `SEEDS=first-last`; a failure prints its seed. */
const [FIRST_SEED = 1, LAST_SEED = 30] = (process.env.SEEDS ?? '').split('-').filter(Boolean).map(Number)

function nemesis(shared: Shared): void {
  const { cluster, random } = shared
  const { world, nodes } = cluster
  if (shared.stopped) return
  const node = random.pick(nodes)
  const forMs = random.int(random.pick([500, 4_000, LONGEST_FAULT_MS])) + 1
  switch (random.int(8)) {
    case 0:
      if (!node.crashed) node.pause(forMs)
      break
    case 1:
      node.cut = true
      world.after(forMs, null, () => {
        node.cut = false
      })
      break
    case 2:
      restart(node, random.chance(0.5) ? forMs : 50)
      break
    case 3:
      elect(cluster, random)
      break
    case 4:
      Object.assign(cluster.faults, { drop: random.pick([0, 0.1, 0.5]), double: random.pick([0, 0.2]) })
      break
    case 5:
      Object.assign(cluster.faults, { commitMs: random.pick([1, 20, 500]), applyMs: random.pick([1, 20, 1_000]) })
      cluster.faults.peerMs = random.pick([5, 5, 2_500])
      break
    case 6:
      if (node.isReachable() && cluster.leader?.isReachable() && node.appliedIndex() < cluster.leader.appliedIndex()) {
        node.installSnapshotOf(cluster.leader)
      }
      break
    case 7:
      if (node.isReachable()) node.service.stop(() => restart(node, 100))
      break
  }
  world.after(random.int(2_500) + 50, null, () => nemesis(shared))
}

function restart(node: FakeNode, afterMs: number): void {
  if (node.crashed) return
  node.kill()
  node.world.after(afterMs, null, () => node.boot())
}

function elect(cluster: Cluster, random: SeededRandom): void {
  const able = cluster.nodes.filter((node) => node.isReachable())
  if (cluster.hasQuorum() && able.length > 0) cluster.elect(random.pick(able))
}

/** An election takes place when the leader has been out of reach for a while. */
function watchLeader(cluster: Cluster, random: SeededRandom): void {
  if (cluster.leader === null || !cluster.leader.isReachable()) elect(cluster, random)
  cluster.world.after(ELECTION_MS + random.int(ELECTION_MS), null, () => watchLeader(cluster, random))
}

function run(seed: number): { readonly shared: Shared; readonly sessions: readonly SessionClient[] } {
  const random = new SeededRandom(seed)
  const rate = () => 1 + random.int(101) / 1_000
  const cluster = new Cluster({
    seed,
    leaseMs: LEASE_MS,
    rates: [rate(), rate(), rate()],
    service: { requestTimeoutMs: 1_500 },
  })
  cluster.start()
  const shared: Shared = {
    cluster,
    random,
    beliefs: [],
    names: ['a', 'b'],
    linkMs: random.pick([0, 10, 300]),
    stopped: false,
  }
  for (let n = 0; n < 5; n++) runClassicClient(shared, `classic ${n}`)
  const sessions = Array.from({ length: 5 }, (_, n) => new SessionClient(shared, `session ${n}`, LEASE_MS, rate()))
  for (const session of sessions) session.connect()
  nemesis(shared)
  watchLeader(cluster, random)
  cluster.world.advance(RUN_MS)
  return { shared, sessions }
}

/** All faults end; then the cluster must serve on every node, and forget whoever went away. */
function heal({ cluster, random }: Shared, seed: number): void {
  const { world, nodes } = cluster
  // Whoever is paused wakes by itself.
  world.advance(LONGEST_FAULT_MS)
  Object.assign(cluster.faults, { drop: 0, double: 0, commitMs: 1, applyMs: 1, peerMs: 5 })
  for (const node of nodes) {
    node.cut = false
    if (node.crashed) node.boot()
  }
  cluster.elect(random.pick(nodes))
  world.advance(2 * LEASE_MS)
  for (const node of nodes) {
    const probe = node.connect()
    probe.send(`lock,name:probe-${node.nodeId}\n`)
    world.advance(500)
    expect(probe.text, `seed ${seed}, ${node.nodeId}`).toBe('ok\n')
    probe.fin()
  }
  // Classic clients let go after 20 s at the latest; sessions fall silent, are detached and expire.
  world.advance(20_000 + 4 * LEASE_MS)
  const [first] = nodes
  for (const node of nodes) {
    expect([node.machine.lockCount, node.machine.sessionCount], `seed ${seed}, ${node.nodeId}`).toEqual([0, 0])
    expect(node.service.stats().unsettled, `seed ${seed}, ${node.nodeId}`).toBe(0)
    expect(node.machine.stateHash(), `seed ${seed}, ${node.nodeId}`).toBe(first?.machine.stateHash())
  }
}

describe('random schedules', () => {
  it(`never leave two holders that believe (seeds ${FIRST_SEED} to ${LAST_SEED})`, { timeout: 600_000 }, () => {
    let grants = 0
    for (let seed = FIRST_SEED; seed <= LAST_SEED; seed++) {
      const { shared, sessions } = run(seed)
      grants += shared.beliefs.length
      expect(overlaps(shared.beliefs), `seed ${seed}`).toEqual([])
      expect(
        sessions.flatMap((session) => session.inconsistent),
        `seed ${seed}`,
      ).toEqual([])
      for (const node of shared.cluster.nodes) expect(node.fatal, `seed ${seed}`).toEqual([])
      shared.stopped = true
      heal(shared, seed)
      expect(overlaps(shared.beliefs), `seed ${seed}, healed`).toEqual([])
    }
    // A run in which nothing is granted would prove nothing.
    expect(grants).toBeGreaterThan(30 * (LAST_SEED - FIRST_SEED + 1))
  })

  it('finds an overlap where there is one', () => {
    const belief = (who: string, fromMs: number, toMs: number) => ({ name: 'x', who, fromMs, toMs })
    expect(overlaps([belief('a', 0, 10), belief('b', 10, 20)])).toEqual([])
    expect(overlaps([belief('a', 0, 10), belief('b', 9, 20)])).toHaveLength(1)
    expect(overlaps([belief('a', 0, 30), belief('a', 5, 6), belief('b', 9, 20)])).toHaveLength(1)
  })
})
