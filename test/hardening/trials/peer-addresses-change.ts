/** All nodes, then one after the other, come back with other peer ports under a new `--cluster` list. */
import type { NodePlan } from '../../../src/cli/cluster/cluster-node.js'
import { movedPlans } from '../../kit/moved-peers.js'
import { TestCluster, TestNode } from '../../kit/process-cluster.js'
import { converse } from '../../kit/wire.js'
import type { Outcome, Trial } from '../trial.js'

async function restart(cluster: TestCluster, places: readonly number[], plans: readonly NodePlan[]): Promise<void> {
  for (const place of places) cluster.node(place).signal('SIGTERM')
  await Promise.all(places.map((place) => cluster.node(place).ended()))
  for (const place of places) {
    const plan = plans[place]
    if (plan === undefined) continue
    cluster.nodes[place] = new TestNode(plan)
    cluster.node(place).start()
  }
  await cluster.untilAllServe()
}

async function grants(cluster: TestCluster): Promise<boolean> {
  const answers = await Promise.all(cluster.nodes.map(({ port, id }) => converse(port, `lock,name:${id}\nrelease\n`)))
  return answers.every((answer) => answer === 'ok\nreleased\n')
}

async function run(): Promise<Outcome> {
  const cluster = await TestCluster.start()
  try {
    const startMs = performance.now()
    await restart(cluster, [0, 1, 2], await movedPlans(cluster))
    const all = await grants(cluster)
    const allMs = performance.now() - startMs
    const plans = await movedPlans(cluster)
    for (const place of [0, 1, 2]) await restart(cluster, [place], plans)
    const rolling = await grants(cluster)
    return {
      ok: all && rolling,
      seen: `all at once: ${all ? 'every node grants' : 'not every node grants'} after ${(allMs / 1000).toFixed(1)} s · one after the other: ${rolling ? 'every node grants' : 'not every node grants'}`,
    }
  } finally {
    await cluster.stop()
  }
}

export const trial: Trial = {
  name: 'peer-addresses-change',
  expected: 'all peer ports change, at once and one after the other: every node serves afterwards',
  inShortForm: true,
  run,
}
