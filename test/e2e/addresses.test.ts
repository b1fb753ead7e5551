/** Peer ports that move: `--cluster` helps to find who moved, and the cluster learns the new addresses for good. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { NodePlan } from '../../src/cli/cluster/cluster-node.js'
import type { MemberReport } from '../../src/service/status.js'
import { movedPlans } from '../kit/moved-peers.js'
import { withoutOption } from '../kit/node-words.js'
import { TestCluster, TestNode, until } from '../kit/process-cluster.js'
import { fetchFrom } from '../kit/transport.js'
import { converse } from '../kit/wire.js'

let cluster: TestCluster

beforeEach(async () => {
  cluster = await TestCluster.start()
})
afterEach(async () => {
  await cluster.stop()
})

function move(place: number, plan: NodePlan): TestNode {
  const node = new TestNode(plan)
  cluster.nodes[place] = node
  node.start()
  return node
}

async function peerAddresses(node: TestNode): Promise<string[]> {
  const response = await fetchFrom(node.plan.httpPort, '/v1/members')
  const members = (await response.json()) as MemberReport[] | { members: MemberReport[] }
  return (Array.isArray(members) ? members : members.members).map(({ peer }) => peer)
}

async function everybodyKnows(plans: readonly NodePlan[]): Promise<void> {
  const expected = plans.map(({ peerPort }) => `127.0.0.1:${peerPort}`).join()
  await cluster.untilAllServe()
  await until('all know the new addresses', async () => {
    const known = await Promise.all(cluster.nodes.map(peerAddresses))
    return known.every((addresses) => addresses.join() === expected)
  })
  for (const { port } of cluster.nodes)
    expect(await converse(port, 'lock,name:moved\nrelease\n')).toBe('ok\nreleased\n')
}

it('all nodes at once come back with other peer ports', async () => {
  const plans = await movedPlans(cluster)
  for (const node of cluster.nodes) node.signal('SIGKILL')
  await Promise.all(cluster.nodes.map((node) => node.ended()))
  for (const [place, plan] of plans.entries()) move(place, plan)
  await everybodyKnows(plans)
})

it('one node after the other comes back with another peer port, under everybody’s new list', async () => {
  const plans = await movedPlans(cluster)
  for (const [place, plan] of plans.entries()) {
    const node = cluster.node(place)
    node.signal('SIGTERM')
    expect(await node.ended()).toEqual({ code: 0, signal: null })
    move(place, plan)
    await cluster.untilAllServe()
  }
  await everybodyKnows(plans)
})

it('what was learned outlives the list: a node that starts without it finds the others', async () => {
  const plans = await movedPlans(cluster)
  for (const node of cluster.nodes) node.signal('SIGKILL')
  await Promise.all(cluster.nodes.map((node) => node.ended()))
  for (const [place, plan] of plans.entries()) move(place, plan)
  await everybodyKnows(plans)
  for (const node of cluster.nodes) node.signal('SIGKILL')
  await Promise.all(cluster.nodes.map((node) => node.ended()))
  for (const [place, plan] of plans.entries()) {
    move(place, { ...plan, words: withoutOption(plan.words, '--cluster') })
  }
  await everybodyKnows(plans)
})
