/** A machine is lost with its disk, and another one takes its place (docs/operations/replace-a-machine.md). */
import { rmSync } from 'node:fs'
import type { Step } from '../drill.js'

export const step: Step = {
  name: 'replaced',
  expected: 'a member is lost with its disk; another one, with a certificate of its own, is a voter in its place',
  run: async (drill) => {
    const { cluster } = drill
    const [lost] = await cluster.followers()
    lost.signal('SIGKILL')
    await lost.ended()
    rmSync(lost.plan.dataDir, { recursive: true })
    const newcomer = drill.newcomer('n4')
    await drill.tnl('members', 'add', newcomer.id, `127.0.0.1:${newcomer.plan.peerPort}`)
    newcomer.start()
    const said = await drill.tnl('members', 'promote', newcomer.id, '--replaces', lost.id, '--wait', '60')
    const voters = (await drill.tnl('members')).match(/^n\d .* voter /gm) ?? []
    if (voters.length !== 3) throw new Error(`${voters.length} voters are there`)
    cluster.nodes.splice(cluster.nodes.indexOf(lost), 1)
    await cluster.untilAllServe()
    return said.trim()
  },
}
