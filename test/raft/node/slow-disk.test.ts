/** The rule Slow disks of rules.md, Consensus: nobody gives up anything without evidence that others do better. */
import { describe, expect, it } from 'vitest'
import { NONE, type RaftId, Role } from '../../../src/raft/core/types.js'
import { SlowDisk } from '../../../src/raft/node/slow-disk.js'
import { TestCluster, type TestNode } from './cluster.js'

const ELECTION_MS = 500
const LONG_MS = 120_000

const words = (node: TestNode) => node.machine.state.words
const others = (cluster: TestCluster, but: TestNode) => [...cluster.nodes.values()].filter((node) => node !== but)

async function formed(seed: number, count = 3): Promise<{ cluster: TestCluster; leader: TestNode }> {
  const cluster = new TestCluster(seed, count)
  await cluster.startAll()
  const leader = await cluster.waitForLeader()
  await cluster.waitFor('all follow', () => all(cluster, ({ node }) => node.leader() === leader.nodeId))
  return { cluster, leader }
}

const all = (cluster: TestCluster, is: (node: TestNode) => boolean) => [...cluster.nodes.values()].every(is)
const hang = (cluster: TestCluster, node: TestNode) => cluster.disks.get(node.nodeId)?.hang()
const answer = (cluster: TestCluster, node: TestNode) => cluster.disks.get(node.nodeId)?.answer()

/** Somebody proposes all the time; a proposal may be lost. */
function keepSaying(cluster: TestCluster, speaker: TestNode): () => number {
  let count = 0
  const say = () => {
    cluster.say(speaker, `word ${count++}`)
    cluster.clock.after(100, say)
  }
  say()
  return () => count
}

describe('a node whose disk hangs', () => {
  it('hands the leadership over when the others have stored what it could not', async () => {
    const { cluster, leader } = await formed(1)
    const [other] = others(cluster, leader)
    if (other === undefined) throw new Error('no follower')
    hang(cluster, leader)
    keepSaying(cluster, other)
    await cluster.waitFor(
      'another leads',
      () => cluster.leader() !== null && cluster.leader() !== leader,
      2 * ELECTION_MS,
    )
    await cluster.waitFor('served', () => others(cluster, leader).every((node) => words(node).length > 0), ELECTION_MS)
  })

  it('goes on leading while nothing is to be stored', async () => {
    const { cluster, leader } = await formed(2)
    hang(cluster, leader)
    await cluster.clock.run(LONG_MS)
    expect(cluster.leader()).toBe(leader)
  })

  it('goes on leading while no quorum does better, and so do all, until the disks answer', async () => {
    const { cluster, leader } = await formed(3)
    const term = leader.node.term()
    for (const node of cluster.nodes.values()) hang(cluster, node)
    keepSaying(cluster, leader)
    await cluster.clock.run(LONG_MS)
    expect([...cluster.nodes.values()].map(({ fatal }) => fatal)).toEqual([null, null, null])
    expect([leader.node.isLeader(), leader.node.term()]).toEqual([true, term])
    for (const node of cluster.nodes.values()) answer(cluster, node)
    await cluster.waitFor('all goes on', () => all(cluster, (node) => words(node).length > 0), 2_000)
    expect([leader.node.isLeader(), leader.node.term()]).toEqual([true, term])
  })

  it('goes on leading with one follower that does better: two of three are no quorum without it', async () => {
    const { cluster, leader } = await formed(4)
    const [slow] = others(cluster, leader)
    if (slow === undefined) throw new Error('no follower')
    hang(cluster, leader)
    hang(cluster, slow)
    keepSaying(cluster, leader)
    await cluster.clock.run(LONG_MS)
    expect([leader.node.isLeader(), leader.fatal, slow.fatal]).toEqual([true, null, null])
  })

  it('ends with 3 after a minute, if the cluster goes on without it', async () => {
    const { cluster, leader } = await formed(5)
    const [slow] = others(cluster, leader)
    if (slow === undefined) throw new Error('no follower')
    hang(cluster, slow)
    keepSaying(cluster, leader)
    await cluster.clock.run(59_000)
    expect(slow.fatal).toBeNull()
    await cluster.waitFor('it ends', () => slow.fatal !== null, 5_000)
    expect(slow.fatal?.exitCode).toBe(3)
    expect(slow.fatal?.error.message).toContain('the disk hangs')
    expect(others(cluster, slow).map(({ fatal }) => fatal)).toEqual([null, null])
  })

  it('does not end by what was acknowledged before all disks stalled', async () => {
    const { cluster, leader } = await formed(6)
    keepSaying(cluster, leader)
    await cluster.clock.run(1_000)
    // One after the other within a moment: the last ones still acknowledge what the first ones wait for.
    for (const [place, node] of others(cluster, leader).entries()) cluster.clock.after(place, () => hang(cluster, node))
    cluster.clock.after(2, () => hang(cluster, leader))
    await cluster.clock.run(2 * LONG_MS)
    expect(all(cluster, ({ fatal }) => fatal === null)).toBe(true)
  })

  it('is no heir, and does not campaign', async () => {
    const { cluster, leader } = await formed(7, 5)
    const slow = others(cluster, leader)[0]
    if (slow === undefined) throw new Error('no follower')
    hang(cluster, slow)
    keepSaying(cluster, leader)
    await cluster.clock.run(2 * ELECTION_MS)
    await Promise.all([
      expect(leader.node.transferLeadership(slow.nodeId)).rejects.toThrow('did not take over in time'),
      cluster.clock.run(2 * ELECTION_MS),
    ])
    const term = leader.node.term()
    cluster.kill(leader.nodeId)
    await cluster.clock.run(300)
    expect(slow.node.term()).toBeLessThanOrEqual(term + 1)
    expect(await cluster.waitForLeader()).not.toBe(slow)
  })
})

describe('SlowDisk', () => {
  const ELECTION_TICKS = 10

  /** A leader whose heir never takes over. */
  function watched(role: Role, heir: RaftId) {
    const did: string[] = []
    const state = { write: 1, commit: 5, role }
    const disk = new SlowDisk({
      electionTicks: ELECTION_TICKS,
      tickMs: 100,
      hangsMs: 60_000,
      writeUnderWay: () => state.write,
      nodeLeaseMs: () => 20_000,
      warn: () => undefined,
      onHanging: () => void did.push('end'),
    })
    const core = {
      status: () =>
        ({ role: state.role, commit: state.commit }) as ReturnType<Parameters<typeof disk.tick>[0]['status']>,
      heirOfStalled: () => heir,
      transferLeader: (to: RaftId) => void did.push(`transfer to ${to}`),
      stepDown: () => {
        state.role = Role.follower
        did.push('step down')
      },
      storageStalled: (stalled: boolean) => void did.push(stalled ? 'stalled' : 'fine'),
    }
    const tick = (count: number) => {
      for (let i = 0; i < count; i++) disk.tick(core)
    }
    return { did, state, tick }
  }

  it('steps down when the heir has not taken over within another election timeout', () => {
    const { did, tick } = watched(Role.leader, 2)
    tick(ELECTION_TICKS + 1)
    expect(did).toEqual([])
    tick(1)
    expect(did).toEqual(['stalled', 'transfer to 2'])
    tick(ELECTION_TICKS - 1)
    expect(did).toHaveLength(2)
    tick(1)
    expect(did).toEqual(['stalled', 'transfer to 2', 'step down'])
  })

  it('stays without an heir', () => {
    const { did, tick } = watched(Role.leader, NONE)
    tick(10_000)
    expect(did).toEqual(['stalled'])
  })

  it('counts each write by itself', () => {
    const { did, state, tick } = watched(Role.leader, 2)
    for (let i = 0; i < 100; i++) {
      state.write++
      tick(ELECTION_TICKS)
    }
    expect(did).toEqual([])
  })

  it('says when the disk answers again, and then counts anew', () => {
    const { did, state, tick } = watched(Role.follower, NONE)
    tick(ELECTION_TICKS + 2)
    state.write = 0
    tick(1)
    expect(did).toEqual(['stalled', 'fine'])
  })

  it('ends after six node leases of which one is longer than ten seconds', () => {
    const { did, state, tick } = watched(Role.follower, NONE)
    tick(ELECTION_TICKS + 2)
    state.commit++
    tick(1_201 - ELECTION_TICKS - 2)
    expect(did).toEqual(['stalled'])
    tick(1)
    expect(did).toEqual(['stalled', 'end'])
  })

  it('does not end by a commit from before the write was overdue', () => {
    const { did, state, tick } = watched(Role.follower, NONE)
    tick(ELECTION_TICKS)
    state.commit++
    tick(5_000)
    expect(did).toEqual(['stalled'])
  })
})
