/** Every transcript on three real processes: at the leader, at a follower, and while leadership passes on in the midst of it. */
import { afterAll, beforeAll, describe, it } from 'vitest'
import { TestCluster } from '../kit/process-cluster.js'
import { ProcessGround } from '../transcripts/process-ground.js'
import { replay } from '../transcripts/replay.js'
import { allScenes } from '../transcripts/script.js'

const scenes = allScenes()

describe.each([
  ['at the leader', 'leader', false],
  ['at a follower', 'follower', false],
  ['at the leader, which steps down', 'leader', true],
  ['at a follower, while the leader changes', 'follower', true],
] as const)('transcripts %s', (_, looksAt, leaderChanges) => {
  let cluster: TestCluster

  beforeAll(async () => {
    cluster = await TestCluster.start()
  })

  afterAll(() => cluster.stop())

  it.each(scenes.map((scene) => [scene.id, scene] as const))('%s', async (_id, scene) => {
    await replay(scene, await ProcessGround.at(cluster, looksAt), { leaderChanges })
  })
})
