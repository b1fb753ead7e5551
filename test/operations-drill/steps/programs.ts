/** A node is upgraded, and goes back, while the level is held (docs/operations/upgrade.md). */
import { join } from 'node:path'
import { FEATURE_LEVEL } from '../../../src/feature-level.js'
import { builtProgram } from '../../kit/process-cluster.js'
import { nextLevelProgram } from '../../kit/programs/next-level.js'
import type { Step } from '../drill.js'

export const step: Step = {
  name: 'programs',
  expected: 'a node runs the program of the next level and goes back, under load: no client sees an error',
  run: async (drill) => {
    const next = join(await nextLevelProgram(), 'dist/cli/tnl-server.js')
    await drill.tnl('upgrade', 'hold')
    const [node] = await drill.cluster.followers()
    await drill.restart(node, next)
    const knows = (await node.status())?.knows
    if (knows !== FEATURE_LEVEL + 1) throw new Error(`${node.id} knows level ${knows}`)
    await drill.load.goesOn()
    await drill.restart(node, builtProgram('tnl-server'))
    await drill.tnl('upgrade', 'finish')
    const level = (await node.status())?.level
    if (level !== FEATURE_LEVEL) throw new Error(`the cluster has level ${level}`)
    return `${node.id} had level ${knows} and has ${level} again`
  },
}
