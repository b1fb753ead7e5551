/**
 * Every transcript on three real processes, all of them side by side on one cluster: at the leader and at a follower, while
 * leadership is handed over or the leader is killed in the midst of them.
 */
import { afterEach, expect, it } from 'vitest'
import { TestCluster } from '../kit/process-cluster.js'
import { ProcessGround } from '../transcripts/process-ground.js'
import { replayTogether } from '../transcripts/replay.js'
import { allScenes } from '../transcripts/script.js'

let cluster: TestCluster

afterEach(() => cluster.stop())

it.each([
  ['at the leader, which hands over', 'leader', 'transfer'],
  ['at a follower, while leadership is handed over', 'follower', 'transfer'],
  ['at a follower, while the leader is killed', 'follower', 'kill'],
] as const)('transcripts %s', async (_, looksAt, change) => {
  cluster = await TestCluster.start()
  const ground = await ProcessGround.at(cluster, looksAt, change)
  expect(await replayTogether(allScenes(), ground)).toEqual([])
})
