/** Processes of members that were removed meanwhile: each is told, and ends. */
import { expect, it } from 'vitest'
import { ConfChangeType, EMPTY_BYTES } from '../../../src/raft/core/types.js'
import { READ_PATIENCE_MS, REMOVED_LINGER_MS } from '../../../src/raft/limits.js'
import { encodeMember, TestCluster, type TestNode } from './cluster.js'

const FORMER = /not, or no longer, a member/

/** A cluster of three, one of its followers, and changes of its members. */
async function formed(seed: number) {
  const cluster = new TestCluster(seed, 3)
  await cluster.startAll()
  const leader = await cluster.waitForLeader()
  const old = [...cluster.nodes.values()].find((node) => node !== leader)
  if (old === undefined) throw new Error('a follower is missing')
  const change = async (type: ConfChangeType, raftId: number, context: Uint8Array = EMPTY_BYTES): Promise<void> => {
    const done = leader.node.changeMembership([{ type, nodeId: raftId }], context)
    await cluster.clock.run(100)
    await done
  }
  const add = async (nodeId: string): Promise<number> => {
    const raftId = leader.node.nextRaftId()
    const member = { nodeId, raftId, peerAddress: `${nodeId}:7655`, memberUid: null }
    await change(ConfChangeType.addLearnerNode, raftId, encodeMember(member))
    return raftId
  }
  const remove = (node: TestNode): Promise<void> => change(ConfChangeType.removeNode, node.identity?.raftId ?? 0)
  return { cluster, leader, old, change, add, remove }
}

it('one that was cut off while its name went to a new one is sent away', async () => {
  const { cluster, old, add, remove } = await formed(17)
  for (const { nodeId } of cluster.founders) if (nodeId !== old.nodeId) cluster.network.cut(old.nodeId, nodeId)
  await remove(old)
  await add(old.nodeId)
  cluster.network.heal()
  await cluster.waitFor('refused', () => old.fatal !== null)
  expect(old.fatal).toMatchObject({ exitCode: 4, error: { message: expect.stringMatching(FORMER) } })
})

/** It is down, and a member leads that it has never heard of. */
async function removedWhileDown(seed: number, isNameGivenAgain: boolean) {
  const { cluster, leader, old, change, add, remove } = await formed(seed)
  cluster.kill(old.nodeId)
  const raftId = await add('n4')
  const newcomer = await cluster.start('n4', cluster.founders)
  await cluster.waitFor('joined', () => newcomer.identity?.raftId === raftId)
  await change(ConfChangeType.addNode, raftId)
  await remove(old)
  if (isNameGivenAgain) await add(old.nodeId)
  const handedOver = leader.node.transferLeadership('n4')
  await cluster.waitFor('handed over', () => newcomer.node.isLeaderReady())
  await handedOver
  // Until then members send former ones away in any case.
  await cluster.clock.run(REMOVED_LINGER_MS)
  return { cluster, nodeId: old.nodeId, newcomer }
}

it.each([false, true])(
  'is told by followers where the leader came after it (its name given again: %s)',
  async (again) => {
    const { cluster, nodeId } = await removedWhileDown(27, again)
    const old = await cluster.start(nodeId)
    await cluster.waitFor('refused', () => old.fatal !== null)
    expect(old.fatal).toMatchObject({ exitCode: 4, error: { message: expect.stringMatching(FORMER) } })
  },
)

it('is let in while nobody leads, and told as soon as somebody does', async () => {
  const { cluster, nodeId, newcomer } = await removedWhileDown(28, false)
  const names = [...cluster.nodes.keys()]
  for (const one of names) for (const two of names) if (one < two) cluster.network.cut(one, two)
  await cluster.waitFor('leaderless', () => [...cluster.nodes.values()].every(({ node }) => node.leader() === null))
  const old = await cluster.start(nodeId)
  await cluster.clock.run(2 * READ_PATIENCE_MS)
  expect(old.fatal).toBeNull()
  cluster.network.heal()
  await cluster.waitFor('refused', () => old.fatal !== null)
  expect(old.fatal?.error.message).toMatch(FORMER)
  // Another leader would have told it by itself.
  expect(cluster.leader()).toBe(newcomer)
})
