/** From the previous release to this program and back, member by member under load, as users will do it. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FEATURE_LEVEL } from '../../src/feature-level.js'
import { builtProgram } from '../kit/process-cluster.js'
import { previousRelease, programOf } from '../kit/programs/previous-release.js'
import { RollingCluster } from '../kit/rolling.js'

/** With an installation of its packages, if they are others. */
const BUILD_TIMEOUT_MS = 600_000
const ROLL_TIMEOUT_MS = 120_000

const PRESENT = builtProgram('tnl-server')
const previous = await previousRelease()
if ('reason' in previous) it.skip(`the previous release: ${previous.reason}`, () => undefined)
else {
  describe(`from ${previous.name}`, { timeout: ROLL_TIMEOUT_MS }, () => {
    let before = ''
    let rolling: RollingCluster

    beforeAll(async () => {
      before = join(await programOf(previous), 'dist/cli/tnl-server.js')
      rolling = await RollingCluster.start(before)
    }, BUILD_TIMEOUT_MS)
    afterAll(() => rolling?.stop())

    it('one member is upgraded, and goes back', async () => {
      await rolling.install(rolling.node(0), PRESENT)
      await rolling.install(rolling.node(0), before)
    })

    it('all are upgraded, and the level follows', async () => {
      for (const node of rolling.cluster.nodes) await rolling.install(node, PRESENT)
      await rolling.untilLevels(rolling.cluster.nodes.map(() => [FEATURE_LEVEL, FEATURE_LEVEL]))
      const { status, said } = await rolling.tnl('upgrade')
      expect([status, said]).toEqual([0, expect.stringContaining(`feature level ${FEATURE_LEVEL}`)])
    })

    it('and nothing was lost', () => rolling.nothingWasLost())
  })
}
