/** Where a new member may be said to live: the leader looks first. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TestCluster, until } from '../kit/process-cluster.js'
import { Program } from '../kit/program.js'

let cluster: TestCluster

beforeAll(async () => {
  cluster = await TestCluster.start()
})
afterAll(() => cluster.stop())

async function add(nodeId: string, peer: string): Promise<{ code: number | null; words: string }> {
  const program = new Program('tnl', ['members', 'add', nodeId, peer, '--endpoints', cluster.endpoints])
  const code = await program.status()
  return { code, words: program.stdout + program.stderr }
}

it.each([
  ["another member's peer port", () => `127.0.0.1:${cluster.node(1).plan.peerPort}`, 'is the peer address of n2'],
  ['the same by another name', () => `localhost:${cluster.node(1).plan.peerPort}`, 'is the peer port of n2, not of n9'],
  ['every address of a machine', () => '0.0.0.0:7655', 'stands for all addresses'],
  ['a client port', () => `127.0.0.1:${cluster.node(0).port}`, 'is not a peer port'],
])('not at %s', async (_, peer, words) => {
  const { code, words: said } = await add('n9', peer())
  expect(said).toContain(words)
  expect(code).not.toBe(0)
})

it('at a place where nobody answers yet: that is said, and the node is let in when it comes', async () => {
  const joiner = cluster.joiner('n4', cluster.node(2).port + 10)
  const { code, words } = await add('n4', `127.0.0.1:${joiner.plan.peerPort}`)
  expect([code, words.includes('not reachable yet')]).toEqual([0, true])
  cluster.nodes.push(joiner)
  joiner.start()
  await until('n4 is a member that serves', async () => ((await joiner.status())?.lease ?? 0) > 0)
})
