/** Peer ports that move: `--cluster` helps to find who moved, and the cluster learns the new addresses for good. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { NodePlan } from '../../src/cli/cluster/cluster-node.js'
import type { MemberReport } from '../../src/service/status.js'
import { TestCluster, TestNode, until } from './cluster.js'
import { converse } from './wire.js'

let cluster: TestCluster

beforeEach(async () => {
  cluster = await TestCluster.start()
})
afterEach(async () => {
  await cluster.stop()
})

/** Ports that nobody listens on. */
async function someFreePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

/** The same nodes, with other peer ports in everybody's settings. */
async function movedPlans(): Promise<NodePlan[]> {
  const ports = await someFreePorts(cluster.nodes.length)
  const list = cluster.nodes.map(({ id }, place) => `${id}=127.0.0.1:${ports[place]}`).join(',')
  return cluster.nodes.map(({ plan }, place) => {
    const words = plan.words.map((word, at) => {
      if (plan.words[at - 1] === '--cluster') return list
      return plan.words[at - 1] === '--peer-listen' ? `127.0.0.1:${ports[place]}` : word
    })
    return { ...plan, words, peerPort: ports[place] ?? 0 }
  })
}

function move(place: number, plan: NodePlan): TestNode {
  const node = new TestNode(plan)
  cluster.nodes[place] = node
  node.start()
  return node
}

async function peerAddresses(node: TestNode): Promise<string[]> {
  const response = await fetch(`http://127.0.0.1:${node.plan.httpPort}/v1/members`)
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
  const plans = await movedPlans()
  for (const node of cluster.nodes) node.signal('SIGKILL')
  await Promise.all(cluster.nodes.map((node) => node.ended()))
  for (const [place, plan] of plans.entries()) move(place, plan)
  await everybodyKnows(plans)
})

it('one node after the other comes back with another peer port, under everybody’s new list', async () => {
  const plans = await movedPlans()
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
  const plans = await movedPlans()
  for (const node of cluster.nodes) node.signal('SIGKILL')
  await Promise.all(cluster.nodes.map((node) => node.ended()))
  for (const [place, plan] of plans.entries()) move(place, plan)
  await everybodyKnows(plans)
  for (const node of cluster.nodes) node.signal('SIGKILL')
  await Promise.all(cluster.nodes.map((node) => node.ended()))
  for (const [place, plan] of plans.entries()) {
    const words = plan.words.filter((word, at) => word !== '--cluster' && plan.words[at - 1] !== '--cluster')
    move(place, { ...plan, words })
  }
  await everybodyKnows(plans)
})
