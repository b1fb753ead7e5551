/** New certificates while clients go on. */
import { until } from '../../kit/process-cluster.js'
import type { Drill, Step } from '../drill.js'
import { LineOverTls } from '../line-over-tls.js'

async function shown(drill: Drill): Promise<string[]> {
  return Promise.all(
    drill.cluster.nodes.map(async ({ port }) => {
      const wire = await LineOverTls.open(port, drill.security.ca)
      const { fingerprint } = wire
      wire.close()
      return fingerprint
    }),
  )
}

export const step: Step = {
  name: 'certificates',
  expected: 'the certificates of all nodes are replaced under load: new connections see them, and no client an error',
  run: async (drill) => {
    const before = await shown(drill)
    const cycles = drill.load.cycles
    for (const { id } of drill.cluster.nodes) await drill.security.issue(id)
    const begun = performance.now()
    await until('every node shows its new certificate', async () => {
      const now = await shown(drill)
      return now.every((fingerprint, at) => fingerprint !== before[at])
    })
    const seconds = ((performance.now() - begun) / 1000).toFixed(1)
    await drill.load.goesOn()
    return `in use after ${seconds} s; ${drill.load.cycles - cycles} locks taken meanwhile, 0 errors`
  },
}
