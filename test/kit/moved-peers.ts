/** The nodes of a cluster with other peer ports, in everybody's settings. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { NodePlan } from '../../src/cli/cluster/cluster-node.js'
import { withOption } from './node-words.js'
import type { TestCluster } from './process-cluster.js'

export async function movedPlans(cluster: TestCluster): Promise<NodePlan[]> {
  const ports = await someFreePorts(cluster.nodes.length)
  const list = cluster.nodes.map(({ id }, place) => `${id}=127.0.0.1:${ports[place]}`).join(',')
  return cluster.nodes.map(({ plan }, place) => {
    const words = withOption(plan.words, '--cluster', list)
    return {
      ...plan,
      words: withOption(words, '--peer-listen', `127.0.0.1:${ports[place]}`),
      peerPort: ports[place] ?? 0,
    }
  })
}

/** Ports that nobody listens on. */
async function someFreePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
